/**
 * Going away: nobody new is admitted, heartbeats say so, and edges place their sessions elsewhere from the turn's start.
 * Done when no session holds a slot, or at the deadline; who is left then is let go, and their edges find out by silence.
 */
import type { Clock, Logger } from '@yap/runtime'
import type { SessionTable } from './session-table.js'

const LOOK_MS = 50

export class Drain {
  readonly #sessions: SessionTable
  readonly #clock: Clock
  readonly #log: Logger
  #sinceMs: number | undefined
  #empty: Promise<void> | undefined

  constructor(sessions: SessionTable, clock: Clock, log: Logger) {
    this.#sessions = sessions
    this.#clock = clock
    this.#log = log
  }

  get draining(): boolean {
    return this.#sinceMs !== undefined
  }

  /** Stops admitting. Resolves when all sessions are gone, or after `deadlineMs` of the first call. */
  begin(deadlineMs: number): Promise<void> {
    if (this.#sinceMs === undefined) {
      this.#sinceMs = this.#clock.now()
      this.#log.info({ sessions: this.#sessions.liveCount, deadlineMs }, 'draining: sessions move to other workers')
    }
    this.#empty ??= this.#untilEmpty(this.#sinceMs + deadlineMs)
    return this.#empty
  }

  #untilEmpty(deadlineAtMs: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        const left = this.#sessions.liveCount
        if (left > 0 && this.#clock.now() < deadlineAtMs) {
          this.#clock.setTimeout(look, LOOK_MS)
          return
        }
        if (left > 0) this.#log.warn({ sessions: left }, 'drain deadline reached with sessions left')
        resolve()
      }
      look()
    })
  }
}
