/** Heartbeats, five a second: how routers learn of this worker and edges know that it lives. */
import { beatSubject, encodeHeartbeat, LIMITS, type Id } from '@yap/protocol'
import type { Clock, NatsLink, Timer } from '@yap/runtime'
import type { Standing } from './standing.js'

export class Announce {
  readonly #timer: Timer

  constructor(link: NatsLink, worker: Id, standing: Standing, clock: Clock) {
    const beat = (): void => {
      if (link.connected) link.connection.publish(beatSubject(worker), encodeHeartbeat(standing.heartbeat()))
    }
    beat()
    this.#timer = clock.setInterval(beat, LIMITS.heartbeatMs)
  }

  stop(): void {
    this.#timer.cancel()
  }
}
