/** Sessions placed at a worker since it last spoke: without them everybody of one heartbeat would go to the same worker. */
import { LIMITS, type Id } from '@yap/protocol'

/** The bind must arrive and the next heartbeat must come back. */
const FORGET_AFTER_MS = 2 * LIMITS.heartbeatMs

interface Entry {
  readonly atMs: number
  readonly busyShare: number
}

export class PendingLoads {
  readonly #byWorker = new Map<Id, Entry[]>()

  add(worker: Id, busyShare: number, nowMs: number): void {
    const entries = this.#byWorker.get(worker)
    if (entries) entries.push({ atMs: nowMs, busyShare })
    else this.#byWorker.set(worker, [{ atMs: nowMs, busyShare }])
  }

  of(worker: Id, nowMs: number): { busyShare: number; sessions: number } {
    const entries = this.#byWorker.get(worker)
    if (!entries) return { busyShare: 0, sessions: 0 }
    while (entries.length > 0 && nowMs - entries[0]!.atMs > FORGET_AFTER_MS) entries.shift()
    if (entries.length === 0) this.#byWorker.delete(worker)
    return { busyShare: entries.reduce((sum, e) => sum + e.busyShare, 0), sessions: entries.length }
  }
}
