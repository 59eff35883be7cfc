/**
 * The encoder graph: PCM16 windows and state in; CTC labels, the joint's encoder half and new state out.
 *
 * One graph serves every look-ahead (the chunk's length is read off the window) and every batch size. Per row:
 *
 *   window [B, 4]   lead, samples, realFrames, frames (see turn-audio.ts)
 *   ring   [B, 2]   head: the slot the next frame goes to; filled: cached frames that count
 *
 * State inputs are the rows of the engine's tables; state outputs named `new.*` are what the engine writes back: rows of
 * the rings for keys and values, whole small caches for the rest.
 * Source: ConformerEncoder.forward_internal, ConformerLayer of NeMo.
 */
import type { ModelShape } from '../model-shape.js'
import { GraphBuilder, type Value } from '../onnx/graph-builder.js'
import { DataType } from '../onnx/types.js'
import type { WeightsFile } from '../onnx/weights-file.js'
import { attention, attentionPlan, type AttentionPlan } from './attention.js'
import { subsampledBins, type TensorSource } from './checkpoint-shapes.js'
import { convolution } from './convolution.js'
import { features, type WindowFields } from './features.js'
import { subsampling } from './subsampling.js'
import { Weights } from './weights.js'

const { FLOAT, INT16, INT64 } = DataType

/** A state tensor of one row: the graph's input is [B, ...shape]; `ring` ones come out as new rows only. */
export interface StateTensor {
  name: string
  shape: readonly number[]
  kind: 'ring' | 'cache'
}

/** All state of one stream in the encoder, in the order of the graph's inputs. */
export function encoderState(shape: ModelShape): StateTensor[] {
  const [first, second] = subsampledBins(shape.mels)
  const slots = Math.max(...shape.attContexts.map(([left]) => left))
  const dk = shape.modelDim / shape.heads
  const state: StateTensor[] = [
    { name: 'mel', shape: [1, shape.mels], kind: 'cache' },
    { name: 'first', shape: [shape.subsamplingChannels, 1, first], kind: 'cache' },
    { name: 'second', shape: [shape.subsamplingChannels, 1, second], kind: 'cache' },
  ]
  for (let n = 0; n < shape.layers; n++) {
    state.push(
      { name: `keys.${n}`, shape: [shape.heads, slots, dk], kind: 'ring' },
      { name: `values.${n}`, shape: [shape.heads, slots, dk], kind: 'ring' },
      { name: `conv.${n}`, shape: [shape.convKernel - 1, shape.modelDim], kind: 'cache' },
    )
  }
  return state
}

/** Builds the graph, appending its weights to `file`. */
export async function encoderGraph(
  shape: ModelShape,
  source: TensorSource,
  file: WeightsFile,
  onTensor: (name: string) => void,
): Promise<Uint8Array> {
  const g = new GraphBuilder('encoder')
  const w = new Weights(g, source, file, onTensor)
  const pcm = g.input('pcm', INT16, ['B', 'N'])
  const window = windowFields(g, g.input('window', INT64, ['B', 4]))
  const ring = g.input('ring', INT64, ['B', 2])
  const state = encoderState(shape)
  for (const t of state) g.input(t.name, FLOAT, ['B', ...t.shape])

  const mel = await features(g, w, pcm, window, shape.mels)
  g.output('log_mel', mel, FLOAT, ['B', 'F', shape.mels])
  const carried = { mel: 'mel', first: 'first', second: 'second' }
  const { frames, next } = await subsampling(g, w, shape, mel, carried, window)

  g.scope = 'plan'
  const dims = g.op('Shape', [frames])
  const dim = (i: number) => g.op('Gather', [dims, g.ints([i], [])], { axis: 0 })
  const eight = g.ints([8], [])
  const valid = g.div(g.add(window.frames, g.ints([7], [])), eight)
  const plan = attentionPlan(g, shape, {
    head: g.slice(ring, 1, 0, 1),
    filled: g.slice(ring, 1, 1, 2),
    valid,
    batch: dim(0),
    chunk: dim(1),
  })

  const kernel = g.ints(Array.from({ length: shape.convKernel }, (_, i) => i))
  const taps = g.add(g.unsqueeze(g.range(dim(1)), [1]), kernel)
  const written: Record<string, Value> = { mel: next.mel, first: next.first, second: next.second }
  let x = g.reshape(frames, plan.flatShape)
  for (let n = 0; n < shape.layers; n++)
    x = await layer(g, w, shape, plan, { chunk: dims, flat: plan.flatShape, taps }, n, x, written)

  g.scope = 'heads'
  await heads(g, w, shape, x, dims)
  for (const t of state) {
    const shapeOut = t.kind === 'ring' ? [t.shape[0]!, 'T', t.shape[2]!] : t.shape
    g.output(`new.${t.name}`, written[t.name]!, FLOAT, ['B', ...shapeOut])
  }
  return g.encode('Cache-aware FastConformer encoder: PCM16 windows to CTC labels and the joint’s encoder half.')
}

function windowFields(g: GraphBuilder, window: Value): WindowFields {
  g.scope = 'window'
  const column = (i: number) => g.slice(window, 1, i, i + 1)
  return { lead: column(0), samples: column(1), realFrames: column(2), frames: column(3) }
}

async function layer(
  g: GraphBuilder,
  w: Weights,
  shape: ModelShape,
  plan: AttentionPlan,
  shapes: { chunk: Value; flat: Value; taps: Value },
  n: number,
  input: Value,
  written: Record<string, Value>,
): Promise<Value> {
  const name = `encoder.layers.${n}`
  const norm = async (x: Value, part: string) => {
    g.scope = `layer.${n}/${part}`
    return g.layerNorm(x, await w.vector(`${name}.${part}.weight`), await w.vector(`${name}.${part}.bias`))
  }
  const feedForward = async (x: Value, part: string) => {
    const up = await w.linear(`${name}.${part}.linear1`)
    const down = await w.linear(`${name}.${part}.linear2`, 0.5) // the residual takes half of it
    return g.gemm(g.silu(g.gemm(x, up.w, up.b)), down.w, down.b)
  }
  let x = g.add(input, await feedForward(await norm(input, 'norm_feed_forward1'), 'feed_forward1'))

  const cache = { keys: `keys.${n}`, values: `values.${n}` }
  const attended = await attention(g, w, shape, plan, `${name}.self_attn`, await norm(x, 'norm_self_att'), cache)
  written[cache.keys] = attended.keys
  written[cache.values] = attended.values
  x = g.add(x, attended.out)

  const convolved = await convolution(g, w, shape, `${name}.conv`, await norm(x, 'norm_conv'), `conv.${n}`, shapes)
  written[`conv.${n}`] = convolved.cache
  x = g.add(x, convolved.out)

  x = g.add(x, await feedForward(await norm(x, 'norm_feed_forward2'), 'feed_forward2'))
  return norm(x, 'norm_out')
}

/** CTC: the label of each frame and its log-probability. RNNT: the joint's projection of each frame. */
async function heads(g: GraphBuilder, w: Weights, shape: ModelShape, x: Value, chunkShape: Value): Promise<void> {
  const perFrame = g.slice(chunkShape, 0, 0, 2)
  const withWidth = (n: number) => g.concat([perFrame, g.ints([n])], 0)
  g.output('encoded', g.reshape(x, withWidth(shape.modelDim)), FLOAT, ['B', 'T', shape.modelDim])

  const enc = await w.linear('joint.enc')
  g.output('joint_encoded', g.reshape(g.gemm(x, enc.w, enc.b), withWidth(shape.jointHidden)), FLOAT, [
    'B',
    'T',
    shape.jointHidden,
  ])

  const ctc = await w.linear('ctc_decoder.decoder_layers.0')
  const { label, logProb } = best(g, g.gemm(x, ctc.w, ctc.b))
  g.output('ctc_label', g.reshape(label, perFrame), DataType.INT32, ['B', 'T'])
  g.output('ctc_log_prob', g.reshape(logProb, perFrame), FLOAT, ['B', 'T'])
}

/** The best class of each row of logits [n, classes], and its log-probability; both [n]. */
export function best(g: GraphBuilder, logits: Value): { label: Value; logProb: Value } {
  const label = g.cast(g.op('ArgMax', [logits], { axis: 1, keepdims: 0 }), DataType.INT32)
  const top = g.op('ReduceMax', [logits], { axes: [1], keepdims: 0 })
  return { label, logProb: g.sub(top, g.op('ReduceLogSumExp', [logits], { axes: [1], keepdims: 0 })) }
}
