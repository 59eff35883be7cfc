/**
 * Audio of any rate to 16 kHz, piece by piece, with a low-pass: a polyphase windowed sinc.
 *
 * The rates are in the ratio down : up after division by their greatest common divisor, so output n lies at input
 * position n * down / up, and only `up` different sets of taps occur (1 for 48 kHz, 160 for 44.1 kHz). They are computed
 * once. Costs 2 x ZEROS x down/up multiplications a sample (about 100 at 48 kHz); delays by half of the filter: 1 ms.
 *
 * Pure and without a browser, so that it is tested outside of one too. Cutting the input into other pieces changes nothing.
 */

export const OUTPUT_HZ = 16000

/** Zero crossings of the sinc to each side. 16 give a transition of about 1 kHz below the new Nyquist frequency. */
const ZEROS = 16

/** Kaiser window, beta 8: side lobes 80 dB down, below what 16 bits of a microphone hold. */
const BETA = 8

/** Share of the smaller Nyquist frequency that is let through, so that the slope lies below it. */
const PASS = 0.92

export class Resampler {
  #up
  #down
  #half
  #phases
  #history
  /** Position of the next output, in units of 1/up input samples from the start of #history. */
  #position

  /** @param {number} inputHz whole number of samples a second, 8000 or more */
  constructor(inputHz) {
    if (!Number.isInteger(inputHz) || inputHz < 8000)
      throw new RangeError(`input rate ${inputHz} Hz, 8000 is the least`)
    const divisor = greatestCommonDivisor(inputHz, OUTPUT_HZ)
    this.#up = OUTPUT_HZ / divisor
    this.#down = inputHz / divisor
    const cutoff = PASS * Math.min(1, OUTPUT_HZ / inputHz)
    this.#half = Math.ceil(ZEROS / cutoff)
    this.#phases = Array.from({ length: this.#up }, (_, phase) => taps(phase / this.#up, this.#half, cutoff))
    // Silence before the first sample, so that output 0 lies on input 0.
    this.#history = new Float32Array(this.#half - 1)
    this.#position = (this.#half - 1) * this.#up
  }

  /**
   * @param {Float32Array} input samples at the input rate, any number
   * @returns {Float32Array} what became complete, at 16 kHz
   */
  push(input) {
    const samples = new Float32Array(this.#history.length + input.length)
    samples.set(this.#history)
    samples.set(input, this.#history.length)

    const output = []
    for (; ; this.#position += this.#down) {
      const centre = Math.floor(this.#position / this.#up)
      if (centre + this.#half >= samples.length) break
      const filter = this.#phases[this.#position % this.#up]
      const first = centre - this.#half + 1
      let sum = 0
      for (let i = 0; i < filter.length; i++) sum += filter[i] * samples[first + i]
      output.push(sum)
    }

    const keepFrom = Math.max(0, Math.floor(this.#position / this.#up) - this.#half + 1)
    this.#history = samples.slice(keepFrom)
    this.#position -= keepFrom * this.#up
    return Float32Array.from(output)
  }

  /** The last samples, for which the filter still waited. The resampler is spent after this. */
  end() {
    return this.push(new Float32Array(this.#half))
  }
}

/** Float samples in -1..1 to PCM16; louder ones are clipped. */
export function toPcm16(samples) {
  const pcm = new Int16Array(samples.length)
  for (let i = 0; i < samples.length; i++) pcm[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32768)))
  return pcm
}

/** Taps for an output that lies `fraction` of a sample after the filter's tap number half - 1; they sum to 1. */
function taps(fraction, half, cutoff) {
  const filter = Float64Array.from({ length: 2 * half }, (_, i) => {
    const distance = i - (half - 1) - fraction
    return sinc(distance * cutoff) * kaiser(distance / half)
  })
  const sum = filter.reduce((a, b) => a + b, 0)
  return filter.map((tap) => tap / sum)
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

function kaiser(x) {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA)
}

/** Modified Bessel function of the first kind, order 0, by its series. */
function bessel(x) {
  let sum = 1
  let term = 1
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
