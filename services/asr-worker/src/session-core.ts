/**
 * One session on the worker, as decisions alone: audio messages and step results in, text messages and due steps out. No
 * I/O and no clock: the caller says what time it is. The same events give the same results, numbers and all, however the
 * network cut, repeated or reordered them (rules: audio-message.ts and text-message.ts of libs/protocol).
 *
 *   audio ──> turns ──> take() ──> engine ──> stepped() ──> results ──> text messages, until acknowledged
 *
 *   from      event                                  to
 *   OPEN      close taken                            CLOSING
 *   CLOSING   its final made                         RELEASED   (the slot is free)
 *   any       the numbers of a step went bad         FAILED     (the slot is free)
 *
 * RELEASED and FAILED linger without a slot and answer the edge, whose `close` or last words may have crossed ours.
 */
import {
  FRAME_MS,
  FRAME_SAMPLES,
  type LookAhead,
  type StepRowResult,
  type StepWindow,
  type Transcript,
} from '@yap/model'
import { AudioFlag, type AudioMessage, type BindRequest, type TextMessage, type TextResult } from '@yap/protocol'
import assert from 'node:assert/strict'
import { Arrivals } from './arrivals.js'
import { IdleFlush } from './idle-flush.js'
import { ResultLog } from './result-log.js'
import { TurnQueue } from './turn-queue.js'

export const SessionState = { OPEN: 'open', CLOSING: 'closing', RELEASED: 'released', FAILED: 'failed' } as const
export type SessionState = (typeof SessionState)[keyof typeof SessionState]

/** A gap is asked for again after this long: the rest of a burst that arrives behind it must not ask once a message. */
const NEED_REPEAT_MS = 50
/** Stepping waits when so many results are unacknowledged: nobody is reading them. */
const RESULTS_WAITING_MAX = 256
/** A complete chunk that waited this long is lag, and is told to the edge before it suspects us. */
export const LAGGING_MS = 400

export interface SessionLimits {
  /** Silence after a turn's last sample. */
  tailSamples: number
  /** Samples that may wait to be stepped; the edge's credit ends below that. */
  pendingSamplesMax: number
}

export type SessionBind = Pick<
  BindRequest,
  'epoch' | 'turn' | 'turnStart' | 'index' | 'words' | 'interim' | 'endpointMs'
> & { lookAhead: LookAhead }

/** What a step is wanted for. `chunk` may wait for company, `hurry` may not, `flush` runs on a copy of the state. */
export type Due = 'no' | 'chunk' | 'hurry' | 'flush'

export interface TakenStep {
  window: StepWindow
  /** The slot's state must be cleared first: a turn begins. */
  reset: boolean
  /**
   * own: the step moves the session's state on. copy: it leaves the state as it is. scratch-first, scratch: it moves a copy in
   * another slot on, which scratch-first makes; for an idle tail that takes two steps.
   */
  where: 'own' | 'copy' | 'scratch-first' | 'scratch'
  /** From the chunk being complete to now. */
  queueMs: number
}

type InFlight = { kind: 'turn'; ofRealAudio: boolean; end: number; queueMs: number } | { kind: 'flush' }

export class SessionCore {
  readonly bind: SessionBind
  readonly #limits: SessionLimits
  readonly #newTranscript: () => Transcript
  readonly #turns: TurnQueue
  readonly #log: ResultLog
  readonly #arrivals = new Arrivals()
  readonly #flush: IdleFlush
  #state: SessionState = SessionState.OPEN
  #transcript: Transcript
  #lastText = ''
  #lastTokenFrame = -1
  #consumed: number
  #resetDue = true
  #inFlight: InFlight | undefined
  #neededAtMs = -Infinity
  #publishedAtMs = -Infinity

  constructor(bind: SessionBind, limits: SessionLimits, newTranscript: () => Transcript) {
    this.bind = bind
    this.#limits = limits
    this.#newTranscript = newTranscript
    this.#turns = new TurnQueue(bind.lookAhead, limits.tailSamples, bind.turn, bind.turnStart)
    this.#log = new ResultLog(bind.index)
    this.#transcript = newTranscript()
    this.#consumed = bind.turnStart
    this.#flush = new IdleFlush(limits.tailSamples, bind.turnStart)
  }

  get state(): SessionState {
    return this.#state
  }

  /** It needs its slot. */
  get live(): boolean {
    return this.#state === SessionState.OPEN || this.#state === SessionState.CLOSING
  }

  get stepping(): boolean {
    return this.#inFlight !== undefined
  }

  /** A flush that needs a slot for its copy. */
  get wantsScratch(): boolean {
    return this.#flush.wantsScratch
  }

  get pendingSamples(): number {
    return Math.max(0, this.#turns.received - this.#consumed)
  }

  get due(): Due {
    if (!this.live || this.#inFlight || this.#log.waiting >= RESULTS_WAITING_MAX) return 'no'
    if (this.#turns.ready()) return this.#turns.pressing ? 'hurry' : 'chunk'
    return this.#flush.due ? 'flush' : 'no'
  }

  /** Takes one audio message. Returns what to tell the edge now, if anything. */
  audio(message: AudioMessage, nowMs: number): TextMessage | undefined {
    if (message.epoch !== this.bind.epoch) return undefined
    this.#log.acknowledge(message.ack)
    if (!this.live) return this.#standing(nowMs)
    const taken = this.#take(message, nowMs)
    if (!taken) return this.#need(nowMs)
    this.#settle()
    // An end of turn may be answered already, by an endpoint: then no step would tell that it was taken.
    const asked = message.pcm.length === 0 || message.flags !== 0
    return asked || this.#log.isDue(nowMs) ? this.#standing(nowMs) : undefined
  }

  /** The window of the step that is due, written into `out` (long enough for this look-ahead). */
  take(out: Int16Array, nowMs: number): TakenStep {
    const due = this.due
    assert.notEqual(due, 'no', 'take() without a due step. This is a bug.')
    const reset = this.#resetDue
    this.#resetDue = false
    if (due === 'flush') {
      this.#inFlight = { kind: 'flush' }
      return { ...this.#flush.take(out), reset, queueMs: 0 }
    }
    this.#flush.drop()
    const turn = this.#turns.current
    const end = Math.min(turn.start + turn.audio.readyAtSamples, turn.end?.at ?? Infinity)
    const queueMs = this.#arrivals.waitedMs(end, nowMs)
    const ofRealAudio = !turn.audio.ended
    const window = turn.audio.take(out)
    this.#inFlight = { kind: 'turn', ofRealAudio, end, queueMs }
    return { window, reset, where: 'own', queueMs }
  }

  /** The step that was taken has run. */
  stepped(result: StepRowResult, stepMs: number, nowMs: number): TextMessage | undefined {
    const inFlight = this.#inFlight
    assert(inFlight, 'a result without a step. This is a bug.')
    this.#inFlight = undefined
    if (!this.live) return undefined
    if (!result.ok) {
      this.#state = SessionState.FAILED
      return this.#standing(nowMs)
    }
    if (inFlight.kind === 'flush') {
      this.#heardFlush(result)
      this.#settle()
      return this.#log.isDue(nowMs) ? this.#standing(nowMs) : undefined
    }
    this.#heardTurn(result, inFlight, Math.round(stepMs * 10) / 10)
    this.#settle()
    return this.#standing(nowMs)
  }

  /** Time has passed: repeats what was not acknowledged, and says so when the session lags. */
  sweep(nowMs: number): TextMessage | undefined {
    if (this.#log.isDue(nowMs) && this.live) return this.#standing(nowMs)
    const lagging = this.#lagging(nowMs)
    return lagging && nowMs - this.#publishedAtMs >= LAGGING_MS ? this.#standing(nowMs) : undefined
  }

  /** Whether all of the message could be taken; false: there is a gap before it. */
  #take(message: AudioMessage, nowMs: number): boolean {
    const { offset, pcm, turnStart } = message
    const turns = this.#turns
    if (turns.closed) return true
    if (offset > turns.received) return false
    // Its turn began after ours, so the end of ours was lost on the way.
    const nextBegan = message.turn === turns.receivingNumber + 1 && turnStart >= turns.receiving.start
    if ((nextBegan || turnStart > turns.receiving.start) && turnStart === turns.received) turns.end('finalize')
    if (message.turn > turns.receivingNumber) return false
    if (offset + pcm.length - this.#consumed > this.#limits.pendingSamplesMax) return false
    const before = turns.received
    turns.push(offset, pcm)
    if (turns.received > before) this.#arrivals.add(turns.received, nowMs)
    this.#takeEnd(message)
    this.#considerFlush(message)
    return true
  }

  #takeEnd({ flags, turn, offset, pcm }: AudioMessage): void {
    if ((flags & (AudioFlag.FINALIZE | AudioFlag.CLOSE)) === 0) return
    const turns = this.#turns
    const at = offset + pcm.length
    const closes = (flags & AudioFlag.CLOSE) !== 0
    const answered = turn < turns.receivingNumber && turns.receiving.start >= at
    if ((answered && !closes) || at < turns.received) return
    if (answered) {
      // The final of all that this close could end is made, or will be.
      this.#state = turns.closeEmpty() ? SessionState.CLOSING : SessionState.RELEASED
      return
    }
    turns.end(closes ? 'close' : 'finalize')
    if (closes) this.#state = SessionState.CLOSING
  }

  /** A message that ends inside a chunk says that its speaker has paused: the incomplete tail is worth showing. */
  #considerFlush({ flags, offset, pcm }: AudioMessage): void {
    const { received, current, receiving } = this.#turns
    if (flags !== 0 || current !== receiving || this.bind.interim === false) return
    if (offset + pcm.length !== received) return
    const { lookAhead } = this.bind
    const beyond = received - current.start - lookAhead.firstChunkSamples
    if (beyond < 0 || beyond % lookAhead.chunkSamples !== 0) this.#flush.want(received)
  }

  #heardFlush(result: StepRowResult): void {
    const heard = this.#flush.heard(result)
    if (this.#turns.current.end) this.#flush.cancel()
    else if (heard) this.#addFlush(heard.transcript, heard.end)
    // A whole chunk came meanwhile: its interim will say more than the rest of the copy.
    if (this.#turns.ready()) this.#flush.drop()
  }

  #addFlush(transcript: Transcript, end: number): void {
    const { text } = transcript
    if (this.bind.interim === 'change' && text === this.#lastText) return
    this.#log.setFlush({ turn: this.#turns.currentNumber, text, end, ...this.#words(transcript) })
  }

  #heardTurn(result: StepRowResult, step: InFlight & { kind: 'turn' }, stepMs: number): void {
    this.#consumed = Math.max(this.#consumed, step.end)
    this.#arrivals.forget(this.#consumed)
    this.#transcript.append(result)
    this.#lastTokenFrame = result.frames.at(-1) ?? this.#lastTokenFrame
    // Steps that needed the tail of silence belong to the final: they must not count differently when its end is known late.
    if (!step.ofRealAudio) return
    const timing = { queueMs: Math.round(step.queueMs * 10) / 10, stepMs }
    this.#addInterim(step.end, timing)
    const { audio } = this.#turns.current
    const { endpointMs } = this.bind
    if (endpointMs === null || this.#lastTokenFrame < 0) return
    if ((audio.steppedFrames - this.#lastTokenFrame - 1) * FRAME_MS < endpointMs) return
    this.#addFinal('endpoint', this.#turns.current.start + FRAME_SAMPLES * audio.steppedFrames)
    if (this.#turns.endpoint()) this.#beginTurn()
    else this.#state = SessionState.RELEASED
  }

  /** Makes the finals of turns that have an end and nothing left to step, and copies an idle tail when its time has come. */
  #settle(): void {
    while (this.live && !this.#inFlight) {
      const { end } = this.#turns.current
      if (!end || this.#turns.ready()) break
      this.#consumed = Math.max(this.#consumed, Math.min(end.at, this.#turns.received))
      this.#arrivals.forget(this.#consumed)
      this.#addFinal(end.cause, end.at)
      if (this.#turns.advance()) this.#beginTurn()
      else this.#state = SessionState.RELEASED
    }
    if (this.live && !this.#inFlight) this.#flush.prepare(this.#turns.current, this.#turns.received, this.#transcript)
  }

  #beginTurn(): void {
    this.#transcript = this.#newTranscript()
    this.#lastText = ''
    this.#lastTokenFrame = -1
    this.#resetDue = true
    this.#flush.cancel()
  }

  #addInterim(end: number, timing: Pick<TextResult, 'queueMs' | 'stepMs'>): void {
    const { interim } = this.bind
    if (interim === false) return
    const { text } = this.#transcript
    if (interim === 'change' && text === this.#lastText) return
    this.#lastText = text
    const { currentNumber: turn, current } = this.#turns
    this.#log.add({ turn, kind: 'interim', text, end, ...this.#words(this.#transcript), ...timing }, current.start)
  }

  #addFinal(cause: NonNullable<TextResult['cause']>, end: number): void {
    const { currentNumber: turn, current } = this.#turns
    const { text } = this.#transcript
    this.#log.add({ turn, kind: 'final', text, end, ...this.#words(this.#transcript), cause }, current.start)
  }

  #words(transcript: Transcript): Pick<TextResult, 'words'> {
    if (!this.bind.words) return {}
    return { words: transcript.words().map((w) => [w.word, w.startMs, w.endMs, Math.round(w.confidence * 1e4) / 1e4]) }
  }

  #lagging(nowMs: number): boolean {
    if (!this.live) return false
    const { current } = this.#turns
    const nextDue = Math.min(current.start + current.audio.readyAtSamples, current.end?.at ?? Infinity)
    const due = this.#inFlight?.kind === 'turn' ? this.#inFlight.end : nextDue
    return due <= this.#turns.received && this.#arrivals.waitedMs(due, nowMs) > LAGGING_MS
  }

  #need(nowMs: number): TextMessage | undefined {
    if (nowMs - this.#neededAtMs < NEED_REPEAT_MS) return undefined
    this.#neededAtMs = nowMs
    return this.#standing(nowMs, { need: true })
  }

  #standing(nowMs: number, options: { need?: boolean } = {}): TextMessage {
    this.#publishedAtMs = nowMs
    return {
      epoch: this.bind.epoch,
      turn: this.#turns.receivingNumber,
      received: this.#turns.received,
      consumed: this.#consumed,
      checkpoint: this.#log.checkpoint(this.#turns.current.start),
      // What is not live is not swept: each of its messages says all.
      results: this.#log.takeDue(nowMs, !this.live),
      ...(this.#lagging(nowMs) ? { lagging: true } : {}),
      ...(options.need ? { need: this.#turns.received } : {}),
      ...(this.#state === SessionState.RELEASED ? { released: true } : {}),
      ...(this.#state === SessionState.FAILED
        ? { error: { code: 'internal' as const, message: 'the numbers of this session went bad; please begin anew' } }
        : {}),
    }
  }
}
