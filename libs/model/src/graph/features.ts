/**
 * Log-mel features inside the graph: PCM16 in, NeMo's FilterbankFeatures out.
 *
 *   pcm ─ /32768 ─ pre-emphasis ─ zero past the end ─ frames of 400 ─ DFT (a MatMul; window folded in) ─ squares ─ mel ─ log
 *
 * ONNX's own DFT has no CUDA kernel, and a MatMul of 400 x 514 is small beside the encoder. The 400 samples lie in the
 * middle of a 512-point DFT; a power spectrum does not care where, so the frame's own samples count from 0.
 * Source: features.py of NeMo's audio preprocessing (center=True with zero padding, natural log of mel + 2^-24).
 */
import { DataType } from '../onnx/types.js'
import type { GraphBuilder, Value } from '../onnx/graph-builder.js'
import type { Weights } from './weights.js'

const WINDOW_SAMPLES = 400
const FFT_SAMPLES = 512
const BINS = FFT_SAMPLES / 2 + 1
const HOP_SAMPLES = 160
const PRE_EMPHASIS = 0.97
const LOG_GUARD = 2 ** -24
/** Samples that the first frame of a window needs beyond its hop: 400 for the frame, 1 for pre-emphasis. */
const HISTORY_SAMPLES = WINDOW_SAMPLES + 1 - HOP_SAMPLES

/** Columns of the per-row `window` input. */
export interface WindowFields {
  lead: Value
  samples: Value
  realFrames: Value
  frames: Value
}

/**
 * @param pcm int16 [B, 1280 C + 241]
 * @returns float32 [B, 8 C, mels]; frames outside lead <= i < realFrames are exactly 0, as NeMo's padding is
 */
export async function features(
  g: GraphBuilder,
  w: Weights,
  pcm: Value,
  window: WindowFields,
  mels: number,
): Promise<Value> {
  g.scope = 'features'
  const dft = await w.put(
    'features.dft',
    [WINDOW_SAMPLES, 2 * BINS],
    windowedDft(await w.read('preprocessor.featurizer.window')),
  )
  const mel = await w.put(
    'features.mel',
    [2 * BINS, mels],
    melOfSquares(await w.read('preprocessor.featurizer.fb'), mels),
  )
  const samples = g.op('Gather', [g.op('Shape', [pcm]), g.ints([1], [])], { axis: 0 })

  const x = g.mul(g.cast(pcm, DataType.FLOAT), g.floats([1 / 32768], []))
  const now = g.slice(x, 1, 1, Number.MAX_SAFE_INTEGER)
  const before = g.slice(x, 1, 0, -1)
  const emphasised = g.sub(now, g.mul(before, g.floats([PRE_EMPHASIS], [])))
  // Zero past the end in the emphasised domain: zero samples would leave -0.97 x[n-1] behind.
  const index = g.range(g.sub(samples, g.ints([1], [])))
  const inside = g.less(index, g.sub(window.samples, g.ints([1])))
  const y = g.where(inside, emphasised, g.floats([0], []))

  const frames = g.div(g.sub(samples, g.ints([HISTORY_SAMPLES], [])), g.ints([HOP_SAMPLES], []))
  const frame = g.range(frames)
  const starts = g.unsqueeze(g.mul(frame, g.ints([HOP_SAMPLES], [])), [1])
  const offsets = g.ints(
    Array.from({ length: WINDOW_SAMPLES }, (_, i) => i),
    [1, WINDOW_SAMPLES],
  )
  const framed = g.op('Gather', [y, g.add(starts, offsets)], { axis: 1 })
  const spectrum = g.matmul(framed, dft)
  const power = g.matmul(g.mul(spectrum, spectrum), mel)
  const logMel = g.op('Log', [g.add(power, g.floats([LOG_GUARD], []))])

  const real = g.op('And', [g.op('GreaterOrEqual', [frame, window.lead]), g.less(frame, window.realFrames)])
  return g.where(g.unsqueeze(real, [2]), logMel, g.floats([0], []))
}

/** [400, 514]: column k is cos, column 257 + k is sin of bin k, times the window. */
function windowedDft(window: Float32Array): Float32Array {
  const out = new Float32Array(WINDOW_SAMPLES * 2 * BINS)
  for (let n = 0; n < WINDOW_SAMPLES; n++) {
    for (let k = 0; k < BINS; k++) {
      // The angle is reduced in integers first: cos of a large argument would lose digits.
      const angle = (2 * Math.PI * ((n * k) % FFT_SAMPLES)) / FFT_SAMPLES
      out[n * 2 * BINS + k] = window[n]! * Math.cos(angle)
      out[n * 2 * BINS + BINS + k] = -window[n]! * Math.sin(angle)
    }
  }
  return out
}

/** [514, mels]: the mel matrix [mels, 257] for re^2, and again for im^2. */
function melOfSquares(fb: Float32Array, mels: number): Float32Array {
  const out = new Float32Array(2 * BINS * mels)
  for (let m = 0; m < mels; m++) {
    for (let k = 0; k < BINS; k++) {
      out[k * mels + m] = fb[m * BINS + k]!
      out[(BINS + k) * mels + m] = fb[m * BINS + k]!
    }
  }
  return out
}
