/**
 * A worker's side of one session without a model: its text is a function of the samples that it got, in order, so loss,
 * repetition and cross-talk show in the text. It keeps to the rules of audio-message.ts and text-message.ts.
 */
import {
  AudioFlag,
  chunkGeometry,
  LIMITS,
  stepReadyAt,
  type AudioMessage,
  type BindRequest,
  type ChunkGeometry,
  type TextMessage,
  type TextResult,
} from '@yap/protocol'

/** What a turn's samples are transcribed as: one word a complete chunk, one for the rest. */
export function fakeTranscript(samples: readonly number[], right: number): string {
  const geometry = chunkGeometry(right)
  const words: string[] = []
  let from = 0
  for (let k = 0; stepReadyAt(geometry, k) <= samples.length; k++) {
    const to = stepReadyAt(geometry, k)
    words.push(word(samples, from, to))
    from = to
  }
  if (from < samples.length) words.push(word(samples, from, samples.length))
  return words.join(' ')
}

function word(samples: readonly number[], from: number, to: number): string {
  let sum = 0
  for (let i = from; i < to; i++) sum = (sum * 31 + (samples[i]! & 0xffff) + 1) % 1_000_003
  return `w${sum}`
}

export class FakeWorkerSession {
  readonly bind: BindRequest
  readonly #geometry: ChunkGeometry
  #turn: number
  #turnStart: number
  /** Of the turn: words of the steps taken, and the samples that no step has taken. */
  #words: string[] = []
  #rest: number[] = []
  #received: number
  #consumed: number
  #index: number
  #results: TextResult[] = []
  #sentAtMs = -Infinity
  released = false

  constructor(bind: BindRequest) {
    this.bind = bind
    this.#geometry = chunkGeometry(bind.right)
    this.#turn = bind.turn
    this.#turnStart = bind.turnStart
    this.#received = bind.offset
    this.#consumed = bind.offset
    this.#index = bind.index
  }

  /** One audio message; returns what it answers. */
  audio(message: AudioMessage, nowMs: number): TextMessage | undefined {
    if (message.epoch !== this.bind.epoch) return undefined
    this.#results = this.#results.filter((r) => r.index >= message.ack)
    if (this.released) return this.#standing(nowMs)
    if (message.offset > this.#received) return this.#standing(nowMs, this.#received)
    if (message.turn === this.#turn + 1 && message.turnStart === this.#received) this.#final('finalize')
    if (message.turn > this.#turn) return this.#standing(nowMs, this.#received)
    const fresh = message.pcm.subarray(Math.max(0, this.#received - message.offset))
    for (const sample of fresh) this.#rest.push(sample)
    this.#received += fresh.length
    this.#step()
    this.#ends(message)
    this.#flush(message)
    return this.#standing(nowMs)
  }

  /** Repeats what was not acknowledged. */
  tick(nowMs: number): TextMessage | undefined {
    if (this.#results.length === 0 || nowMs - this.#sentAtMs < LIMITS.resultRepeatMs) return undefined
    return this.#standing(nowMs)
  }

  #step(): void {
    for (;;) {
      const ready = this.#turnStart + stepReadyAt(this.#geometry, this.#words.length)
      if (ready > this.#received) return
      this.#words.push(word(this.#rest, 0, ready - this.#consumed))
      this.#rest = this.#rest.slice(ready - this.#consumed)
      this.#consumed = ready
      if (this.bind.interim !== false) this.#add('interim', this.#words.join(' '), ready)
    }
  }

  #ends({ flags, turn, offset, pcm }: AudioMessage): void {
    const end = offset + pcm.length
    if ((flags & (AudioFlag.FINALIZE | AudioFlag.CLOSE)) === 0 || end < this.#received) return
    const closes = (flags & AudioFlag.CLOSE) !== 0
    if (turn < this.#turn && this.#turnStart >= end) {
      this.released ||= closes
      return
    }
    this.#final(closes ? 'close' : 'finalize')
    this.released = closes
  }

  #flush({ flags, offset, pcm }: AudioMessage): void {
    if (flags !== 0 || pcm.length === 0 || offset + pcm.length !== this.#received || this.bind.interim === false) return
    if (this.#received === this.#consumed) return
    const text = this.#text()
    this.#results.push({ index: this.#index, turn: this.#turn, kind: 'flush', text, end: this.#received })
  }

  #final(cause: 'finalize' | 'close'): void {
    this.#results = this.#results.filter((r) => r.kind !== 'flush')
    this.#add('final', this.#text(), this.#received, cause)
    this.#consumed = this.#received
    this.#turn++
    this.#turnStart = this.#received
    this.#words = []
    this.#rest = []
  }

  #text(): string {
    const tail = this.#rest.length > 0 ? [word(this.#rest, 0, this.#rest.length)] : []
    return [...this.#words, ...tail].join(' ')
  }

  #add(kind: 'interim' | 'final', text: string, end: number, cause?: 'finalize' | 'close'): void {
    this.#results = this.#results.filter((r) => r.kind !== 'flush')
    const words = this.bind.words
      ? { words: [[text.slice(0, 8) || '-', 0, 80, 0.5] as [string, number, number, number]] }
      : {}
    this.#results.push({
      index: this.#index++,
      turn: this.#turn,
      kind,
      text,
      end,
      ...words,
      ...(cause ? { cause } : {}),
    })
  }

  #standing(nowMs: number, need?: number): TextMessage {
    this.#sentAtMs = nowMs
    return {
      epoch: this.bind.epoch,
      turn: this.#turn,
      received: this.#received,
      consumed: this.#consumed,
      checkpoint: this.#turnStart,
      results: this.#results.slice(0, LIMITS.textResultsMax),
      ...(need === undefined ? {} : { need }),
      ...(this.released ? { released: true } : {}),
    }
  }
}
