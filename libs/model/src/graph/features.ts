/**
 * Log-mel features inside the graph: PCM16 in, NeMo's FilterbankFeatures out.
 *
 *   pcm ─ /32768 ─ pre-emphasis ─ zero past the end ─ frames of 400 ─ folded to 2 x 200 ─ DFT (MatMuls) ─ power ─ mel ─ log
 *
 * ONNX's own DFT has no CUDA kernel, and MatMuls of 200 x 257 are small beside the encoder. The window is symmetric, so a
 * frame folds about its middle: the sums of mirrored samples carry the cosines, the differences the sines, and half the
 * multiplications remain. The mirrored frames are those of the reversed signal, in reverse order. Frames are gathered
 * in blocks of 40 samples, which divide the hop as well as half a frame.
 *
 *   y        |b0|b1|b2|b3|b4|...        frame t, first half:  blocks 4t .. 4t+4
 *   reversed |...                       its mirrored second half: blocks 4t' .. 4t'+4 with t' = frames-1-t
 *
 * The 400 samples lie in the middle of a 512-point DFT; a power spectrum does not care where.
 * Source: features.py of NeMo's audio preprocessing (center=True with zero padding, natural log of mel + 2^-24).
 */
import { DataType } from '../onnx/types.js'
import type { GraphBuilder, Value } from '../onnx/graph-builder.js'
import { ModelError } from '../model-error.js'
import { hannWindow, melFilters, unrounded } from './feature-tables.js'
import { transposed } from './matrix.js'
import type { Weights } from './weights.js'

const WINDOW_SAMPLES = 400
const FFT_SAMPLES = 512
const BINS = FFT_SAMPLES / 2 + 1
const HALF_SAMPLES = WINDOW_SAMPLES / 2
const HOP_SAMPLES = 160
const BLOCK_SAMPLES = 40
const PRE_EMPHASIS = 0.97
const LOG_GUARD = 2 ** -24
/** A symmetric window in float32 differs from its mirror image by rounding alone. */
const WINDOW_ASYMMETRY_MAX = 1e-6
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
  const window400 = symmetric(unrounded(await w.read('preprocessor.featurizer.window'), hannWindow()))
  const cosines = await w.put('features.cosines', [HALF_SAMPLES, BINS], halfDft(window400, Math.cos))
  const sines = await w.put('features.sines', [HALF_SAMPLES, BINS], halfDft(window400, Math.sin))
  const stored = unrounded(await w.read('preprocessor.featurizer.fb'), melFilters(mels))
  const filters = transposed(stored, mels, BINS)
  const mel = await w.put('features.mel', [BINS, mels], filters)
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
  const lastFrame = g.sub(frames, g.ints([1], []))
  const first = halfFrames(g, y, frame)
  const mirrored = halfFrames(
    g,
    g.op('Slice', [y, g.ints([-1]), g.ints([Number.MIN_SAFE_INTEGER]), g.ints([1]), g.ints([-1])]),
    g.sub(lastFrame, frame),
  )
  const real = g.matmul(g.add(first, mirrored), cosines)
  const imaginary = g.matmul(g.sub(first, mirrored), sines)
  const power = g.matmul(g.add(g.mul(real, real), g.mul(imaginary, imaginary)), mel)
  const logMel = g.op('Log', [g.add(power, g.floats([LOG_GUARD], []))])

  const counted = g.op('And', [g.op('GreaterOrEqual', [frame, window.lead]), g.less(frame, window.realFrames)])
  return g.where(g.unsqueeze(counted, [2]), logMel, g.floats([0], []))
}

/** The first 200 samples of the given frames of a signal [B, samples]: [B, frames, 200]. */
function halfFrames(g: GraphBuilder, signal: Value, frame: Value): Value {
  const blocks = g.reshape(signal, g.ints([0, -1, BLOCK_SAMPLES]))
  const perHalf = HALF_SAMPLES / BLOCK_SAMPLES
  const offsets = g.ints(
    Array.from({ length: perHalf }, (_, i) => i),
    [1, perHalf],
  )
  const index = g.add(g.unsqueeze(g.mul(frame, g.ints([HOP_SAMPLES / BLOCK_SAMPLES], [])), [1]), offsets)
  return g.reshape(g.op('Gather', [blocks, index], { axis: 1 }), g.ints([0, -1, HALF_SAMPLES]))
}

/** @throws ModelError `unsupported` where the window cannot be folded */
function symmetric(window: Float32Array): Float32Array {
  for (let n = 0; n < HALF_SAMPLES; n++) {
    if (Math.abs(window[n]! - window[WINDOW_SAMPLES - 1 - n]!) > WINDOW_ASYMMETRY_MAX) {
      throw new ModelError(
        'unsupported',
        `preprocessor.featurizer.window is not symmetric at sample ${n}; Yap runs symmetric windows`,
      )
    }
  }
  return window
}

/** [200, 257]: cos or sin of bin k at sample n, counted from the frame's middle (199.5), times the window. */
function halfDft(window: Float32Array, wave: (angle: number) => number): Float32Array {
  const out = new Float32Array(HALF_SAMPLES * BINS)
  for (let n = 0; n < HALF_SAMPLES; n++) {
    for (let k = 0; k < BINS; k++) {
      // In half samples, and reduced in integers first: the wave of a large argument would lose digits.
      const halves = ((WINDOW_SAMPLES - 1 - 2 * n) * k) % (2 * FFT_SAMPLES)
      out[n * BINS + k] = window[n]! * wave((Math.PI * halves) / FFT_SAMPLES)
    }
  }
  return out
}
