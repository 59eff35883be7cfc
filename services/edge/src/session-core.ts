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
import { strict as assert } from 'node:assert'
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
import type { Placement, SessionEffect, SessionEvent, SessionLimits, SessionOptions } from './session-events.js'
import { TurnLedger, type TurnNumber } from './turn-ledger.js'
import { Uplink, type AudioPart } from './uplink.js'

export const SessionPhase = {
  PLACING: 'placing',
  BINDING: 'binding',
  STREAMING: 'streaming',
  LEAVING: 'leaving',
  ENDED: 'ended',
} as const
export type SessionPhase = (typeof SessionPhase)[keyof typeof SessionPhase]

/** A session that moves asks again this often while nobody has room for it. */
const PLACE_AGAIN_MS = 250
const CLIENT_ACK_MS = 1_000
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
  #phase: SessionPhase = SessionPhase.PLACING
  #effects: SessionEffect[] = []
  #epoch = 0
  /** Set from the first placement on. */
  #placement: Placement | undefined
  /** Has (or is asked to take) the session; undefined in PLACING. */
  #worker: Id | undefined
  /** Workers that just failed us; cleared when one takes the session. */
  readonly #exclude = new Set<Id>()
  #attempts = 0
  /** When the session lost its worker; undefined while it has one or is new. */
  #movingSinceMs: number | undefined
  #placeAgainAtMs = Infinity
  #ready = false
  /** The client asked for the end; the final that answers it is the last. */
  #closing: { readonly halfSample: boolean } | undefined
  #draining = false
  #ringOverflowed = false
  /** Set in LEAVING. */
  #farewell: Farewell | undefined
  #acked: { readonly samples: number; readonly atMs: number }

  constructor(options: SessionOptions, limits: SessionLimits, nowMs: number) {
    const start = Math.floor((options.clientSamples * SAMPLE_RATE_HZ) / options.rateHz)
    this.#options = options
    this.#limits = limits
    this.#ring = new ReplayRing(start)
    this.#ledger = new TurnLedger(options.turn, start)
    this.#uplink = new Uplink(this.#ring, this.#ledger, limits)
    this.#pace = new ClientPace(limits, nowMs)
    this.#acked = { samples: options.clientSamples, atMs: nowMs }
    this.#client = new ClientSamples(options.rateHz, start, options.clientSamples)
  }

  get phase(): SessionPhase {
    return this.#phase
  }

  get epoch(): number {
    return this.#epoch
  }

  get worker(): Id | undefined {
    return this.#worker
  }

  /** Audio that no worker has been sent yet. */
  get waitingMs(): number {
    return this.#uplink.waitingSamples / SAMPLES_PER_MS
  }

  handle(event: SessionEvent, nowMs: number): SessionEffect[] {
    if (this.#phase === SessionPhase.ENDED) return []
    this.#effects = []
    this.#take(event, nowMs)
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  #take(event: SessionEvent, nowMs: number): void {
    switch (event.type) {
      case 'start':
        return this.#place()
      case 'placed':
        if (this.#phase !== SessionPhase.PLACING) return undefined
        this.#placement = event.placement
        return this.#bind(event.placement.worker)
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
        return event.worker === this.#worker ? this.#move(nowMs) : undefined
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
    this.#worker = undefined
    this.#placeAgainAtMs = Infinity
    this.#effects.push({
      type: 'place',
      failover: this.#ready,
      modelHash: this.#placement?.modelHash ?? '',
      exclude: [...this.#exclude],
    })
  }

  #refused(code: ErrorCode, message: string, retryAfterMs: number | undefined, nowMs: number): void {
    if (this.#phase !== SessionPhase.PLACING) return
    const movingMs = nowMs - (this.#movingSinceMs ?? nowMs)
    if (!this.#ready || movingMs > LIMITS.failoverMsMax) return this.#fail(code, message, nowMs, retryAfterMs)
    // Those who failed before may be back by now.
    this.#exclude.clear()
    this.#placeAgainAtMs = nowMs + PLACE_AGAIN_MS
  }

  #bind(worker: Id): void {
    const placement = this.#placement
    assert(placement, 'a bind needs a placement. This is a bug.')
    const { session, edge, decoder, words, interim, endpointMs } = this.#options
    this.#phase = SessionPhase.BINDING
    this.#worker = worker
    this.#epoch++
    this.#attempts++
    const request: BindRequest = {
      session,
      epoch: this.#epoch,
      edge,
      right: placement.right,
      decoder,
      modelHash: placement.modelHash,
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
    if (epoch !== this.#epoch) return undefined
    const taken = response.status === 'bound' || response.status === 'silent'
    if (this.#phase === SessionPhase.LEAVING && !taken) return this.#end()
    if (this.#phase !== SessionPhase.BINDING) return undefined
    if (response.status !== 'bound') return this.#tryNext(nowMs)
    this.#phase = SessionPhase.STREAMING
    this.#exclude.clear()
    this.#attempts = 0
    this.#movingSinceMs = undefined
    this.#uplink.bound(response.geometry, nowMs)
    if (!this.#ready) this.#effects.push({ type: 'ready', placement: this.#placement! })
    this.#ready = true
    return this.#publish(nowMs)
  }

  /** The worker did not take the session: the standby, else ask the router again. */
  #tryNext(nowMs: number): void {
    if (this.#worker) this.#exclude.add(this.#worker)
    const standby = this.#placement?.standby
    if (standby && !this.#exclude.has(standby)) return this.#bind(standby)
    if (!this.#ready && this.#attempts >= LIMITS.bindAttemptsMax)
      return this.#fail('capacity', 'no worker took the session', nowMs, LIMITS.retryAfterMs)
    this.#place()
    return undefined
  }

  /** The worker is lost: another one takes over from the checkpoint. */
  #move(nowMs: number): void {
    if (this.#phase === SessionPhase.LEAVING) return this.#end()
    if (!this.#live || this.#worker === undefined) return undefined
    if (this.#ringOverflowed)
      return this.#fail('internal', 'the worker was lost in a turn longer than what is kept for replay', nowMs)
    if (this.#ready) this.#effects.push({ type: 'count', what: 'failover', n: 1 })
    // It may only be slow, or draining: then it need not wait for our silence to free the slot.
    if (this.#phase === SessionPhase.STREAMING) this.#emit([closeAt(this.#uplink.position())])
    this.#movingSinceMs ??= nowMs
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
    if (!this.#ringOverflowed) this.#effects.push({ type: 'count', what: 'unrecoverable', n: 1 })
    this.#ringOverflowed = true
  }

  #adjustFlow(nowMs: number): void {
    const read = this.#pace.flow(this.#uplink.waitingSamples, nowMs)
    if (read !== undefined) this.#effects.push({ type: 'flow', read })
  }

  // From the worker ----------------------------------------------------------------------------------------------------

  #text(message: TextMessage, nowMs: number): void {
    const bound = this.#phase === SessionPhase.STREAMING || this.#phase === SessionPhase.LEAVING
    if (!bound || message.epoch !== this.#epoch) {
      this.#effects.push({ type: 'count', what: 'zombie_dropped', n: 1 })
      return
    }
    if (this.#phase === SessionPhase.LEAVING) {
      this.#farewell?.text(message)
      if (message.released || message.error) this.#end()
      return
    }
    this.#uplink.text(message, nowMs)
    const { results, repeats, diverged } = this.#downlink.take(message, this.#ledger.turn)
    if (diverged > 0) this.#effects.push({ type: 'count', what: 'replay_divergence', n: diverged })
    if (repeats > 0) this.#effects.push({ type: 'count', what: 'repeat_dropped', n: repeats })
    if (results.some((r) => r.kind !== 'flush') || repeats > 0) this.#uplink.acknowledge(repeats > 0, nowMs)
    for (const result of results) {
      if (!this.#live) return
      if (result.kind === 'final') this.#final(result, nowMs)
      else this.#interim(result, nowMs)
    }
    if (!this.#live) return
    if (message.error) this.#fail(message.error.code, message.error.message, nowMs)
    else if (message.released) this.#move(nowMs)
    else this.#publish(nowMs)
  }

  #interim(result: TextResult, nowMs: number): void {
    const say = { words: this.#options.words, lagMs: this.#arrivals.ageMs(result.end, nowMs) }
    this.#arrivals.forgetBefore(result.end)
    const { turn, start: turnStart } = this.#ledger
    this.#effects.push({ type: 'say', message: sayInterim(result, { turn, turnStart }, say) })
  }

  #final(result: TextResult, nowMs: number): void {
    const { turn, start: turnStart } = this.#ledger
    const answered = this.#ledger.accept(result.end)
    this.#uplink.turned(answered !== undefined)
    const lagMs = answered ? nowMs - answered.askedAtMs : this.#arrivals.ageMs(result.end, nowMs)
    this.#effects.push({
      type: 'say',
      message: sayFinal(result, { turn, turnStart }, { words: this.#options.words, lagMs }),
    })
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
    if (this.#closing?.halfSample)
      this.#effects.push({
        type: 'error',
        code: 'bad_audio',
        message: 'the audio ended in the middle of a sample; the final has all before it',
      })
    else this.#effects.push({ type: 'close' })
    this.#leave(nowMs)
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
    const at = phase === SessionPhase.STREAMING ? this.#uplink.position() : this.#checkpoint()
    this.#ring.wipe()
    if (phase === SessionPhase.PLACING) return this.#end()
    this.#phase = SessionPhase.LEAVING
    this.#farewell = new Farewell(at, nowMs)
    return this.#emit(this.#farewell.tick(nowMs))
  }

  /** What a worker has that has just taken the session. */
  #checkpoint(): TurnNumber & { offset: number } {
    const { turn, start } = this.#ledger
    return { turn, turnStart: start, offset: start }
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
        if (nowMs >= this.#placeAgainAtMs) this.#place()
        break
      case SessionPhase.STREAMING:
        this.#publish(nowMs)
        if (this.#uplink.stalled(nowMs)) {
          this.#effects.push({ type: 'count', what: 'stalled', n: 1 })
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
    if (!this.#live) return
    const overdue = this.#pace.overdue(this.#closing !== undefined, nowMs)
    if (overdue) this.#fail(overdue.code, overdue.message, nowMs)
    else this.#ackClient(nowMs)
  }

  /** About once a second, and only news: where the turn starts that is not final yet. */
  #ackClient(nowMs: number): void {
    if (!this.#options.ack || nowMs - this.#acked.atMs < CLIENT_ACK_MS) return
    const samples = this.#client.at(this.#ledger.start)
    if (samples <= this.#acked.samples) return
    this.#acked = { samples, atMs: nowMs }
    this.#client.forgetBefore(this.#ledger.start)
    this.#effects.push({ type: 'say', message: { op: 'ack', samples } })
  }

  #publish(nowMs: number): void {
    if (this.#phase !== SessionPhase.STREAMING) return
    this.#emit(this.#uplink.tick(nowMs))
    this.#adjustFlow(nowMs)
  }

  #emit(parts: readonly AudioPart[]): void {
    for (const { header, pcm } of parts) {
      const whole = { ...header, epoch: this.#epoch, ack: this.#downlink.nextIndex }
      this.#effects.push({ type: 'publish', worker: this.#worker!, header: whole, pcm })
    }
  }
}
