/** Bind requests from edges (request and reply on `yap.bind.<worker>`). */
import { bindSubject, decodeBindRequest, encodeBindResponse, ProtocolError, type Id } from '@yap/protocol'
import type { Clock, Msg, NatsLink, Subscription } from '@yap/runtime'
import type { Admission } from './admission.js'
import type { WorkerMetrics } from './metrics.js'

export interface BindsParts {
  link: NatsLink
  worker: Id
  admission: Admission
  metrics: WorkerMetrics
  clock: Clock
}

export class Binds {
  readonly #parts: BindsParts
  readonly #subscription: Subscription

  constructor(parts: BindsParts) {
    this.#parts = parts
    this.#subscription = parts.link.connection.subscribe(bindSubject(parts.worker), {
      callback: (error, message) => {
        if (!error) this.#answer(message)
      },
    })
  }

  stop(): void {
    this.#subscription.unsubscribe()
  }

  #answer(message: Msg): void {
    const { admission, metrics, clock } = this.#parts
    try {
      const response = admission.bind(decodeBindRequest(message.data), clock.now())
      metrics.bound(response.status)
      message.respond(encodeBindResponse(response))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      metrics.dropped('unreadable')
    }
  }
}
