/** Text messages to the edges. Without a connection nothing is published: results wait, and are repeated when it is back. */
import { encodeTextMessage, textSubject, type TextMessage } from '@yap/protocol'
import type { NatsLink } from '@yap/runtime'
import type { WorkerMetrics } from './metrics.js'
import type { Session } from './session-table.js'

export class Egress {
  readonly #link: NatsLink
  readonly #metrics: WorkerMetrics

  constructor(link: NatsLink, metrics: WorkerMetrics) {
    this.#link = link
    this.#metrics = metrics
  }

  publish(session: Session, message: TextMessage): void {
    if (message.need !== undefined) this.#metrics.gap()
    if (!this.#link.connected) return
    this.#link.connection.publish(textSubject(session.edge, session.id), encodeTextMessage(message))
  }
}
