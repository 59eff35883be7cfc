/** The router's gRPC door: Place, Release, Watch, Status. Every call is validated; refusals are answers. */
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js'
import { isId, LIMITS, parseLookAhead, type Id } from '@yap/protocol'
import {
  PlaceResponse,
  RouterService,
  RouterStatusResponse,
  WorkerState,
  type PlaceRequest,
  type ReleaseRequest,
  type RouterServer,
  type RouterStatusRequest,
  type WatchRequest,
  type WorkerEvent,
} from '@yap/protocol/grpc'
import { systemClock, type Clock, type WorkerLife, type WorkerWatch } from '@yap/runtime'
import type { Directory } from './directory.js'
import type { RouterMetrics } from './metrics.js'
import { PendingLoads } from './pending-load.js'
import { place, shareOf } from './placement.js'

const STATE: Record<WorkerLife, WorkerState> = {
  up: WorkerState.UP,
  suspect: WorkerState.SUSPECT,
  draining: WorkerState.DRAINING,
  gone: WorkerState.GONE,
}

type WatchStream = ServerWritableStream<WatchRequest, WorkerEvent>

export interface RouterParts {
  readonly id: Id
  readonly watch: WorkerWatch
  readonly directory: Directory
  readonly metrics: RouterMetrics
  readonly clock?: Clock
}

export class RouterDoor {
  readonly #server = new Server({
    'grpc.keepalive_time_ms': 2_000,
    'grpc.keepalive_timeout_ms': 2_000,
    'grpc.max_receive_message_length': LIMITS.controlMessageBytesMax,
  })
  readonly #parts: RouterParts
  readonly #clock: Clock
  readonly #pending = new PendingLoads()
  readonly #streams = new Set<WatchStream>()

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock
    parts.watch.onChange(({ worker, name, life }) => {
      for (const stream of this.#streams) stream.write({ worker, name, state: STATE[life] })
    })
    const handlers: RouterServer = {
      place: (call, reply) => this.#place(call, reply),
      release: (call, reply) => this.#release(call, reply),
      watch: (call) => this.#watch(call),
      status: (call, reply) => this.#status(call, reply),
    }
    this.#server.addService(RouterService, handlers)
  }

  /** Listens; returns the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(new Error(`gRPC port ${port} on ${host} cannot be used: ${error.message}`, { cause: error }))
        else resolve(bound)
      })
    })
  }

  /** Ends the watch streams, so that edges turn to another router, and waits for running calls. */
  stop(): Promise<void> {
    for (const stream of this.#streams) stream.end()
    return new Promise((resolve) => {
      const force = this.#clock.setTimeout(() => this.#server.forceShutdown(), 1_000)
      this.#server.tryShutdown(() => {
        force.cancel()
        resolve()
      })
    })
  }

  #place(call: ServerUnaryCall<PlaceRequest, PlaceResponse>, reply: sendUnaryData<PlaceResponse>): void {
    const { session, edge, ...request } = call.request
    if (!isId(session) || !isId(edge))
      return reply({ code: status.INVALID_ARGUMENT, details: 'session and edge must be ids' })
    const now = this.#clock.now()
    const pendingOf = (worker: Id): { busyShare: number; sessions: number } => this.#pending.of(worker, now)
    const answer = place(this.#parts.watch.table.all(), request, pendingOf, Math.random)
    this.#parts.metrics.placed('error' in answer ? answer.error : 'placed')
    if ('error' in answer)
      return reply(
        null,
        PlaceResponse.fromPartial({ ...answer, retryAfterMs: answer.error === 'capacity' ? LIMITS.retryAfterMs : 0 }),
      )
    const beat = this.#parts.watch.table.get(answer.worker)!.beat
    this.#pending.add(answer.worker, shareOf(beat, answer.lookAhead), now)
    this.#parts.directory.put(session, { worker: answer.worker, edge })
    const right = parseLookAhead(answer.lookAhead)?.right ?? 0
    return reply(null, PlaceResponse.fromPartial({ ...answer, standby: answer.standby ?? '', right }))
  }

  #release(call: ServerUnaryCall<ReleaseRequest, object>, reply: sendUnaryData<object>): void {
    const { session } = call.request
    if (isId(session)) this.#parts.directory.remove(session)
    reply(null, {})
  }

  #watch(stream: WatchStream): void {
    this.#streams.add(stream)
    // Headers at once: the edge takes them for "a router answers", even while there is no worker to tell of.
    stream.sendMetadata(new Metadata())
    const forget = (): void => void this.#streams.delete(stream)
    stream.on('cancelled', forget)
    stream.on('error', forget)
    stream.on('close', forget)
    for (const { beat, life } of this.#parts.watch.table.all())
      stream.write({ worker: beat.worker, name: beat.name, state: STATE[life] })
  }

  #status(
    _call: ServerUnaryCall<RouterStatusRequest, RouterStatusResponse>,
    reply: sendUnaryData<RouterStatusResponse>,
  ): void {
    const now = this.#clock.now()
    const workers = this.#parts.watch.table.all().map(({ beat, heardAtMs, life }) => ({
      ...beat,
      state: STATE[life],
      model: beat.model.name,
      heartbeatAgeMs: Math.round(now - heardAtMs),
    }))
    const sessions = workers.reduce((sum, w) => sum + w.sessions, 0)
    reply(null, RouterStatusResponse.fromPartial({ router: this.#parts.id, workers, sessions }))
  }
}
