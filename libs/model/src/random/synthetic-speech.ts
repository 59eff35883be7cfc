/** A signal with the rhythm of speech (syllables, pauses, gliding formants, noise), to calibrate on without a recording. */
import { SeededRandom } from './seeded-random.js'

const SAMPLE_RATE_HZ = 16000

/** 16 kHz mono, the same for the same seed. */
export function syntheticSpeech(seconds: number, seed: number): Int16Array {
  const random = new SeededRandom(seed, 'synthetic speech')
  const out = new Float64Array(Math.round(seconds * SAMPLE_RATE_HZ))
  for (let at = 0; at < out.length;) {
    const samples = Math.round((0.09 + 0.2 * random.uniform()) * SAMPLE_RATE_HZ)
    const part = out.subarray(at, at + samples)
    const kind = random.uniform()
    if (kind < 0.7) voiced(part, random)
    else if (kind < 0.9) hiss(part, random)
    at += samples
  }
  return Int16Array.from(out, (x) => Math.round(Math.max(-1, Math.min(1, x + 0.0005 * random.normal())) * 32767))
}

/** A pulse train through three resonators, with a rise and a fall. */
function voiced(out: Float64Array, random: SeededRandom): void {
  const pitchHz = 90 + 120 * random.uniform()
  const formants = [250 + 600 * random.uniform(), 850 + 1500 * random.uniform(), 2300 + 900 * random.uniform()]
  const glide = 0.8 + 0.4 * random.uniform()
  const filters = formants.map(() => new Resonator())
  let phase = 0
  for (let i = 0; i < out.length; i++) {
    const progress = i / out.length
    phase += (pitchHz * (1 - 0.15 * progress)) / SAMPLE_RATE_HZ
    const pulse = phase >= 1 ? 1 : 0
    phase -= pulse
    const bend = 1 + (glide - 1) * progress
    let sum = 0
    for (const [k, filter] of filters.entries()) sum += filter.step(pulse, formants[k]! * bend, 60 + 50 * k) / (k + 1)
    out[i] = 0.6 * sum * Math.sin(Math.PI * progress)
  }
}

function hiss(out: Float64Array, random: SeededRandom): void {
  const filter = new Resonator()
  const hz = 2500 + 3500 * random.uniform()
  for (let i = 0; i < out.length; i++) {
    out[i] = 0.01 * filter.step(random.normal(), hz, 1200) * Math.sin((Math.PI * i) / out.length)
  }
}

/** Two poles at a frequency and a bandwidth. */
class Resonator {
  #y1 = 0
  #y2 = 0

  step(x: number, hz: number, bandwidthHz: number): number {
    const radius = Math.exp((-Math.PI * bandwidthHz) / SAMPLE_RATE_HZ)
    const y = x + 2 * radius * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE_HZ) * this.#y1 - radius * radius * this.#y2
    this.#y2 = this.#y1
    this.#y1 = y
    return 0.1 * y
  }
}
