/**
 * Which worker has the session, which have failed it, and whom to try next: the standby, else whoever the router names. Each
 * attempt is a new epoch, so that nobody who was tried before can speak for the session any more.
 */
import { strict as assert } from 'node:assert'
import { LIMITS, type Id } from '@yap/protocol'
import type { Placement } from './session-events.js'

/** A session that moves asks again this often while nobody has room for it. */
const ASK_AGAIN_MS = 250

export class WorkerSearch {
  #epoch = 0
  /** Set from the first answer of a router on. */
  #placement: Placement | undefined
  /** Has the session, or is asked to take it; undefined while a router is asked. */
  #worker: Id | undefined
  /** Workers that just failed us; empty when one has the session. */
  readonly #failed = new Set<Id>()
  #attempts = 0
  /** When the session lost its worker; undefined while it has one, or has had none yet. */
  #movingSinceMs: number | undefined
  #askAgainAtMs = Infinity

  get epoch(): number {
    return this.#epoch
  }

  get worker(): Id | undefined {
    return this.#worker
  }

  get placement(): Placement {
    assert(this.#placement, 'no router has answered yet. This is a bug.')
    return this.#placement
  }

  /** A router is asked. */
  ask(): { readonly modelHash: string; readonly exclude: readonly Id[] } {
    this.#worker = undefined
    this.#askAgainAtMs = Infinity
    return { modelHash: this.#placement?.modelHash ?? '', exclude: [...this.#failed] }
  }

  /** A router has answered: this worker is tried. */
  placed(placement: Placement): Id {
    this.#placement = placement
    return placement.worker
  }

  /** One more worker is asked to take the session. */
  attempt(worker: Id): void {
    this.#worker = worker
    this.#epoch++
    this.#attempts++
  }

  /** The standby, unless it has failed too; undefined: ask a router. */
  nextAfterFailure(): Id | undefined {
    if (this.#worker) this.#failed.add(this.#worker)
    const standby = this.#placement?.standby
    return standby && !this.#failed.has(standby) ? standby : undefined
  }

  /** So many workers did not take it that a new session is refused. */
  get exhausted(): boolean {
    return this.#attempts >= LIMITS.bindAttemptsMax
  }

  /** The worker that had the session is lost. */
  lost(nowMs: number): void {
    this.#movingSinceMs ??= nowMs
  }

  /** A worker has taken the session. */
  found(): void {
    this.#failed.clear()
    this.#attempts = 0
    this.#movingSinceMs = undefined
  }

  /** No worker for a session that moves. False: it has waited long enough. */
  wait(nowMs: number): boolean {
    if (nowMs - (this.#movingSinceMs ?? nowMs) > LIMITS.failoverMsMax) return false
    // Those who failed before may be back by then.
    this.#failed.clear()
    this.#askAgainAtMs = nowMs + ASK_AGAIN_MS
    return true
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#askAgainAtMs
  }
}
