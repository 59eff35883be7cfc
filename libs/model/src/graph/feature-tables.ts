/**
 * The tables that a checkpoint carries for its features: the analysis window, and the mel filters.
 *
 * A checkpoint in half precision carries them rounded, but NeMo's streaming loop makes its features anew from the
 * configuration, in float32: then the exact tables are the ones that give NeMo's tokens.
 */

const SAMPLE_RATE_HZ = 16000
const FFT_SIZE = 512

/** Hann, symmetric, 25 ms. */
export function hannWindow(samples = 400): Float32Array {
  return Float32Array.from({ length: samples }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / (samples - 1)))
}

/**
 * Slaney's mel filters: triangles between neighbours on his scale (linear to 1 kHz, logarithmic above), each of area 1.
 *
 * @returns [mels, 257], row-major
 */
export function melFilters(mels: number): Float32Array {
  const bins = FFT_SIZE / 2 + 1
  const top = melOfHz(SAMPLE_RATE_HZ / 2)
  const edges = Array.from({ length: mels + 2 }, (_, i) => hzOfMel((top * i) / (mels + 1)))
  const out = new Float32Array(mels * bins)
  for (let m = 0; m < mels; m++) {
    const [low, centre, high] = [edges[m]!, edges[m + 1]!, edges[m + 2]!]
    for (let k = 0; k < bins; k++) {
      const hz = (k * SAMPLE_RATE_HZ) / FFT_SIZE
      const height = Math.min((hz - low) / (centre - low), (high - hz) / (high - centre))
      out[m * bins + k] = (Math.max(0, height) * 2) / (high - low)
    }
  }
  return out
}

/** 200/3 Hz a mel below 1 kHz, 27 mels a factor of 6.4 above. */
const LINEAR_HZ = 200 / 3
const KNEE_HZ = 1000
const KNEE_MEL = KNEE_HZ / LINEAR_HZ
const LOG_STEP = Math.log(6.4) / 27

function melOfHz(hz: number): number {
  return hz < KNEE_HZ ? hz / LINEAR_HZ : KNEE_MEL + Math.log(hz / KNEE_HZ) / LOG_STEP
}

function hzOfMel(mel: number): number {
  return mel < KNEE_MEL ? mel * LINEAR_HZ : KNEE_HZ * Math.exp(LOG_STEP * (mel - KNEE_MEL))
}

/** bfloat16 keeps 8 bits: a rounded value is off by one part in 256 at most; float16 rounds the smallest to 6e-8. */
const HALF_PRECISION_SHARE = 2 ** -8
const HALF_PRECISION_FLOOR = 6e-8
const FLOAT32_DIFFERENCE_MAX = 1e-6

/** The stored table, or the exact one where the stored is that in half precision. */
export function unrounded(stored: Float32Array, exact: Float32Array): Float32Array {
  let isFloat32 = true
  for (const [i, value] of stored.entries()) {
    const difference = Math.abs(value - exact[i]!)
    if (difference > HALF_PRECISION_SHARE * Math.abs(exact[i]!) + HALF_PRECISION_FLOOR) return stored
    if (difference > FLOAT32_DIFFERENCE_MAX) isFloat32 = false
  }
  return isFloat32 ? stored : exact
}
