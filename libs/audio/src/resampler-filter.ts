/**
 * The low-pass filter of a rate conversion, cut into phases: a Kaiser-windowed sinc.
 *
 *   output n lies at input time n * M / L   (L / M = toHz / fromHz in lowest terms)
 *            = base + phase / L             base whole, 0 <= phase < L
 *   output n = sum over k of  tap[phase][k] * input[base - half + 1 + k],  k in 0 .. 2 half - 1
 *
 * The stop band begins at half the lower of both rates, so nothing folds back; the pass band ends at 0.88 of that
 * (7.05 kHz for 16 kHz, 3.5 kHz for a telephone's 8 kHz). Longer filters would reach higher for more work: 48 zero
 * crossings a side cost 288 multiplications a sample from 48 kHz.
 *
 * Odd ratios (95,999 Hz to 16 kHz has 16,000 phases) would make tables of many MB. Above `tableEntriesMax` the table
 * has 512 phases and neighbours are interpolated; what that adds lies below -100 dB.
 */

const attenuationDb = 90
const zeroCrossings = 48
const interpolatedPhases = 512
const tableEntriesMax = 2 ** 18
/** Tables are shared by all sessions of a rate. A handful of rates is usual; a client that tries hundreds must not fill memory. */
const cachedFiltersMax = 16

export interface PolyphaseFilter {
  /** Output samples per `inputStep` input samples. */
  readonly outputStep: number
  readonly inputStep: number
  /** Input samples on each side of an output's time. */
  readonly half: number
  /** Taps of one phase: 2 x half, a multiple of 4. */
  readonly taps: number
  /** Phases in the table. Equal to outputStep: exact. Less: interpolate between phase and phase + 1 (the table has one more row). */
  readonly phases: number
  /** Row-major [rows, taps]; each row sums to 1, so that a constant stays that constant. */
  readonly table: Float64Array
}

const cache = new Map<string, PolyphaseFilter>()

export function polyphaseFilter(fromHz: number, toHz: number): PolyphaseFilter {
  const divisor = greatestCommonDivisor(fromHz, toHz)
  const outputStep = toHz / divisor
  const inputStep = fromHz / divisor
  const key = `${outputStep}/${inputStep}`
  const known = cache.get(key)
  if (known) return known
  const filter = design(outputStep, inputStep)
  if (cache.size >= cachedFiltersMax) cache.delete(cache.keys().next().value!)
  cache.set(key, filter)
  return filter
}

function design(outputStep: number, inputStep: number): PolyphaseFilter {
  // Nyquist of the lower rate, in units of the input's own Nyquist frequency.
  const band = Math.min(1, outputStep / inputStep)
  const half = 2 * Math.ceil(zeroCrossings / band / 2)
  const taps = 2 * half
  // Kaiser's estimate of the transition width, as a fraction of `band`; its upper end is put on the band's edge.
  const transition = (attenuationDb - 8) / (2.285 * Math.PI * 2 * zeroCrossings)
  const cutoff = band * (1 - transition / 2)
  const phases = outputStep * taps <= tableEntriesMax ? outputStep : interpolatedPhases
  const rows = phases === outputStep ? phases : phases + 1
  const table = new Float64Array(rows * taps)
  const row = new Float64Array(taps)
  for (let phase = 0; phase < rows; phase++) {
    let sum = 0
    for (let k = 0; k < taps; k++) {
      const distance = k - half + 1 - phase / phases
      sum += row[k] = cutoff * sinc(cutoff * distance) * kaiser(distance / half)
    }
    for (let k = 0; k < taps; k++) table[phase * taps + k] = row[k]! / sum
  }
  return { outputStep, inputStep, half, taps, phases, table }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

const beta = 0.1102 * (attenuationDb - 8.7)

/** Kaiser's window at -1 .. 1. */
function kaiser(x: number): number {
  const inside = 1 - x * x
  return inside < 0 ? 0 : besselI0(beta * Math.sqrt(inside)) / besselI0(beta)
}

/** Modified Bessel function of the first kind and order 0, by its power series. */
function besselI0(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; term > sum * 1e-16; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
