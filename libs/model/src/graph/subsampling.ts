/**
 * Depthwise-striding subsampling: 8 mel frames of 10 ms become one encoder frame of 80 ms, causally.
 *
 * Each of the three stride-2 convolutions reads positions 2j-2, 2j-1, 2j for its output j. A chunk of C frames has 8C
 * new mel frames, 4C new rows after the first convolution, 2C after the second, C after the third; with one row carried
 * from the step before, each convolution sees exactly what it needs and nothing is computed twice:
 *
 *   mel    [1 | 8C]  ──conv, ReLU──────────>  [1 | 4C]  ──depthwise, pointwise, ReLU──>  [1 | 2C]  ──same──>  [C]
 *           carried                            carried                                    carried
 *
 * NeMo runs a window of nine cached and 8C new mel frames instead and drops two outputs; the numbers are the same. Two
 * traps are kept: the rows before the turn's start are zero after every stage (padding, not silence), and past the end
 * likewise. And at look-ahead 0, where the second step's nine cached frames reach before the turn's start, NeMo lets
 * those zero *mel frames* through bias and ReLU like data: the carried row of the second stage is then the one that
 * comes from them (`carriedAfterFirst`).
 *
 * Source: ConvSubsampling, CausalConv2D (2 before, 1 after on both axes), MaskedConvSequential of NeMo.
 */
import type { ModelShape } from '../model-shape.js'
import type { GraphBuilder, Value } from '../onnx/graph-builder.js'
import { subsampledBins } from './checkpoint-shapes.js'
import type { WindowFields } from './features.js'
import { scaled, transposed } from './matrix.js'
import type { Weights } from './weights.js'

export interface Carried {
  /** [B, 1, mels] */
  mel: Value
  /** [B, channels, 1, bins after the first convolution] */
  first: Value
  /** [B, channels, 1, bins after the second] */
  second: Value
}

/**
 * @param mel [B, 8 C, mels]
 * @returns frames [B, C, D] (times sqrt(D) where the model has xscaling), and what the next step carries
 */
export async function subsampling(
  g: GraphBuilder,
  w: Weights,
  shape: ModelShape,
  mel: Value,
  carried: Carried,
  window: WindowFields,
): Promise<{ frames: Value; next: Carried }> {
  g.scope = 'subsampling'
  const conv = await convolutions(w, shape)
  const one = g.ints([1], [])
  const two = g.ints([2], [])
  const half = (n: Value) => g.div(g.add(n, one), two)

  const partial = anyPartial(g, mel, window)
  const melRows = g.unsqueeze(g.concat([carried.mel, mel], 1), [1])
  const first = conv.first(g, melRows)
  const framesFirst = half(window.frames)
  // lead 7 -> 3 -> 1 -> 0 rows that lie before the turn
  const leadFirst = g.div(window.lead, two)
  const maskedFirst = masked(g, partial, first, leadFirst, framesFirst)

  const firstRows = g.concat([carried.first, maskedFirst], 2)
  const second = conv.second(g, firstRows)
  const maskedSecond = masked(g, partial, second, g.div(leadFirst, two), half(framesFirst))

  const secondRows = g.concat([carried.second, maskedSecond], 2)
  const third = conv.third(g, secondRows)
  const lastRow = (x: Value, axis: number) => g.slice(x, axis, -1, Number.MAX_SAFE_INTEGER)
  const next = {
    mel: lastRow(mel, 1),
    first: lastRow(maskedFirst, 2),
    second: carriedAfterFirst(g, conv.second, first, lastRow(maskedSecond, 2), window.lead),
  }

  const bins = subsampledBins(shape.mels)[2]
  const channelMajor = g.reshape(g.transpose(third, [0, 2, 1, 3]), g.ints([0, 0, shape.subsamplingChannels * bins]))
  return { frames: await projected(g, w, shape, channelMajor), next }
}

/** Adds the stage's nodes to the given graph, which may be a branch of the one that holds its weights. */
type Stage = (g: GraphBuilder, rows: Value) => Value

async function convolutions(w: Weights, shape: ModelShape) {
  // Time is carried explicitly, so only the frequency axis is padded: 2 before, 1 after.
  const pads = [0, 2, 0, 1]
  const stage = async (depthwise: number): Promise<Stage> => {
    const name = (i: number) => `encoder.pre_encode.conv.${i}`
    const kernel = [await w.tensor(`${name(depthwise)}.weight`), await w.vector(`${name(depthwise)}.bias`)]
    if (depthwise === 0)
      return (b, rows) => b.relu(b.op('Conv', [rows, ...kernel], { kernel_shape: [3, 3], strides: [2, 2], pads }))
    const point = [await w.tensor(`${name(depthwise + 1)}.weight`), await w.vector(`${name(depthwise + 1)}.bias`)]
    const group = shape.subsamplingChannels
    return (b, rows) => {
      const x = b.op('Conv', [rows, ...kernel], { kernel_shape: [3, 3], strides: [2, 2], pads, group })
      return b.relu(b.op('Conv', [x, ...point], { kernel_shape: [1, 1] }))
    }
  }
  return { first: await stage(0), second: await stage(2), third: await stage(5) }
}

/** Whether any row of the batch has frames that do not count: a first step, or the end of a turn. Most steps have none. */
function anyPartial(g: GraphBuilder, mel: Value, window: WindowFields): Value {
  const all = g.op('Gather', [g.op('Shape', [mel]), g.ints([1], [])], { axis: 0 })
  const counted = g.sub(window.frames, window.lead)
  return g.less(g.op('ReduceMin', [counted], { keepdims: 0 }), all)
}

/** Zeroes rows outside from <= row < to; x is [B, channels, rows, bins], from and to are [B, 1]. */
function masked(g: GraphBuilder, partial: Value, x: Value, from: Value, to: Value): Value {
  const zeroed = (inner: GraphBuilder): Value => {
    const rows = inner.op('Gather', [inner.op('Shape', [x]), inner.ints([2], [])], { axis: 0 })
    const row = inner.range(rows)
    const inside = inner.op('And', [inner.op('GreaterOrEqual', [row, from]), inner.less(row, to)])
    return inner.where(inner.unsqueeze(inside, [1, 3]), x, inner.floats([0], []))
  }
  return g.ifElse(partial, zeroed, () => x)
}

/** See the header: only a first step at look-ahead 0 (4 rows after the first convolution) takes the other branch. */
function carriedAfterFirst(g: GraphBuilder, second: Stage, first: Value, carried: Value, lead: Value): Value {
  const rows = g.op('Gather', [g.op('Shape', [first]), g.ints([2], [])], { axis: 0 })
  const anyFirst = g.op('Greater', [g.op('ReduceMax', [lead], { keepdims: 0 }), g.ints([0], [])])
  const condition = g.op('And', [anyFirst, g.op('Equal', [rows, g.ints([4], [])])])
  const unmasked = (inner: GraphBuilder): Value => {
    const fromZeroFrames = second(inner, inner.slice(first, 2, -3, Number.MAX_SAFE_INTEGER))
    const isFirst = inner.unsqueeze(inner.op('Greater', [lead, inner.ints([0])]), [2, 3])
    return inner.where(isFirst, fromZeroFrames, carried)
  }
  return g.ifElse(condition, unmasked, () => carried)
}

async function projected(g: GraphBuilder, w: Weights, shape: ModelShape, x: Value): Promise<Value> {
  const from = shape.subsamplingChannels * subsampledBins(shape.mels)[2]
  const d = shape.modelDim
  const factor = shape.xscaling ? Math.sqrt(d) : 1
  const weight = transposed(await w.read('encoder.pre_encode.out.weight'), d, from)
  const out = await w.put('encoder.pre_encode.out.weight', [from, d], scaled(weight, factor))
  const bias = await w.put(
    'encoder.pre_encode.out.bias',
    [d],
    scaled(await w.read('encoder.pre_encode.out.bias'), factor),
  )
  return g.add(g.matmul(x, out), bias)
}
