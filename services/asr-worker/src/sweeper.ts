/**
 * Looks at every session ten times a second: repeats what was not acknowledged, tells of lag, lets go of sessions whose edge
 * is silent, and forgets those that have lingered long enough after their end.
 */
import { LIMITS } from '@yap/protocol'
import type { Clock, Logger, Timer } from '@yap/runtime'
import type { Scheduler } from './scheduler.js'
import type { Session, SessionTable } from './session-table.js'

const SWEEP_MS = 100
export interface SweeperParts {
  sessions: SessionTable
  scheduler: Scheduler
  /** Without NATS nobody can be heard. */
  connected: () => boolean
  clock: Clock
  log: Logger
}

export class Sweeper {
  readonly #parts: SweeperParts
  readonly #timer: Timer
  #sweptAtMs: number

  constructor(parts: SweeperParts) {
    this.#parts = parts
    this.#sweptAtMs = parts.clock.now()
    this.#timer = parts.clock.setInterval(() => this.#sweep(), SWEEP_MS)
  }

  stop(): void {
    this.#timer.cancel()
  }

  #sweep(): void {
    const nowMs = this.#parts.clock.now()
    // A worker that was frozen or cut off must not take its own deafness for silence of the edges.
    const deaf = nowMs - this.#sweptAtMs > 10 * SWEEP_MS || !this.#parts.connected()
    this.#sweptAtMs = nowMs
    if (deaf) for (const session of this.#parts.sessions.all()) session.heardAtMs = nowMs
    for (const session of this.#parts.sessions.all()) {
      const silenceMsMax = session.core.live ? LIMITS.edgeSilenceMsMax : LIMITS.releaseMsMax
      if (nowMs - session.heardAtMs > silenceMsMax) this.#letGo(session)
      else if (session.core.live) this.#parts.scheduler.settle(session, session.core.sweep(nowMs))
    }
  }

  #letGo(session: Session): void {
    const { scheduler, sessions, log } = this.#parts
    if (session.core.live) log.info({ session: session.id, edge: session.edge }, 'session let go: its edge is silent')
    scheduler.leave(session)
    sessions.remove(session)
  }
}
