/**
 * Which process a pid meant. Pids are used again, so whoever kills by a pid that it wrote down earlier must first see that it is
 * still the same process: (pid, startId) is that identity where the system tells when a process began (Linux).
 */
import { readFileSync } from 'node:fs'

export interface ProcessIdentity {
  pid: number
  /** Start time in the kernel's own ticks; undefined where the system does not tell, and then the pid must do. */
  startId?: string
}

export function identify(pid: number): ProcessIdentity {
  const startId = startIdOf(pid)
  return startId === undefined ? { pid } : { pid, startId }
}

/** Whether that very process still runs. */
export function isRunning({ pid, startId }: ProcessIdentity): boolean {
  if (startId !== undefined) return startIdOf(pid) === startId
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Sends a signal to that very process; false when it is no more. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch {
    return false
  }
}

/** Field 22 of /proc/<pid>/stat; undefined when there is no such process, or it is a zombie that only waits to be collected. */
function startIdOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets and may hold anything, brackets and blanks too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
