/** A session core with the fake engine behind it and a patient edge before it, in one thread and on a clock by hand. */
import { SessionCore, type SessionBind } from '@yap/asr-worker'
import { lookAheadOf, Transcript } from '@yap/model'
import {
  AudioFlag,
  decodeTextMessage,
  encodeTextMessage,
  type AudioMessage,
  type TextMessage,
  type TextResult,
} from '@yap/protocol'
import { FakeEngine, fakeManifest } from './fake-engine.js'

export interface HarnessOptions extends Partial<Omit<SessionBind, 'lookAhead'>> {
  right?: number
  tailMs?: number
}

export class SessionHarness {
  readonly core: SessionCore
  /** Real results by index, and flush results in the order they came. */
  readonly results: TextResult[] = []
  readonly flushes: TextResult[] = []
  readonly messages: TextMessage[] = []
  nowMs = 0
  /** false: steps wait until `stepOne` is called. */
  autoStep = true
  readonly #engine = new FakeEngine({ slots: 2 })
  readonly #pcm: Int16Array
  readonly #firstIndex: number

  constructor(options: HarnessOptions = {}) {
    const { right = 1, tailMs = 80, ...bind } = options
    const lookAhead = lookAheadOf(70, right)
    this.#firstIndex = bind.index ?? 0
    this.#pcm = new Int16Array(lookAhead.chunkSamples + 241)
    this.core = new SessionCore(
      {
        epoch: 1,
        turn: 0,
        turnStart: 0,
        index: 0,
        words: false,
        interim: 'step',
        endpointMs: null,
        ...bind,
        lookAhead,
      },
      { tailSamples: tailMs * 16, pendingSamplesMax: 128_000 },
      () => new Transcript(fakeManifest()),
    )
  }

  get ack(): number {
    return this.#firstIndex + this.results.length
  }

  get last(): TextMessage {
    return this.messages.at(-1)!
  }

  get finals(): TextResult[] {
    return this.results.filter((result) => result.kind === 'final')
  }

  send(message: Partial<AudioMessage> & { offset: number }): TextMessage | undefined {
    const whole = { flags: 0, epoch: 1, turn: 0, ack: this.ack, turnStart: 0, pcm: new Int16Array(0), ...message }
    const answer = this.hear(this.core.audio(whole, this.nowMs))
    if (this.autoStep) while (this.stepOne());
    return answer
  }

  stepOne(): boolean {
    if (this.core.due === 'no') return false
    const taken = this.core.take(this.#pcm, this.nowMs)
    const scratch = taken.where.startsWith('scratch')
    if (taken.reset) this.#engine.reset(0)
    if (taken.where === 'scratch-first') this.#engine.copy(0, 1)
    const result = this.#engine.stepRow({
      slot: scratch ? 1 : 0,
      decoder: 'rnnt',
      window: taken.window,
      pcm: this.#pcm,
      commit: taken.where !== 'copy',
    })
    this.hear(this.core.stepped(result, 1, this.nowMs))
    return true
  }

  sweep(afterMs: number): TextMessage | undefined {
    this.nowMs += afterMs
    return this.hear(this.core.sweep(this.nowMs))
  }

  /** Takes a text message as an edge does: results in order, repeats dropped. */
  hear(message: TextMessage | undefined): TextMessage | undefined {
    if (!message) return undefined
    const read = decodeTextMessage(encodeTextMessage(message))
    this.messages.push(read)
    for (const result of read.results) {
      if (result.kind === 'flush') this.flushes.push(result)
      else if (result.index === this.ack) this.results.push(result)
    }
    return read
  }
}

export const FINALIZE = AudioFlag.FINALIZE
export const CLOSE = AudioFlag.CLOSE
export const REPLAY = AudioFlag.REPLAY

/** Samples that are never zero and never the same, from `start` on. */
export function speech(start: number, count: number): Int16Array {
  return Int16Array.from({ length: count }, (_, i) => ((Math.imul(start + i + 1, 2654435761) >>> 17) % 20_000) + 1)
}

/** What a result says, without how long it took. */
export const essence = ({ index, turn, kind, text, end, cause, words }: TextResult): object => ({
  index,
  turn,
  kind,
  text,
  end,
  ...(cause ? { cause } : {}),
  ...(words ? { words } : {}),
})
