/**
 * What goes to the worker, and when: complete chunks within the credit, ends of turns until they are taken, acknowledgements,
 * and what was lost again. Decisions only; the caller publishes.
 *
 *   ring.start <= checkpoint <= consumed <= received <= sent <= sentMax <= ring.end
 *                               (worker's word)         (going back to a gap lowers `sent`)
 *
 * Core NATS may lose anything. A lost chunk shows as a gap (`need`); the last one before silence shows because an unanswered
 * message is followed by an empty one, which is always answered; a lost end of turn is sent again until the worker's own
 * turn number has passed it.
 */
import {
  AudioFlag,
  chunkMs,
  completeSamples,
  LIMITS,
  SAMPLE_RATE_HZ,
  type AudioHeader,
  type ChunkGeometry,
  type TextMessage,
} from '@yap/protocol'
import type { ReplayRing } from './replay-ring.js'
import type { Mark, TurnLedger, TurnNumber } from './turn-ledger.js'

/** An unanswered message is followed by an empty one after this long. */
const POKE_MS = 250
/** The same gap is told several times while its repair is on the way. */
const NEED_AGAIN_MS = 40

/** Results that came again are acknowledged again this soon. */
const ACK_AGAIN_MS = 20

export interface AudioPart {
  readonly header: Omit<AudioHeader, 'epoch' | 'ack'>
  readonly pcm: Int16Array
}

export interface UplinkOptions {
  readonly windowMs: number
  readonly idleFlushMs: number
}

export class Uplink {
  readonly #ring: ReplayRing
  readonly #ledger: TurnLedger
  readonly #options: UplinkOptions
  #geometry: ChunkGeometry | undefined
  #windowSamples = 0
  #stallMs: number = LIMITS.stallMsMin
  #sent = 0
  #sentMax = 0
  /** Marks of the ledger that `sent` has passed. */
  #passed = 0
  #consumed = 0
  #workerTurn = 0
  #need = { offset: -1, atMs: -Infinity }
  /** When the oldest message went out that has no answer; undefined: all were answered. */
  #askedAtMs: number | undefined
  #publishedAtMs = -Infinity
  #ackDueAtMs = Infinity
  #flushDueAtMs = Infinity

  constructor(ring: ReplayRing, ledger: TurnLedger, options: UplinkOptions) {
    this.#ring = ring
    this.#ledger = ledger
    this.#options = options
  }

  get sent(): number {
    return this.#sent
  }

  /** Audio that waits for credit, for its chunk to be complete, or for a worker. */
  get waitingSamples(): number {
    return this.#ring.end - Math.max(this.#sent, this.#ring.start)
  }

  /** A worker has the session: everything since the checkpoint is sent (again). */
  bound(geometry: ChunkGeometry, nowMs: number): void {
    this.#geometry = geometry
    const windowMin = geometry.firstChunkSamples + 2 * geometry.chunkSamples
    this.#windowSamples = Math.max((this.#options.windowMs * SAMPLE_RATE_HZ) / 1000, windowMin)
    this.#stallMs = Math.max(LIMITS.stallMsMin, 2 * chunkMs(geometry.right))
    this.#sent = this.#ledger.start
    this.#passed = 0
    this.#consumed = this.#ledger.start
    this.#workerTurn = this.#ledger.turn
    this.#need = { offset: -1, atMs: -Infinity }
    this.#askedAtMs = undefined
    this.#publishedAtMs = nowMs
  }

  /** New audio was appended to the ring. */
  heard(nowMs: number): void {
    this.#flushDueAtMs = nowMs + this.#options.idleFlushMs
  }

  /** A turn's final was accepted; `answered`: it was the answer to the first mark. */
  turned(answered: boolean): void {
    if (answered && this.#passed > 0) this.#passed--
  }

  /** Results came; `repeated`: some of them again, so our acknowledgement was lost or is late. */
  acknowledge(repeated: boolean, nowMs: number): void {
    // Not at once: an empty message is answered, and the answer may repeat what is on its way.
    const delayMs = repeated ? ACK_AGAIN_MS : LIMITS.ackDelayMs
    this.#ackDueAtMs = Math.min(this.#ackDueAtMs, nowMs + delayMs)
  }

  /** The worker's standing. */
  text(message: TextMessage, nowMs: number): void {
    // It has not heard everything yet: the question stands.
    this.#askedAtMs = message.received < this.#sent ? nowMs : undefined
    this.#consumed = Math.max(this.#consumed, message.consumed)
    this.#workerTurn = Math.max(this.#workerTurn, message.turn)
    if (message.need === undefined || message.need >= this.#sent) return
    if (message.need === this.#need.offset && nowMs - this.#need.atMs < NEED_AGAIN_MS) return
    this.#need = { offset: message.need, atMs: nowMs }
    this.#sent = Math.max(message.need, this.#ring.start)
    this.#passed = this.#ledger.marks.filter((mark) => mark.offset < this.#sent).length
  }

  /** The worker has said nothing for too long although it was asked. */
  stalled(nowMs: number): boolean {
    return this.#askedAtMs !== undefined && nowMs - this.#askedAtMs > this.#stallMs
  }

  /** Time that this process was deaf is nobody's silence. */
  forgive(nowMs: number): void {
    if (this.#askedAtMs !== undefined) this.#askedAtMs = nowMs
  }

  /** What to publish now, in order. */
  tick(nowMs: number): AudioPart[] {
    const parts: AudioPart[] = []
    const geometry = this.#geometry
    if (!geometry) return parts
    for (let part = this.#next(geometry, nowMs); part; part = this.#next(geometry, nowMs)) parts.push(part)
    this.#resendMarks(parts, nowMs)
    const quietMs = nowMs - this.#publishedAtMs
    const poke = this.#askedAtMs !== undefined && quietMs >= POKE_MS
    if (parts.length === 0 && (poke || nowMs >= this.#ackDueAtMs || quietMs >= LIMITS.keepaliveMs))
      parts.push(this.#empty(0))
    if (parts.length > 0) {
      this.#publishedAtMs = nowMs
      this.#ackDueAtMs = Infinity
      this.#askedAtMs ??= nowMs
    }
    return parts
  }

  /** A message without samples: carries an acknowledgement, and is always answered. */
  #empty(flags: number): AudioPart {
    return { header: { flags, ...this.position() }, pcm: new Int16Array(0) }
  }

  /** Behind all that was sent. */
  position(): TurnNumber & { offset: number } {
    return { ...this.#ledger.numberAt(this.#sent, this.#passed), offset: this.#sent }
  }

  #next(geometry: ChunkGeometry, nowMs: number): AudioPart | undefined {
    const mark = this.#ledger.marks[this.#passed]
    const end = this.#sendableEnd(geometry, mark, nowMs)
    const ends = mark !== undefined && end === mark.offset
    if (end <= this.#sent && !ends) return undefined
    const number = this.#ledger.numberAt(this.#sent, this.#passed)
    const pcm = this.#ring.read(this.#sent, end)
    const replay = this.#sent < this.#sentMax ? AudioFlag.REPLAY : 0
    const part = { header: { flags: replay | (ends ? flagOf(mark) : 0), ...number, offset: this.#sent }, pcm }
    this.#sent = end
    this.#sentMax = Math.max(this.#sentMax, end)
    if (ends) {
      mark.sentAtMs = nowMs
      this.#passed++
    }
    return part
  }

  /** How far may be sent now, within one message: to the mark, else to the last complete chunk, else (idle) all there is. */
  #sendableEnd(geometry: ChunkGeometry, mark: Mark | undefined, nowMs: number): number {
    const credit = Math.min(this.#consumed + this.#windowSamples, this.#sent + LIMITS.audioMessageSamplesMax)
    const limit = Math.min(credit, this.#ring.end)
    if (mark && mark.offset <= limit) return mark.offset
    const start = this.#ledger.segmentStart(this.#passed)
    // After an endpoint that lies ahead of the audio there is nothing to say until its turn has begun.
    if (limit <= start) return this.#sent
    const complete = start + completeSamples(geometry, limit - start)
    if (complete > this.#sent || mark || nowMs < this.#flushDueAtMs || limit !== this.#ring.end) return complete
    return this.#ring.end
  }

  #resendMarks(parts: AudioPart[], nowMs: number): void {
    for (let i = 0; i < this.#passed; i++) {
      const mark = this.#ledger.marks[i]!
      const taken = this.#workerTurn > this.#ledger.turn + i
      if (taken || nowMs - mark.sentAtMs < LIMITS.resendMs) continue
      mark.sentAtMs = nowMs
      const header = { flags: flagOf(mark), ...this.#ledger.numberAt(mark.offset, i), offset: mark.offset }
      parts.push({ header, pcm: new Int16Array(0) })
    }
  }
}

const flagOf = (mark: Mark): number => (mark.cause === 'close' ? AudioFlag.CLOSE : AudioFlag.FINALIZE)
