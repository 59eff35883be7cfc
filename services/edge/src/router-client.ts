/**
 * Asks a router where a session may go, and hears from it which workers drain. Any router will do: the next one is asked when
 * one does not answer. Sessions that live need none.
 */
import { credentials, Metadata, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js'
import { isId, LIMITS, type ErrorCode, type Id } from '@yap/protocol'
import { RouterClient, WorkerState, type PlaceRequest, type PlaceResponse, type WorkerEvent } from '@yap/protocol/grpc'
import { systemClock, type Clock, type Logger, type Timer } from '@yap/runtime'
import type { Placement } from './session-events.js'

export type PlaceAnswer =
  Placement | { readonly error: ErrorCode; readonly message: string; readonly retryAfterMs?: number }

const WATCH_AGAIN_MS = 300
const CHANNEL = {
  'grpc.keepalive_time_ms': 2_000,
  'grpc.keepalive_timeout_ms': 2_000,
  // The default backs off for up to two minutes, in which a router has long been back.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
} as const

export interface RouterEvents {
  /** A worker's state as a router sees it. */
  worker(worker: Id, state: WorkerState): void
}

export class RouterPool {
  readonly #clients: readonly RouterClient[]
  readonly #edge: Id
  readonly #log: Logger
  readonly #clock: Clock
  #preferred = 0
  #events: RouterEvents | undefined
  #stream: ClientReadableStream<WorkerEvent> | undefined
  #again: Timer | undefined
  #connected = false
  #saidAbsent = false

  /** `addresses`: host:port, separated by commas. */
  constructor(addresses: string, edge: Id, log: Logger, clock: Clock = systemClock) {
    const list = addresses.split(',').map((a) => a.trim())
    this.#clients = list
      .filter(Boolean)
      .map((address) => new RouterClient(address, credentials.createInsecure(), CHANNEL))
    this.#edge = edge
    this.#log = log
    this.#clock = clock
  }

  /** A router is answering. */
  get connected(): boolean {
    return this.#connected
  }

  watch(events: RouterEvents): void {
    this.#events = events
    this.#openWatch()
  }

  /** Where the session may go. Never throws: no router is one more reason for `capacity`. */
  async place(request: PlaceRequest): Promise<PlaceAnswer> {
    for (let i = 0; i < this.#clients.length; i++) {
      const index = (this.#preferred + i) % this.#clients.length
      try {
        const answer = toAnswer(await this.#call(this.#clients[index]!, request))
        this.#preferred = index
        return answer
      } catch (error) {
        this.#log.debug({ err: error, router: index }, 'router did not answer')
      }
    }
    return { error: 'capacity', message: 'no router answers', retryAfterMs: LIMITS.retryAfterMs }
  }

  /** The directory may forget the session. Nobody waits for it. */
  release(session: Id): void {
    const client = this.#clients[this.#preferred]
    client?.release({ session }, new Metadata(), { deadline: Date.now() + LIMITS.placeMsMax }, () => {})
  }

  stop(): void {
    this.#events = undefined
    this.#again?.cancel()
    this.#stream?.cancel()
    for (const client of this.#clients) client.close()
  }

  #call(client: RouterClient, request: PlaceRequest): Promise<PlaceResponse> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + LIMITS.placeMsMax
      client.place(request, new Metadata(), { deadline }, (error: ServiceError | null, response) =>
        error ? reject(error) : resolve(response),
      )
    })
  }

  #openWatch(): void {
    const client = this.#clients[this.#preferred]
    if (!client || !this.#events) return
    const stream = client.watch({ edge: this.#edge })
    this.#stream = stream
    stream.on('metadata', () => {
      if (!this.#connected) this.#log.info('connected to a router')
      this.#connected = true
      this.#saidAbsent = false
    })
    stream.on('data', ({ worker, state }: WorkerEvent) => {
      if (isId(worker)) this.#events?.worker(worker, state)
    })
    // An error is followed by an end; a cancelled stream has both, too.
    stream.on('error', () => this.#lost(stream))
    stream.on('end', () => this.#lost(stream))
  }

  #lost(stream: ClientReadableStream<WorkerEvent>): void {
    if (this.#stream !== stream) return
    this.#stream = undefined
    this.#connected = false
    if (!this.#events) return
    if (!this.#saidAbsent) this.#log.warn('no router answers; trying again until one does')
    this.#saidAbsent = true
    this.#preferred = (this.#preferred + 1) % this.#clients.length
    this.#again = this.#clock.setTimeout(() => this.#openWatch(), WATCH_AGAIN_MS)
  }
}

function toAnswer(response: PlaceResponse): PlaceAnswer {
  const { error, message, retryAfterMs, worker, standby, model, modelHash, lookAhead, right } = response
  if (error === 'unsupported') return { error, message }
  if (error !== '') return { error: 'capacity', message, retryAfterMs: retryAfterMs || LIMITS.retryAfterMs }
  if (!isId(worker))
    return { error: 'capacity', message: 'the router named no worker', retryAfterMs: LIMITS.retryAfterMs }
  return { worker, standby: isId(standby) ? standby : undefined, model, modelHash, lookAhead, right }
}
