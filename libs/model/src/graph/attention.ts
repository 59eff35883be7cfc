/**
 * Relative-position attention over a limited past, with keys and values cached.
 *
 * The cache of a row is a ring of S slots, written by the engine: the graph takes it as it lies, and gives only the keys
 * and values of the new frames. Where a slot's frame stands in time follows from the ring's head, so no cache is ever
 * shifted or copied inside the graph: scores against the ring and scores against the chunk are computed apart, joined
 * for the softmax, and split again.
 *
 *   age(slot)  = (head - 1 - slot) mod S              0 is the newest cached frame
 *   position   = i + 1 + age   for a cached slot, i - j   for frame j of the chunk (positive is past)
 *   score(i,j) = ((q_i + u) . k_j + (q_i + v) . p(position)) / sqrt(dk)
 *
 * p = linear_pos(sinusoid(position)) does not depend on the input: it is a constant, one row a position, from
 * -(C-1) to S+C-1 for the longest chunk C. The chunk sees all of itself and the whole cache, because the chunk divides
 * the left context (NeMo's chunked_limited mask counts blocks from the first cache slot).
 * Source: RelPositionMultiHeadAttention, RelPositionalEncoding, ConformerEncoder._create_masks of NeMo.
 */
import type { ModelShape } from '../model-shape.js'
import type { GraphBuilder, Value } from '../onnx/graph-builder.js'
import { scaled, timesTransposed } from './matrix.js'
import type { Weights } from './weights.js'

/** Additive; exp() of it is exactly 0 beside any real score, and a row with nothing to see stays finite. */
const MASKED = -1e9

/** What all layers share. */
export interface AttentionPlan {
  /** Slots of the ring: the longest left context. */
  slots: number
  chunkFramesMax: number
  /** int64 [heads, B, T, S+T]: which position row each score takes. */
  positionRows: Value
  /** float32 [B, 1, 1, S+T]: 0 or MASKED. */
  mask: Value
  /** int64 shapes, as inputs of Reshape. */
  headsShape: Value
  positionsShape: Value
  flatShape: Value
}

/**
 * @param head int64 [B, 1]: the slot that the next frame will be written to
 * @param filled int64 [B, 1]: cached frames that count
 * @param valid int64 [B, 1]: frames of the chunk that count
 * @param batch, chunk scalars B and T
 */
export function attentionPlan(
  g: GraphBuilder,
  shape: ModelShape,
  inputs: { head: Value; filled: Value; valid: Value; batch: Value; chunk: Value },
): AttentionPlan {
  g.scope = 'plan'
  const slots = Math.max(...shape.attContexts.map(([left]) => left))
  const chunkFramesMax = Math.max(...shape.attContexts.map(([, right]) => right + 1))
  const { head, filled, valid, batch, chunk } = inputs
  const one = g.ints([1], [])
  const slot = g.ints(Array.from({ length: slots }, (_, s) => s))
  const age = g.op('Mod', [g.sub(g.sub(head, one), slot), g.ints([slots], [])]) // [B, S]
  const frame = g.range(chunk) // [T]
  const query = g.unsqueeze(frame, [1]) // [T, 1]

  const origin = g.ints([chunkFramesMax - 1], [])
  const cached = g.add(g.unsqueeze(age, [1]), g.add(query, g.ints([chunkFramesMax], []))) // [B, T, S]
  const within = g.add(g.sub(query, frame), origin) // [T, T]
  const dims = (parts: Value[]) =>
    g.concat(
      parts.map((p) => g.unsqueeze(p, [0])),
      0,
    )
  const newRows = g.op('Expand', [within, dims([batch, chunk, chunk])])
  const rows = g.concat([cached, newRows], 2)
  const total = g.add(chunk, g.ints([slots], []))
  const heads = g.ints([shape.heads], [])
  const positionRows = g.op('Expand', [rows, dims([heads, batch, chunk, total])])

  const seen = g.concat([g.less(age, filled), g.less(frame, valid)], 1) // [B, S+T]
  const mask = g.unsqueeze(g.where(seen, g.floats([0], []), g.floats([MASKED], [])), [1, 2])
  const dk = g.ints([shape.modelDim / shape.heads], [])
  return {
    slots,
    chunkFramesMax,
    positionRows,
    mask,
    headsShape: dims([batch, chunk, heads, dk]),
    positionsShape: dims([heads, batch, chunk, g.ints([-1], [])]),
    flatShape: dims([g.mul(batch, chunk), g.ints([shape.modelDim], [])]),
  }
}

/**
 * @param x [B*T, D], layer-normed
 * @param cache keys and values [B, heads, S, dk], in ring order
 * @returns out [B*T, D]; keys and values of the new frames, [B, heads, T, dk]
 */
export async function attention(
  g: GraphBuilder,
  w: Weights,
  shape: ModelShape,
  plan: AttentionPlan,
  name: string,
  x: Value,
  cache: { keys: Value; values: Value },
): Promise<{ out: Value; keys: Value; values: Value }> {
  const weights = await attentionWeights(w, shape, plan, name)
  const { linearQ, linearK, linearV, linearOut, biasU, biasV, positions } = weights
  const queries = g.gemm(x, linearQ.w, linearQ.b)
  const inHeads = (v: Value, perm: readonly number[]) => g.transpose(g.reshape(v, plan.headsShape), perm)
  const keys = inHeads(g.gemm(x, linearK.w, linearK.b), [0, 2, 1, 3])
  const values = inHeads(g.gemm(x, linearV.w, linearV.b), [0, 2, 1, 3])
  const contentQuery = inHeads(g.add(queries, biasU), [0, 2, 1, 3]) // [B, H, T, dk]
  const positionQuery = inHeads(g.add(queries, biasV), [2, 0, 1, 3]) // [H, B, T, dk]

  const dk = shape.modelDim / shape.heads
  const rows = g.reshape(positionQuery, g.ints([shape.heads, -1, dk]))
  const byPosition = g.reshape(g.matmul(rows, positions), plan.positionsShape) // [H, B, T, positions]
  const positionScores = g.transpose(g.op('GatherElements', [byPosition, plan.positionRows], { axis: 3 }), [1, 0, 2, 3])
  const contentScores = g.concat(
    [g.matmulTransposed(contentQuery, cache.keys), g.matmulTransposed(contentQuery, keys)],
    3,
  )
  const scores = g.add(g.add(contentScores, positionScores), plan.mask)
  const probabilities = g.op('Softmax', [scores], { axis: 3 })

  const toCache = g.slice(probabilities, 3, 0, plan.slots)
  const toChunk = g.slice(probabilities, 3, plan.slots, Number.MAX_SAFE_INTEGER)
  const context = g.add(g.matmul(toCache, cache.values), g.matmul(toChunk, values)) // [B, H, T, dk]
  const flat = g.reshape(g.transpose(context, [0, 2, 1, 3]), plan.flatShape)
  return { out: g.gemm(flat, linearOut.w, linearOut.b), keys, values }
}

async function attentionWeights(w: Weights, shape: ModelShape, plan: AttentionPlan, name: string) {
  // The 1/sqrt(dk) of the scores is in the queries' weights.
  const factor = 1 / Math.sqrt(shape.modelDim / shape.heads)
  const bias = async (which: 'u' | 'v') =>
    w.put(`${name}.pos_bias_${which}`, [shape.modelDim], scaled(await w.read(`${name}.pos_bias_${which}`), factor))
  return {
    linearQ: await w.linear(`${name}.linear_q`, factor),
    linearK: await w.linear(`${name}.linear_k`),
    linearV: await w.linear(`${name}.linear_v`),
    linearOut: await w.linear(`${name}.linear_out`),
    biasU: await bias('u'),
    biasV: await bias('v'),
    positions: await positionProjections(w, shape, plan, name),
  }
}

/** linear_pos of every position's sinusoid: [heads, dk, positions], position -(C-1) first. */
async function positionProjections(w: Weights, shape: ModelShape, plan: AttentionPlan, name: string): Promise<Value> {
  const d = shape.modelDim
  const dk = d / shape.heads
  const first = -(plan.chunkFramesMax - 1)
  const count = plan.slots + 2 * plan.chunkFramesMax - 1
  const projected = timesTransposed(sinusoids(first, count, d), await w.read(`${name}.linear_pos.weight`), count, d, d)
  const out = new Float32Array(count * d)
  for (let p = 0; p < count; p++) {
    for (let h = 0; h < shape.heads; h++) {
      for (let k = 0; k < dk; k++) out[(h * dk + k) * count + p] = projected[p * d + h * dk + k]!
    }
  }
  return w.put(`${name}.positions`, [shape.heads, dk, count], out)
}

/** Rows position `first` and up; even columns sin, odd columns cos, of position * 10000^(-2k/d). */
function sinusoids(first: number, count: number, d: number): Float32Array {
  const out = new Float32Array(count * d)
  for (let p = 0; p < count; p++) {
    for (let k = 0; k < d / 2; k++) {
      const angle = (first + p) * Math.exp(2 * k * -(Math.log(10000) / d))
      out[p * d + 2 * k] = Math.sin(angle)
      out[p * d + 2 * k + 1] = Math.cos(angle)
    }
  }
  return out
}
