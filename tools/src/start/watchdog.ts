/** The supervisor's end of the watchdog (watchdog-main.ts): tells it what to end should the supervisor be killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { identify } from './process-identity.js'
import type { WatchdogMessage } from './watchdog-main.js'

const MAIN = fileURLToPath(new URL('watchdog-main.js', import.meta.url))

/** Services end by themselves when their supervisor is gone; they look twice a second. */
const SERVICE_WAIT_MS = 3000

/** Somebody killed the watchdog: another one takes over, at a pace that does no harm should it never start. */
const RESTART_MS = 500

export class Watchdog {
  readonly #watched = new Map<number, WatchdogMessage>()
  #process: ChildProcess | undefined
  #again: NodeJS.Timeout | undefined
  #stopping = false

  start(): void {
    // Its own session: neither Ctrl-C nor the end of the terminal reaches it. A heap this small is plenty and costs little memory.
    const child = spawn(process.execPath, ['--max-old-space-size=16', '--max-semi-space-size=1', MAIN], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
    })
    this.#process = child
    // A write to a watchdog that has just died; it is started again below.
    child.stdin?.on('error', () => {})
    child.on('error', () => {})
    child.on('close', () => {
      if (!this.#stopping) this.#again = setTimeout(() => this.start(), RESTART_MS)
    })
    for (const message of this.#watched.values()) this.#send(message)
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** From now on this process ends when the supervisor does. `endsByItself`: it may do so before it is made to. */
  watch(pid: number, { endsByItself }: { endsByItself: boolean }): void {
    const message = { watch: identify(pid), waitMs: endsByItself ? SERVICE_WAIT_MS : 0 }
    this.#watched.set(pid, message)
    this.#send(message)
  }

  forget(pid: number): void {
    if (this.#watched.delete(pid)) this.#send({ forget: pid })
  }

  /** Lets the watchdog go; it ends what it still has on its list. Resolves when it is gone. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#stopping = true
    clearTimeout(this.#again)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.stdin?.end()
    await gone
  }

  #send(message: WatchdogMessage): void {
    this.#process?.stdin?.write(`${JSON.stringify(message)}\n`)
  }
}
