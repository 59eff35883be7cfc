/**
 * A WorkerTable fed from NATS. When this process itself was deaf (NATS down, event loop frozen) the silence is its own:
 * nobody is declared dead for it.
 */
import { beatSubjects, decodeHeartbeat, ProtocolError } from '@yap/protocol'
import { systemClock, type Clock, type Timer } from './clock.js'
import type { Logger } from './log.js'
import type { NatsLink, Subscription } from './nats.js'
import { WorkerTable, type WorkerChange } from './worker-table.js'

const TICK_MS = 50
/** A tick this late means that we were frozen, and heartbeats wait unread. */
const FROZEN_MS = 300

export class WorkerWatch {
  readonly table = new WorkerTable()
  readonly #listeners: ((change: WorkerChange) => void)[] = []
  readonly #clock: Clock
  readonly #log: Logger
  readonly #link: NatsLink
  readonly #subscription: Subscription
  readonly #timer: Timer
  #tickedAtMs: number
  #badBeats = 0

  constructor(link: NatsLink, log: Logger, clock: Clock = systemClock) {
    this.#clock = clock
    this.#log = log
    this.#link = link
    this.#tickedAtMs = clock.now()
    link.onChange((connected) => {
      if (connected) this.table.forgive(clock.now())
    })
    this.#subscription = link.connection.subscribe(beatSubjects(), {
      callback: (error, message) => {
        if (!error) this.#hear(message.data)
      },
    })
    this.#timer = clock.setInterval(() => this.#tick(), TICK_MS)
  }

  onChange(listener: (change: WorkerChange) => void): void {
    this.#listeners.push(listener)
  }

  stop(): void {
    this.#timer.cancel()
    this.#subscription.unsubscribe()
  }

  #hear(data: Uint8Array): void {
    try {
      this.#tell(this.table.hear(decodeHeartbeat(data), this.#clock.now()))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      if (this.#badBeats++ === 0)
        this.#log.warn({ err: error }, 'heartbeat that cannot be read; further ones are not logged')
    }
  }

  #tick(): void {
    const now = this.#clock.now()
    const frozen = now - this.#tickedAtMs > FROZEN_MS
    this.#tickedAtMs = now
    if (frozen || !this.#link.connected) this.table.forgive(now)
    this.#tell(this.table.tick(now))
  }

  #tell(changes: readonly WorkerChange[]): void {
    for (const change of changes) {
      if (change.life === 'gone') this.#log.warn({ worker: change.worker }, `worker ${change.name} is gone`)
      else this.#log.info({ worker: change.worker }, `worker ${change.name} is ${change.life}`)
      for (const listener of this.#listeners) listener(change)
    }
  }
}
