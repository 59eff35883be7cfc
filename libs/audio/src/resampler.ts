/**
 * Resampler: any sample rate to 16 kHz (or another), as a stream.
 *
 *   push ──> history (the last taps) + pending ──> one filter phase per output ──> 16-bit samples
 *
 * The output depends on the samples alone: each output is the same sum in the same order however the input was cut, so a
 * replayed turn gives the very same audio. It has no delay in time (output n lies at n * fromHz / toHz); what it has is a
 * wait: output n needs `half` input samples after it, 3 ms from 48 kHz and 6 ms from 8 kHz.
 *
 * Equal rates pass 16-bit samples through untouched.
 */
import { AudioError } from './errors.js'
import { clampInt16, finite, toInt16, type Samples } from './pcm.js'
import { polyphaseFilter, type PolyphaseFilter } from './resampler-filter.js'

/** Rates in Hz that make sense for speech, with room for odd recorders. Services have narrower limits of their own. */
export const resamplerHzMin = 4000
export const resamplerHzMax = 384_000

export class Resampler {
  readonly fromHz: number
  readonly toHz: number
  /** Undefined where both rates are equal. */
  readonly #filter: PolyphaseFilter | undefined
  /** Samples at 16-bit scale, from input index #start (half - 1 zeros stand before the first sample). */
  #buffer = new Float64Array(0)
  #filled = 0
  #start = 0
  /** Next output: it lies at input time #base + #phase / outputStep. */
  #base = 0
  #phase = 0
  #inputSamples = 0

  constructor(fromHz: number, toHz = 16_000) {
    for (const hz of [fromHz, toHz]) {
      if (!Number.isInteger(hz) || hz < resamplerHzMin || hz > resamplerHzMax)
        throw new AudioError('bad_rate', `sample rate ${hz} Hz is not in ${resamplerHzMin} to ${resamplerHzMax}`)
    }
    this.fromHz = fromHz
    this.toHz = toHz
    this.#filter = fromHz === toHz ? undefined : polyphaseFilter(fromHz, toHz)
    this.reset()
  }

  /** All outputs that the samples so far decide. Floats have full scale at +-1; NaN and infinities count as silence. */
  push(samples: Samples): Int16Array {
    this.#inputSamples += samples.length
    if (!this.#filter) return toInt16(samples)
    this.#append(samples)
    const decided = this.#inputSamples - this.#filter.half
    return this.#produce(this.#filter, decided)
  }

  /** The rest, as if silence followed, so that n inputs gave ceil(n * toHz / fromHz) outputs in all; then starts anew. */
  flush(): Int16Array {
    const filter = this.#filter
    let tail: Int16Array = new Int16Array(0)
    if (filter && this.#inputSamples > 0) {
      this.#append(new Float32Array(filter.half))
      tail = this.#produce(filter, this.#inputSamples)
    }
    this.reset()
    return tail
  }

  /** As if new: a turn's audio must not depend on the turn before it. */
  reset(): void {
    const before = this.#filter ? this.#filter.half - 1 : 0
    this.#buffer.fill(0, 0, Math.min(before, this.#buffer.length))
    if (this.#buffer.length < before) this.#buffer = new Float64Array(before)
    this.#filled = before
    this.#start = -before
    this.#base = 0
    this.#phase = 0
    this.#inputSamples = 0
  }

  /** Input samples that must have been pushed since the start (or reset) until `push` has given `outputSamples` of them. */
  inputSamplesFor(outputSamples: number): number {
    if (!this.#filter || outputSamples <= 0) return Math.max(0, outputSamples)
    return this.inputPositionOf(outputSamples - 1) + this.#filter.half + 1
  }

  /** Input sample that lies at, or just before, the time of output sample `outputSample`. */
  inputPositionOf(outputSample: number): number {
    return Math.floor((outputSample * this.fromHz) / this.toHz)
  }

  #append(samples: Samples): void {
    const needed = this.#filled + samples.length
    if (needed > this.#buffer.length) {
      const larger = new Float64Array(Math.max(needed, 2 * this.#buffer.length))
      larger.set(this.#buffer.subarray(0, this.#filled))
      this.#buffer = larger
    }
    if (samples instanceof Int16Array) this.#buffer.set(samples, this.#filled)
    else for (let i = 0; i < samples.length; i++) this.#buffer[this.#filled + i] = scaled(samples[i]!)
    this.#filled = needed
  }

  /** Outputs whose base is below `baseEnd`; then drops the history that no later output needs. */
  #produce(filter: PolyphaseFilter, baseEnd: number): Int16Array {
    const { outputStep, inputStep } = filter
    const ahead = (baseEnd - this.#base) * outputStep - this.#phase
    const out = new Int16Array(ahead > 0 ? Math.ceil(ahead / inputStep) : 0)
    for (let n = 0; n < out.length; n++) {
      out[n] = clampInt16(this.#sum(filter, this.#base - filter.half + 1 - this.#start, this.#phase))
      this.#phase += inputStep
      const whole = Math.floor(this.#phase / outputStep)
      this.#base += whole
      this.#phase -= whole * outputStep
    }
    this.#dropBefore(this.#base - filter.half + 1)
    return out
  }

  #sum(filter: PolyphaseFilter, at: number, phase: number): number {
    const { taps, phases, outputStep, table } = filter
    if (phases === outputStep) return dot(table, phase * taps, this.#buffer, at, taps)
    const position = (phase * phases) / outputStep
    const row = Math.floor(position)
    const below = dot(table, row * taps, this.#buffer, at, taps)
    const above = dot(table, (row + 1) * taps, this.#buffer, at, taps)
    return below + (position - row) * (above - below)
  }

  #dropBefore(index: number): void {
    const drop = Math.min(index - this.#start, this.#filled)
    if (drop <= 0) return
    this.#buffer.copyWithin(0, drop, this.#filled)
    this.#filled -= drop
    this.#start += drop
  }
}

/** A float sample at 16-bit scale. Overshoot is kept, but a value that is no sound at all must not overflow its neighbours. */
function scaled(sample: number): number {
  return Math.max(-64, Math.min(64, finite(sample))) * 32768
}

/** Four sums at a time keep the processor's adders busy; doubles, because V8 would convert each float anyway. */
function dot(taps: Float64Array, tapAt: number, samples: Float64Array, sampleAt: number, count: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  for (let k = 0; k < count; k += 4) {
    a += taps[tapAt + k]! * samples[sampleAt + k]!
    b += taps[tapAt + k + 1]! * samples[sampleAt + k + 1]!
    c += taps[tapAt + k + 2]! * samples[sampleAt + k + 2]!
    d += taps[tapAt + k + 3]! * samples[sampleAt + k + 3]!
  }
  return a + b + (c + d)
}

/** Whole audio at once: 16-bit samples at `toHz`. */
export function resample(samples: Samples, fromHz: number, toHz = 16_000): Int16Array {
  const resampler = new Resampler(fromHz, toHz)
  const head = resampler.push(samples)
  const tail = resampler.flush()
  if (tail.length === 0) return head
  const all = new Int16Array(head.length + tail.length)
  all.set(head)
  all.set(tail, head.length)
  return all
}
