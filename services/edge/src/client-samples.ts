/**
 * Between the client's own samples and offsets at 16 kHz. They keep step within a turn; each end of a turn that the client
 * asked for starts the resampler anew, so there the pair is noted exactly.
 */
import { SAMPLE_RATE_HZ } from '@yap/protocol'

/** How often a client is told at most. */
const NEWS_MS = 1_000

interface Pair {
  readonly offset: number
  readonly samples: number
}

export class ClientSamples {
  readonly #rateHz: number
  readonly #pairs: Pair[]
  #told: { readonly samples: number; readonly atMs: number }

  constructor(rateHz: number, start: Pair, nowMs: number) {
    this.#rateHz = rateHz
    this.#pairs = [start]
    this.#told = { samples: start.samples, atMs: nowMs }
  }

  /** The resampler starts anew: the next sample at `offset` is the client's sample number `samples`. */
  note(offset: number, samples: number): void {
    this.#pairs.push({ offset, samples })
  }

  /** The client's sample at an offset that is not before the last one forgotten. */
  at(offset: number): number {
    const pair = this.#pairs.findLast((p) => p.offset <= offset) ?? this.#pairs[0]!
    return pair.samples + Math.floor((Math.max(0, offset - pair.offset) * this.#rateHz) / SAMPLE_RATE_HZ)
  }

  /** The client's sample at `offset`, when it is later than what it was told last, and that was a while ago. */
  takeNews(offset: number, nowMs: number): number | undefined {
    if (nowMs - this.#told.atMs < NEWS_MS) return undefined
    const samples = this.at(offset)
    if (samples <= this.#told.samples) return undefined
    this.#told = { samples, atMs: nowMs }
    this.#forgetBefore(offset)
    return samples
  }

  #forgetBefore(offset: number): void {
    while (this.#pairs.length > 1 && this.#pairs[1]!.offset <= offset) this.#pairs.shift()
  }
}
