/**
 * The convolution module of a conformer layer, causal, with its cache.
 *
 *   x ─ pointwise to 2D ─ GLU ─ [cache of K-1 | T] ─ depthwise of K ─ norm ─ SiLU ─ pointwise
 *
 * The cache holds the last K-1 GLU outputs; zeros at the turn's start are the padding, so nothing is masked. A batch norm
 * is folded into the depthwise weights. Source: ConformerConvolution, CausalConv1D of NeMo.
 */
import type { ModelShape } from '../model-shape.js'
import type { GraphBuilder, Value } from '../onnx/graph-builder.js'
import { transposed } from './matrix.js'
import type { Weights } from './weights.js'

const BATCH_NORM_EPSILON = 1e-5

/**
 * @param x [B*T, D], layer-normed
 * @param cache [B, K-1, D], oldest first
 * @param shapes int64 shapes (B, T, D) and (B*T, D); `taps` [T, K] are the rows that each frame's kernel covers
 * @returns out [B*T, D], and the cache for the next step
 */
export async function convolution(
  g: GraphBuilder,
  w: Weights,
  shape: ModelShape,
  name: string,
  x: Value,
  cache: Value,
  shapes: { chunk: Value; flat: Value; taps: Value },
): Promise<{ out: Value; cache: Value }> {
  const d = shape.modelDim
  const pointwise1 = await w.linear(`${name}.pointwise_conv1`)
  const depthwise = await depthwiseWeights(w, shape, name)
  const pointwise2 = await w.linear(`${name}.pointwise_conv2`)

  const doubled = g.gemm(x, pointwise1.w, pointwise1.b)
  const [value, gate] = g.ops('Split', [doubled, g.ints([d, d])], 2, { axis: 1 }) as [Value, Value]
  const gated = g.reshape(g.mul(value, g.op('Sigmoid', [gate])), shapes.chunk)
  const frames = g.concat([cache, gated], 1) // [B, K-1+T, D]
  const next = g.slice(frames, 1, -(shape.convKernel - 1), Number.MAX_SAFE_INTEGER)

  // Frame t sees rows t .. t+K-1. ONNX Runtime runs a depthwise Conv of one row group by group, several times slower.
  const taps = g.op('Gather', [frames, shapes.taps], { axis: 1 }) // [B, T, K, D]
  const convolved = g.op('ReduceSum', [g.mul(taps, depthwise.weight), g.ints([2])], { keepdims: 0 })
  let y = g.reshape(depthwise.bias === undefined ? convolved : g.add(convolved, depthwise.bias), shapes.flat)
  if (shape.convNorm === 'layer_norm') {
    y = g.layerNorm(y, await w.vector(`${name}.batch_norm.weight`), await w.vector(`${name}.batch_norm.bias`))
  }
  return { out: g.gemm(g.silu(y), pointwise2.w, pointwise2.b), cache: next }
}

async function depthwiseWeights(w: Weights, shape: ModelShape, name: string) {
  const d = shape.modelDim
  const weight = await w.read(`${name}.depthwise_conv.weight`)
  const hasBias = w.has(`${name}.depthwise_conv.bias`)
  let bias = hasBias ? await w.read(`${name}.depthwise_conv.bias`) : undefined
  if (shape.convNorm === 'batch_norm') {
    const norm = (part: string) => w.read(`${name}.batch_norm.${part}`)
    const [scale, shift, mean, variance] = [
      await norm('weight'),
      await norm('bias'),
      await norm('running_mean'),
      await norm('running_var'),
    ]
    const folded = new Float32Array(d)
    for (let c = 0; c < d; c++) {
      const factor = scale[c]! / Math.sqrt(variance[c]! + BATCH_NORM_EPSILON)
      for (let k = 0; k < shape.convKernel; k++) weight[c * shape.convKernel + k]! *= factor
      folded[c] = ((bias?.[c] ?? 0) - mean[c]!) * factor + shift[c]!
    }
    bias = folded
  }
  return {
    weight: await w.put(
      `${name}.depthwise_conv.weight`,
      [shape.convKernel, d],
      transposed(weight, d, shape.convKernel),
    ),
    bias: bias && (await w.put(`${name}.depthwise_conv.bias`, [d], bias)),
  }
}
