/**
 * Ends this process when its supervisor is gone, however that died: a killed supervisor cannot tell anybody. Two signs are
 * watched, because either may be missing: standard input closes (a pipe from the supervisor), or the pid is no more.
 */
import { fstatSync } from 'node:fs'
import { systemClock, type Clock, type Timer } from './clock.js'

const POLL_MS = 500

export class ParentWatch {
  readonly #timer: Timer
  #done = false

  /** `gone` is called once. A direct child also sees its own parent change, should the pid be reused by another program. */
  constructor(parentPid: number, gone: () => void, clock: Clock = systemClock) {
    const direct = process.ppid === parentPid
    const end = (): void => {
      if (this.#done) return
      this.stop()
      gone()
    }
    this.#timer = clock.setInterval(() => {
      if ((direct && process.ppid !== parentPid) || !isAlive(parentPid)) end()
    }, POLL_MS)
    if (stdinIsPipe()) {
      process.stdin.on('end', end)
      process.stdin.on('error', end)
      process.stdin.resume()
      // Standard input must not by itself keep a process alive that has finished.
      ;(process.stdin as unknown as { unref?: () => void }).unref?.()
    }
  }

  stop(): void {
    this.#done = true
    this.#timer.cancel()
  }
}

/** /dev/null and files end at once and mean nothing. */
function stdinIsPipe(): boolean {
  try {
    const stat = fstatSync(0)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
