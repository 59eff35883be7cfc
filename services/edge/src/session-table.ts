/**
 * All sessions of this edge: carries events to their cores and does what those want. It decides nothing itself.
 *
 *   WebSocket ──> core ──> publish ──tick──> NATS ──> worker
 *   client    <── core <── text    <──────── NATS <── worker
 *
 * One timer for all: each tick every core publishes what became complete, so that all of it is one write.
 */
import {
  audioSubject,
  AUDIO_HEADER_BYTES,
  bindSubject,
  decodeBindResponse,
  decodeTextMessage,
  encodeAudioMessage,
  encodeBindRequest,
  LIMITS,
  ProtocolError,
  randomId,
  sessionOfSubject,
  textSubjects,
  type BindRequest,
  type BindResponse,
  type Id,
  type TextMessage,
} from '@yap/protocol'
import { WorkerState } from '@yap/protocol/grpc'
import type { Clock, Logger, Msg, NatsLink, Settings, Subscription, Timer, Tracer, WorkerWatch } from '@yap/runtime'
import type { ClientConnection, SessionHandle } from './client-connection.js'
import type { EdgeMetrics } from './metrics.js'
import type { RouterPool } from './router-client.js'
import { SessionCore } from './session-core.js'
import { SessionTrace } from './session-trace.js'
import type { SessionEffect, SessionEvent, SessionLimits, SessionOptions } from './session-events.js'

/** A tick this late means that this process was frozen: what it did not hear then is nobody's silence. */
const FROZEN_MS = 300

interface Entry extends SessionHandle {
  readonly core: SessionCore
  readonly options: SessionOptions
  readonly connection: ClientConnection
  readonly trace: SessionTrace
}

export interface SessionTableParts {
  readonly edge: Id
  readonly settings: Settings
  readonly log: Logger
  readonly clock: Clock
  readonly link: NatsLink
  readonly routers: RouterPool
  readonly workers: WorkerWatch
  readonly metrics: EdgeMetrics
  readonly tracer: Tracer
}

export class SessionTable {
  readonly #parts: SessionTableParts
  readonly #limits: SessionLimits
  readonly #entries = new Map<Id, Entry>()
  readonly #subscription: Subscription
  readonly #timer: Timer
  #tickedAtMs: number
  #emptied: (() => void) | undefined

  constructor(parts: SessionTableParts) {
    this.#parts = parts
    const { settings, link, workers, routers, clock } = parts
    this.#limits = {
      windowMs: settings.YAP_REPLAY_WINDOW_MS,
      idleFlushMs: settings.ASR_IDLE_FLUSH_MS,
      ringMsMax: settings.YAP_RING_MS_MAX,
      sessionMsMax: settings.YAP_SESSION_MS_MAX,
      idleMsMax: settings.YAP_IDLE_MS_MAX,
    }
    this.#subscription = link.connection.subscribe(textSubjects(parts.edge), {
      callback: (error, message) => {
        if (!error) this.#heard(message)
      },
    })
    link.onChange((connected) => connected && this.#tellAll({ type: 'deaf' }))
    workers.onChange(({ worker, life }) => {
      if (life === 'gone') this.#tellAll({ type: 'worker-lost', worker })
      if (life === 'draining') this.#tellAll({ type: 'worker-draining', worker })
    })
    routers.watch({
      // A router may hear what we do not, but its silence counts for nothing while we hear the worker ourselves.
      worker: (worker, state) => {
        if (state === WorkerState.DRAINING) this.#tellAll({ type: 'worker-draining', worker })
        if (state === WorkerState.GONE && !workers.table.get(worker)) this.#tellAll({ type: 'worker-lost', worker })
      },
    })
    this.#tickedAtMs = clock.now()
    this.#timer = clock.setInterval(() => this.#tick(), settings.ASR_STEP_MS)
  }

  get size(): number {
    return this.#entries.size
  }

  waitingMs(): number {
    let sum = 0
    for (const { core } of this.#entries.values()) sum += core.waitingMs
    return sum
  }

  open(connection: ClientConnection, asked: Omit<SessionOptions, 'session' | 'edge' | 'zone'>): SessionHandle {
    const { edge, settings, clock, log, tracer } = this.#parts
    const options: SessionOptions = { ...asked, session: randomId(), edge, zone: settings.YAP_ZONE }
    const core = new SessionCore(options, this.#limits, clock.now())
    const entry: Entry = {
      id: options.session,
      core,
      options,
      connection,
      trace: new SessionTrace(tracer, options),
      handle: (event) => this.#handle(entry, event),
    }
    this.#entries.set(entry.id, entry)
    log.debug({ session: entry.id, attCtx: options.lookAhead, decoder: options.decoder }, 'session begins')
    return entry
  }

  /** Asks every session to leave at the end of its turn; resolves when all are gone, at the latest soon after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    if (this.#entries.size === 0) return
    this.#parts.log.info({ sessions: this.#entries.size }, 'draining sessions')
    const emptied = new Promise<void>((resolve) => (this.#emptied = resolve))
    this.#tellAll({ type: 'drain', now: false })
    const deadline = this.#parts.clock.setTimeout(() => this.#tellAll({ type: 'drain', now: true }), withinMs)
    // Each close takes a moment, too: a worker that does not answer is not waited for longer than this.
    const giveUp = this.#parts.clock.setTimeout(() => this.#emptied?.(), withinMs + LIMITS.clientCloseMs / 2)
    if (this.#entries.size > 0) await emptied
    deadline.cancel()
    giveUp.cancel()
  }

  stop(): void {
    this.#timer.cancel()
    this.#subscription.unsubscribe()
  }

  #handle(entry: Entry, event: SessionEvent): void {
    try {
      for (const effect of entry.core.handle(event, this.#parts.clock.now())) this.#do(entry, effect)
    } catch (error) {
      this.#broken(entry, error)
    }
  }

  /** A fault in one session's handling ends that session; the others know nothing of it. */
  #broken(entry: Entry, error: unknown): void {
    this.#parts.log.error({ err: error, session: entry.id }, 'a session could not be handled; it ends')
    this.#forget(entry)
    entry.connection.fail('internal', 'the service failed in this session')
  }

  #tellAll(event: SessionEvent): void {
    for (const entry of this.#entries.values()) this.#handle(entry, event)
  }

  #tick(): void {
    const now = this.#parts.clock.now()
    const frozen = now - this.#tickedAtMs > FROZEN_MS
    this.#tickedAtMs = now
    if (frozen) this.#tellAll({ type: 'deaf' })
    // Without NATS nothing can be sent and nobody can be heard. The rings hold the audio; clients are paced when they are full.
    if (this.#parts.link.connected) this.#tellAll({ type: 'tick' })
  }

  #heard(message: Msg): void {
    const session = sessionOfSubject(message.subject)
    const entry = session && this.#entries.get(session)
    if (!entry) return
    let text: TextMessage
    try {
      text = decodeTextMessage(message.data)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#parts.log.warn({ err: error, session }, 'text message that cannot be read was dropped')
      return
    }
    entry.handle({ type: 'text', message: text })
  }

  #do(entry: Entry, effect: SessionEffect): void {
    const { connection } = entry
    switch (effect.type) {
      case 'place':
        return void this.#place(entry, effect)
      case 'bind':
        return void this.#bind(entry, effect.worker, effect.request)
      case 'publish':
        return this.#publish(entry, effect)
      case 'ready':
        return connection.ready(effect.placement, entry.id)
      case 'say':
        entry.trace.said(effect.message)
        return connection.say(effect.message)
      case 'flow':
        return connection.flow(effect.read)
      case 'error':
        this.#parts.log.info({ session: entry.id, code: effect.code }, 'session ends with an error')
        entry.trace.end(effect.code)
        return connection.fail(effect.code, effect.message, effect.retryAfterMs)
      case 'close':
        return connection.finish()
      case 'count':
        return this.#count(entry, effect)
      case 'done':
        return this.#forget(entry)
      default:
        throw new Error(`unknown effect ${JSON.stringify(effect satisfies never)}. This is a bug.`)
    }
  }

  async #place(entry: Entry, effect: SessionEffect & { type: 'place' }): Promise<void> {
    const { session, edge, zone, lookAhead, decoder, model } = entry.options
    const { failover, modelHash, exclude } = effect
    const request = { session, edge, zone, lookAhead, decoder, model, modelHash, failover, exclude: [...exclude] }
    const placed = entry.trace.begin('place')
    const answer = await this.#parts.routers.place(request)
    placed('error' in answer ? answer.error : 'placed')
    if ('error' in answer) {
      const { error: code, message, retryAfterMs } = answer
      entry.handle({ type: 'refused', code, message, ...(retryAfterMs ? { retryAfterMs } : {}) })
    } else entry.handle({ type: 'placed', placement: answer })
  }

  async #bind(entry: Entry, worker: Id, request: BindRequest): Promise<void> {
    const bound = entry.trace.begin('bind', { 'yap.worker': worker, 'yap.epoch': request.epoch })
    const response = await this.#ask(worker, request)
    bound(response.status)
    this.#parts.log.debug({ session: entry.id, worker, epoch: request.epoch, status: response.status }, 'bind answered')
    entry.handle({ type: 'bound', epoch: request.epoch, response })
  }

  async #ask(worker: Id, request: BindRequest): Promise<BindResponse | { status: 'silent' }> {
    const { link, clock, log } = this.#parts
    const askedAtMs = clock.now()
    try {
      const reply = await link.connection.request(bindSubject(worker), encodeBindRequest(request), {
        timeout: LIMITS.bindMsMax,
      })
      return decodeBindResponse(reply.data)
    } catch (error) {
      log.debug({ err: error, worker }, 'bind was not answered')
      // No subscriber is known at once; no NATS is known at once, too, and then asking on would spin.
      const left = link.connected ? 0 : LIMITS.bindMsMax - (clock.now() - askedAtMs)
      if (left > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, left))
      return { status: 'silent' }
    }
  }

  #publish(entry: Entry, { worker, header, pcm }: SessionEffect & { type: 'publish' }): void {
    // The client would keep it until it is connected again and then drop it; the core sends it again in time.
    if (!this.#parts.link.connected) return
    // The NATS client holds a reference until its next flush, so each message has bytes of its own.
    const bytes = new Uint8Array(AUDIO_HEADER_BYTES + pcm.length * 2)
    encodeAudioMessage(header, pcm, bytes)
    this.#parts.link.connection.publish(audioSubject(worker, entry.id), bytes)
  }

  #count(entry: Entry, { what, n }: SessionEffect & { type: 'count' }): void {
    const { log, metrics } = this.#parts
    metrics.counted(what, n)
    const { epoch } = entry.core
    if (what === 'failover' || what === 'stalled') entry.trace.event(what)
    if (what === 'failover' || what === 'stalled' || what === 'unrecoverable' || what === 'replay_divergence')
      log.warn({ session: entry.id, epoch }, `session: ${what.replaceAll('_', ' ')}`)
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.id)
    this.#parts.routers.release(entry.id)
    entry.trace.end()
    this.#parts.log.debug({ session: entry.id }, 'session is over')
    if (this.#entries.size === 0) this.#emptied?.()
  }
}
