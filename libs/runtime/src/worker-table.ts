/**
 * Who is alive, from heartbeats alone. Pure: time is an argument. Routers place by it; edges move sessions by it.
 *
 *   from      event                                             to
 *   -         heartbeat                                         up, or draining if it says so
 *   up        it says that it drains                            draining
 *   up        nothing heard for suspectMs                       suspect
 *   suspect   heartbeat                                         up
 *   any       nothing heard for goneMs; or its name came back   gone (and forgotten)
 *             with another incarnation while it was silent
 *
 * A replaced incarnation is silent for two beats before it counts as dead, so that two processes which were given one name
 * by mistake do not declare each other dead in turn.
 */
import { LIMITS, type Heartbeat, type Id } from '@yap/protocol'

export const WorkerLife = { UP: 'up', SUSPECT: 'suspect', DRAINING: 'draining', GONE: 'gone' } as const
export type WorkerLife = (typeof WorkerLife)[keyof typeof WorkerLife]

export interface KnownWorker {
  readonly beat: Heartbeat
  /** When the last heartbeat came, ms of the caller's clock. */
  readonly heardAtMs: number
  readonly life: WorkerLife
}

export interface WorkerChange {
  readonly worker: Id
  readonly name: string
  readonly life: WorkerLife
}

const REPLACED_AFTER_MS = 2 * LIMITS.heartbeatMs

export class WorkerTable {
  readonly #workers = new Map<Id, KnownWorker>()

  get(worker: Id): KnownWorker | undefined {
    return this.#workers.get(worker)
  }

  /** Everybody who is not gone. */
  all(): KnownWorker[] {
    return [...this.#workers.values()]
  }

  /** One heartbeat; returns what changed by it. */
  hear(beat: Heartbeat, nowMs: number): WorkerChange[] {
    const before = this.#workers.get(beat.worker)
    // Reordered: what it says is older than what is known.
    if (before && beat.seq < before.beat.seq) return []
    if (!before && this.#workers.size >= LIMITS.workersMax) return []
    const changes = this.#retireReplaced(beat, nowMs)
    const life = beat.draining ? WorkerLife.DRAINING : WorkerLife.UP
    this.#workers.set(beat.worker, { beat, heardAtMs: nowMs, life })
    if (before?.life !== life) changes.push({ worker: beat.worker, name: beat.name, life })
    return changes
  }

  /** Time has passed; returns who became suspect or gone. */
  tick(nowMs: number): WorkerChange[] {
    const changes: WorkerChange[] = []
    for (const [worker, known] of this.#workers) {
      const silentMs = nowMs - known.heardAtMs
      if (silentMs >= LIMITS.goneMs) changes.push(this.#forget(worker, known))
      else if (silentMs >= LIMITS.suspectMs && known.life === WorkerLife.UP) {
        this.#workers.set(worker, { ...known, life: WorkerLife.SUSPECT })
        changes.push({ worker, name: known.beat.name, life: WorkerLife.SUSPECT })
      }
    }
    return changes
  }

  /** The listener itself was deaf (no NATS, or stopped): nobody's silence since then may be held against them. */
  forgive(nowMs: number): void {
    for (const [worker, known] of this.#workers) this.#workers.set(worker, { ...known, heardAtMs: nowMs })
  }

  #retireReplaced(beat: Heartbeat, nowMs: number): WorkerChange[] {
    const changes: WorkerChange[] = []
    for (const [worker, known] of this.#workers) {
      const replaced = known.beat.name === beat.name && known.beat.incarnation !== beat.incarnation
      if (replaced && nowMs - known.heardAtMs > REPLACED_AFTER_MS) changes.push(this.#forget(worker, known))
    }
    return changes
  }

  #forget(worker: Id, known: KnownWorker): WorkerChange {
    this.#workers.delete(worker)
    return { worker, name: known.beat.name, life: WorkerLife.GONE }
  }
}
