/** A client's bytes to 16 kHz samples: its encoding, half a sample carried from frame to frame, its rate. */
import { createPcmDecoder, Resampler, type PcmDecoder } from '@yap/audio'
import { SAMPLE_RATE_HZ, type Encoding } from '@yap/protocol'

export class ClientAudio {
  readonly #decoder: PcmDecoder
  readonly #resampler: Resampler
  #samples: number

  /** `samples`: number of the first sample that will come. */
  constructor(encoding: Encoding, rateHz: number, samples: number) {
    this.#decoder = createPcmDecoder(encoding)
    this.#resampler = new Resampler(rateHz, SAMPLE_RATE_HZ)
    this.#samples = samples
  }

  /** Whole samples of the client so far, counted from its session's first. */
  get samples(): number {
    return this.#samples
  }

  /** A sample was started and its rest did not come. */
  get halfSample(): boolean {
    return this.#decoder.pendingBytes > 0
  }

  push(bytes: Uint8Array): Int16Array {
    const samples = this.#decoder.push(bytes)
    this.#samples += samples.length
    return this.#resampler.push(samples)
  }

  /** The last samples of a turn. The next one starts with a fresh filter, so that it does not depend on this one. */
  endTurn(): Int16Array {
    return this.#resampler.flush()
  }
}
