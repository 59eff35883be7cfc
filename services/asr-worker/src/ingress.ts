/** Audio from NATS: one subscription for all sessions of this worker. A message is appended and its session woken; no more. */
import { audioSubjects, decodeAudioMessage, ProtocolError, sessionOfSubject, type Id } from '@yap/protocol'
import type { Clock, NatsLink, Subscription } from '@yap/runtime'
import type { WorkerMetrics } from './metrics.js'
import type { Scheduler } from './scheduler.js'
import type { SessionTable } from './session-table.js'

export interface IngressParts {
  link: NatsLink
  worker: Id
  sessions: SessionTable
  scheduler: Scheduler
  metrics: WorkerMetrics
  clock: Clock
}

export class Ingress {
  readonly #parts: IngressParts
  readonly #subscription: Subscription

  constructor(parts: IngressParts) {
    this.#parts = parts
    this.#subscription = parts.link.connection.subscribe(audioSubjects(parts.worker), {
      callback: (error, message) => {
        if (!error) this.#hear(message.subject, message.data)
      },
    })
  }

  stop(): void {
    this.#subscription.unsubscribe()
  }

  #hear(subject: string, data: Uint8Array): void {
    const { sessions, scheduler, metrics, clock } = this.#parts
    const id = sessionOfSubject(subject)
    const session = id && sessions.get(id)
    if (!session) {
      metrics.dropped('unknown_session')
      return
    }
    try {
      const message = decodeAudioMessage(data)
      session.heardAtMs = clock.now()
      scheduler.settle(session, session.core.audio(message, session.heardAtMs))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      metrics.dropped('unreadable')
    }
  }
}
