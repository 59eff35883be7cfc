/**
 * One session at the edge as a pure reducer: `handle(event, nowMs)` changes its state and returns what to do. No I/O, no clock.
 *
 *   from        event                                         to
 *   PLACING     placed                                        BINDING   (epoch + 1)
 *   PLACING     refused: a new session / one that moves       ENDED / PLACING again, until failoverMsMax
 *   BINDING     bound                                         STREAMING (everything since the checkpoint is sent)
 *   BINDING     full, draining, wrong model, silent           BINDING the standby, else PLACING
 *   STREAMING   its worker is gone, draining, or stalls       BINDING the standby, else PLACING
 *   any         client gone, error, or the last final said    LEAVING (a close is resent until the worker lets go), or ENDED
 *   LEAVING     released, or releaseMsMax is over             ENDED
 *
 * A new session is refused at once where nobody has room. One that moves waits: its client hears nothing but a pause.
 */
import {
  LIMITS,
  SAMPLE_RATE_HZ,
  type BindRequest,
  type ErrorCode,
  type Id,
  type TextMessage,
  type TextResult,
} from '@yap/protocol'
import { Arrivals } from './arrivals.js'
import { ClientPace } from './client-pace.js'
import { ClientSamples } from './client-samples.js'
import { Downlink } from './downlink.js'
import { closeAt, Farewell } from './farewell.js'
import { ReplayRing } from './replay-ring.js'
import { sayFinal, sayInterim } from './said.js'
import {
  SessionPhase,
  type Counted,
  type Said,
  type SessionEffect,
  type SessionEvent,
  type SessionLimits,
  type SessionOptions,
} from './session-events.js'
import { TurnLedger } from './turn-ledger.js'
import { Uplink, type AudioPart } from './uplink.js'
import { WorkerSearch } from './worker-search.js'

const SAMPLES_PER_MS = SAMPLE_RATE_HZ / 1000

export class SessionCore {
  readonly #options: SessionOptions
  readonly #limits: SessionLimits
  readonly #ring: ReplayRing
  readonly #ledger: TurnLedger
  readonly #uplink: Uplink
  readonly #downlink = new Downlink(0)
  readonly #arrivals = new Arrivals()
  readonly #client: ClientSamples
  readonly #pace: ClientPace
  readonly #search = new WorkerSearch()
  #phase: SessionPhase = SessionPhase.PLACING
  #effects: SessionEffect[] = []
  /** A worker has taken the session once: from then on it moves instead of being refused. */
  #ready = false
  /** The client asked for the end; the final that answers it is the last. */
  #closing: { readonly halfSample: boolean } | undefined
  #draining = false
  #ringOverflowed = false
  /** Set in LEAVING. */
  #farewell: Farewell | undefined

  constructor(options: SessionOptions, limits: SessionLimits, nowMs: number) {
    const start = Math.floor((options.clientSamples * SAMPLE_RATE_HZ) / options.rateHz)
    this.#options = options
    this.#limits = limits
    this.#ring = new ReplayRing(start)
    this.#ledger = new TurnLedger(options.turn, start)
    this.#uplink = new Uplink(this.#ring, this.#ledger, limits)
    this.#pace = new ClientPace(limits, nowMs)
    this.#client = new ClientSamples(options.rateHz, { offset: start, samples: options.clientSamples }, nowMs)
  }

  get phase(): SessionPhase {
    return this.#phase
  }

  get epoch(): number {
    return this.#search.epoch
  }

  get worker(): Id | undefined {
    return this.#search.worker
  }

  /** Audio that no worker has been sent yet. */
  get waitingMs(): number {
    return this.#uplink.waitingSamples / SAMPLES_PER_MS
  }

  handle(event: SessionEvent, nowMs: number): SessionEffect[] {
    if (this.#phase === SessionPhase.ENDED) return []
    this.#effects = []
    this.#take(event, nowMs)
    return this.#effects
  }

  #take(event: SessionEvent, nowMs: number): void {
    switch (event.type) {
      case 'start':
        return this.#place()
      case 'placed':
        if (this.#phase !== SessionPhase.PLACING) return undefined
        return this.#bind(this.#search.placed(event.placement))
      case 'refused':
        return this.#refused(event.code, event.message, event.retryAfterMs, nowMs)
      case 'bound':
        return this.#boundAnswer(event, nowMs)
      case 'audio':
        return this.#audio(event.pcm, nowMs)
      case 'finalize':
        return this.#mark('finalize', event.clientSamples, nowMs)
      case 'close':
        if (this.#live) this.#closing ??= { halfSample: event.halfSample }
        return this.#mark('close', event.clientSamples, nowMs)
      case 'gone':
        return this.#leave(nowMs)
      case 'fail':
        return this.#fail(event.code, event.message, nowMs)
      case 'text':
        return this.#text(event.message, nowMs)
      case 'worker-lost':
      case 'worker-draining':
        return event.worker === this.#search.worker ? this.#move(nowMs) : undefined
      case 'deaf':
        this.#uplink.forgive(nowMs)
        this.#farewell?.forgive(nowMs)
        return undefined
      case 'drain':
        return this.#drain(event.now, nowMs)
      case 'tick':
        return this.#tick(nowMs)
      default:
        throw new Error(`unknown event ${JSON.stringify(event satisfies never)}. This is a bug.`)
    }
  }

  get #live(): boolean {
    return this.#phase !== SessionPhase.LEAVING && this.#phase !== SessionPhase.ENDED
  }

  // Placing, binding, moving ------------------------------------------------------------------------------------------

  #place(): void {
    this.#phase = SessionPhase.PLACING
    this.#effects.push({ type: 'place', failover: this.#ready, ...this.#search.ask() })
  }

  #refused(code: ErrorCode, message: string, retryAfterMs: number | undefined, nowMs: number): void {
    if (this.#phase !== SessionPhase.PLACING) return
    if (!this.#ready || !this.#search.wait(nowMs)) this.#fail(code, message, nowMs, retryAfterMs)
  }

  #bind(worker: Id): void {
    const { right, modelHash } = this.#search.placement
    const { session, edge, decoder, words, interim, endpointMs } = this.#options
    this.#phase = SessionPhase.BINDING
    this.#search.attempt(worker)
    const request: BindRequest = {
      session,
      epoch: this.#search.epoch,
      edge,
      right,
      decoder,
      modelHash,
      turn: this.#ledger.turn,
      turnStart: this.#ledger.start,
      offset: this.#ledger.start,
      index: this.#downlink.turnIndex,
      words,
      interim,
      endpointMs,
      failover: this.#ready,
    }
    this.#effects.push({ type: 'bind', worker, request })
  }

  #boundAnswer({ epoch, response }: SessionEvent & { type: 'bound' }, nowMs: number): void {
    if (epoch !== this.#search.epoch) return undefined
    const taken = response.status === 'bound' || response.status === 'silent'
    if (this.#phase === SessionPhase.LEAVING && !taken) return this.#end()
    if (this.#phase !== SessionPhase.BINDING) return undefined
    if (response.status !== 'bound') return this.#tryNext(nowMs)
    this.#phase = SessionPhase.STREAMING
    this.#search.found()
    this.#uplink.bound(response.geometry, nowMs)
    if (!this.#ready) this.#effects.push({ type: 'ready', placement: this.#search.placement })
    this.#ready = true
    return this.#publish(nowMs)
  }

  /** The worker did not take the session: the standby, else ask the router again. */
  #tryNext(nowMs: number): void {
    const standby = this.#search.nextAfterFailure()
    if (standby) return this.#bind(standby)
    if (!this.#ready && this.#search.exhausted)
      return this.#fail('capacity', 'no worker took the session', nowMs, LIMITS.retryAfterMs)
    return this.#place()
  }

  /** The worker is lost: another one takes over from the checkpoint. */
  #move(nowMs: number): void {
    if (this.#phase === SessionPhase.LEAVING) return this.#end()
    if (!this.#live || this.#search.worker === undefined) return undefined
    if (this.#ringOverflowed)
      return this.#fail('internal', 'the worker was lost in a turn longer than what is kept for replay', nowMs)
    if (this.#ready) this.#count('failover', 1)
    // It may only be slow, or draining: then it need not wait for our silence to free the slot.
    if (this.#phase === SessionPhase.STREAMING) this.#emit([closeAt(this.#uplink.position())])
    this.#search.lost(nowMs)
    return this.#tryNext(nowMs)
  }

  // From the client ----------------------------------------------------------------------------------------------------

  #audio(pcm: Int16Array, nowMs: number): void {
    if (!this.#live || this.#closing) return
    this.#pace.heard(nowMs)
    if (pcm.length === 0) return
    this.#ring.append(pcm)
    this.#arrivals.add(this.#ring.end, nowMs)
    this.#uplink.heard(nowMs)
    this.#boundRing()
    this.#adjustFlow(nowMs)
  }

  #mark(cause: 'finalize' | 'close', clientSamples: number, nowMs: number): void {
    if (!this.#live || this.#ledger.marks.at(-1)?.cause === 'close') return
    this.#pace.heard(nowMs)
    this.#padTo(this.#ledger.start)
    this.#ledger.add({ offset: this.#ring.end, cause, askedAtMs: nowMs, sentAtMs: nowMs })
    this.#client.note(this.#ring.end, clientSamples)
    // An end is worth a message of its own: somebody waits for the answer.
    this.#publish(nowMs)
  }

  /** An endpoint may lie up to a frame ahead of the audio; where the turn ends before that is filled, silence fills it. */
  #padTo(offset: number): void {
    if (this.#ring.end < offset) this.#ring.append(new Int16Array(offset - this.#ring.end))
  }

  #boundRing(): void {
    const samplesMax = this.#limits.ringMsMax * SAMPLES_PER_MS
    if (this.#ring.samples <= samplesMax) return
    // What was not sent yet is never dropped; only the way back is.
    this.#ring.trim(Math.min(this.#ring.end - samplesMax, this.#uplink.sent))
    if (!this.#ringOverflowed) this.#count('unrecoverable', 1)
    this.#ringOverflowed = true
  }

  #adjustFlow(nowMs: number): void {
    const read = this.#pace.flow(this.#uplink.waitingSamples, nowMs)
    if (read !== undefined) this.#effects.push({ type: 'flow', read })
  }

  // From the worker ----------------------------------------------------------------------------------------------------

  #text(message: TextMessage, nowMs: number): void {
    const bound = this.#phase === SessionPhase.STREAMING || this.#phase === SessionPhase.LEAVING
    if (!bound || message.epoch !== this.#search.epoch) return this.#count('zombie_dropped', 1)
    if (this.#phase === SessionPhase.LEAVING) {
      this.#farewell?.text(message)
      return message.released || message.error ? this.#end() : undefined
    }
    this.#uplink.text(message, nowMs)
    const { results, repeats, diverged } = this.#downlink.take(message, this.#ledger.turn)
    if (diverged > 0) this.#count('replay_divergence', diverged)
    if (repeats > 0) this.#count('repeat_dropped', repeats)
    if (results.some((r) => r.kind !== 'flush') || repeats > 0) this.#uplink.acknowledge(repeats > 0, nowMs)
    for (const result of results) {
      if (!this.#live) return undefined
      if (result.kind === 'final') this.#final(result, nowMs)
      else this.#interim(result, nowMs)
    }
    if (!this.#live) return undefined
    if (message.error) return this.#fail(message.error.code, message.error.message, nowMs)
    return message.released ? this.#move(nowMs) : this.#publish(nowMs)
  }

  #interim(result: TextResult, nowMs: number): void {
    const say = { words: this.#options.words, lagMs: this.#arrivals.ageMs(result.end, nowMs) }
    this.#arrivals.forgetBefore(result.end)
    const { turn, start: turnStart } = this.#ledger
    this.#say(sayInterim(result, { turn, turnStart }, say))
  }

  #final(result: TextResult, nowMs: number): void {
    const { turn, start: turnStart } = this.#ledger
    const answered = this.#ledger.accept(result.end)
    this.#uplink.turned(answered !== undefined)
    const lagMs = answered ? nowMs - answered.askedAtMs : this.#arrivals.ageMs(result.end, nowMs)
    this.#say(sayFinal(result, { turn, turnStart }, { words: this.#options.words, lagMs }))
    const lastMark = this.#ledger.marks.at(-1)
    if (lastMark) this.#padTo(lastMark.offset)
    this.#ring.trim(Math.min(result.end, this.#uplink.sent))
    this.#arrivals.forgetBefore(result.end)
    this.#ringOverflowed = false
    if (answered?.cause === 'close') this.#closed(nowMs)
    else if (this.#draining) this.#drain(true, nowMs)
  }

  // Leaving ------------------------------------------------------------------------------------------------------------

  /** The final that answers the client's close was said. */
  #closed(nowMs: number): void {
    if (this.#closing?.halfSample) return this.#fail('bad_audio', 'the audio ended in the middle of a sample', nowMs)
    this.#effects.push({ type: 'close' })
    return this.#leave(nowMs)
  }

  #fail(code: ErrorCode, message: string, nowMs: number, retryAfterMs?: number): void {
    if (!this.#live) return
    this.#effects.push({ type: 'error', code, message, ...(retryAfterMs ? { retryAfterMs } : {}) })
    this.#leave(nowMs)
  }

  /** The client has what it gets; now the worker's slot must be freed. */
  #leave(nowMs: number): void {
    if (!this.#live) return undefined
    const phase = this.#phase
    const { turn, start } = this.#ledger
    // A worker that has just taken the session has what its bind said.
    const bound = { turn, turnStart: start, offset: start }
    const at = phase === SessionPhase.STREAMING ? this.#uplink.position() : bound
    this.#ring.wipe()
    if (phase === SessionPhase.PLACING) return this.#end()
    this.#phase = SessionPhase.LEAVING
    this.#farewell = new Farewell(at, nowMs)
    return this.#emit(this.#farewell.tick(nowMs))
  }

  #end(): void {
    this.#phase = SessionPhase.ENDED
    this.#ring.wipe()
    this.#effects.push({ type: 'done' })
  }

  #drain(now: boolean, nowMs: number): void {
    this.#draining = true
    const midTurn = this.#ring.end > this.#ledger.start || this.#ledger.marks.length > 0
    if (now || !midTurn) this.#fail('draining', 'this server is going away; please connect again', nowMs)
  }

  // Time ---------------------------------------------------------------------------------------------------------------

  #tick(nowMs: number): void {
    switch (this.#phase) {
      case SessionPhase.PLACING:
        if (this.#search.isDue(nowMs)) this.#place()
        break
      case SessionPhase.STREAMING:
        this.#publish(nowMs)
        if (this.#uplink.stalled(nowMs)) {
          this.#count('stalled', 1)
          this.#move(nowMs)
        }
        break
      case SessionPhase.LEAVING:
        if (this.#farewell!.overdue(nowMs)) return this.#end()
        return this.#emit(this.#farewell!.tick(nowMs))
    }
    return this.#checkClient(nowMs)
  }

  #checkClient(nowMs: number): void {
    if (!this.#live) return undefined
    const overdue = this.#pace.overdue(this.#closing !== undefined, nowMs)
    if (overdue) return this.#fail(overdue.code, overdue.message, nowMs)
    // It may forget what lies before the turn that is not final yet.
    const samples = this.#options.ack ? this.#client.takeNews(this.#ledger.start, nowMs) : undefined
    return samples === undefined ? undefined : this.#say({ op: 'ack', samples })
  }

  #publish(nowMs: number): void {
    if (this.#phase !== SessionPhase.STREAMING) return
    this.#emit(this.#uplink.tick(nowMs))
    this.#adjustFlow(nowMs)
  }

  #emit(parts: readonly AudioPart[]): void {
    for (const { header, pcm } of parts) {
      const whole = { ...header, epoch: this.#search.epoch, ack: this.#downlink.nextIndex }
      this.#effects.push({ type: 'publish', worker: this.#search.worker!, header: whole, pcm })
    }
  }

  #say(message: Said): void {
    this.#effects.push({ type: 'say', message })
  }

  #count(what: Counted, n: number): void {
    this.#effects.push({ type: 'count', what, n })
  }
}
