/** A session's 16 kHz audio from the checkpoint to its newest sample, by offset. Blocks of one second come and go. */
import { strict as assert } from 'node:assert'
import { SAMPLE_RATE_HZ } from '@yap/protocol'

const BLOCK_SAMPLES = SAMPLE_RATE_HZ

export class ReplayRing {
  /** Block i holds offsets [#base + i * BLOCK_SAMPLES, …). */
  #blocks: Int16Array[] = []
  #base: number
  #start: number
  #end: number

  constructor(offset: number) {
    this.#base = offset
    this.#start = offset
    this.#end = offset
  }

  /** Oldest offset that is held. */
  get start(): number {
    return this.#start
  }

  /** Offset after the newest sample. */
  get end(): number {
    return this.#end
  }

  get samples(): number {
    return this.#end - this.#start
  }

  append(pcm: Int16Array): void {
    let taken = 0
    while (taken < pcm.length) {
      const at = this.#end - this.#base
      const block = (this.#blocks[Math.floor(at / BLOCK_SAMPLES)] ??= new Int16Array(BLOCK_SAMPLES))
      const within = at % BLOCK_SAMPLES
      const part = pcm.subarray(taken, taken + BLOCK_SAMPLES - within)
      block.set(part, within)
      taken += part.length
      this.#end += part.length
    }
  }

  /** A copy of [from, to): what is published may not change while the NATS client still holds it. */
  read(from: number, to: number): Int16Array {
    assert(
      from >= this.#start && to <= this.#end && from <= to,
      `[${from}, ${to}) is not within [${this.#start}, ${this.#end})`,
    )
    const out = new Int16Array(to - from)
    for (let filled = 0; filled < out.length;) {
      const at = from + filled - this.#base
      const within = at % BLOCK_SAMPLES
      const part = this.#blocks[Math.floor(at / BLOCK_SAMPLES)]!.subarray(within, within + out.length - filled)
      out.set(part, filled)
      filled += part.length
    }
    return out
  }

  /** Forgets everything before `offset`. */
  trim(offset: number): void {
    this.#start = Math.max(this.#start, Math.min(offset, this.#end))
    const whole = Math.floor((this.#start - this.#base) / BLOCK_SAMPLES)
    if (whole === 0) return
    this.#blocks.splice(0, whole)
    this.#base += whole * BLOCK_SAMPLES
  }

  /** Overwrites and forgets everything: nobody's voice stays behind. */
  wipe(): void {
    for (const block of this.#blocks) block.fill(0)
    this.#blocks = []
    this.#base = this.#end
    this.#start = this.#end
  }
}
