/**
 * Random weights at which a model of this family stays sane: activations neither die nor blow up, attention is far from
 * uniform, and nothing is left at its initial 0 or 1. Each tensor is drawn when it is asked for, from its own stream.
 */
import type { ModelShape } from '../model-shape.js'
import { expectedTensors } from '../graph/checkpoint-shapes.js'
import type { NamedTensor } from '../nemo/torch-zip-writer.js'
import { hannWindow, melFilters } from '../graph/feature-tables.js'
import { SeededRandom } from './seeded-random.js'

/** Over the root of the number of layers: the sum of all branches then weighs as much as what came in. */
const BRANCH_GAIN = 0.7

/** Some tensors set to given values instead. */
export type Overrides = ReadonlyMap<string, Float32Array>

/** All tensors of a model, in a fixed order; none is in memory until its function is called. */
export function randomTensors(shape: ModelShape, seed: number, overrides: Overrides = new Map()): NamedTensor[] {
  return [...expectedTensors(shape)].map(([name, dims]) => ({
    name,
    shape: dims,
    data: () => overrides.get(name) ?? drawTensor(name, dims, shape, new SeededRandom(seed, name)),
  }))
}

export function drawTensor(
  name: string,
  dims: readonly number[],
  shape: ModelShape,
  random: SeededRandom,
): Float32Array {
  const count = dims.reduce((product, n) => product * n, 1)
  const leaf = name.slice(name.lastIndexOf('.') + 1)
  if (name === 'preprocessor.featurizer.window') return hannWindow(dims[0])
  if (name === 'preprocessor.featurizer.fb') return melFilters(shape.mels)
  if (leaf === 'running_mean') return random.normals(count, 0.3)
  if (leaf === 'running_var') return Float32Array.from({ length: count }, () => 0.3 + random.uniform())
  if (/\.(norm_|batch_norm\b)/.test(name)) return random.normals(count, 0.15, leaf === 'weight' ? 1 : 0)
  if (leaf.startsWith('pos_bias')) return random.normals(count, 0.4)
  if (name.endsWith('embed.weight')) return embedding(random, dims)
  if (name.includes('dec_rnn')) return random.normals(count, dims.length > 1 ? 1.8 / Math.sqrt(dims.at(-1)!) : 0.3)
  if (leaf === 'bias')
    return random.normals(count, name.startsWith('encoder.pre_encode.out') ? 0.1 / scaleOf(shape) : 0.1)
  const fanIn = count / dims[0]!
  const weights = random.normals(count, gainOf(name, shape) / Math.sqrt(fanIn))
  // What comes in has a mean (log-mel energies lie around -8, rectified values above 0); rows that sum to nothing see
  // what changes rather than that.
  if (/^encoder\.pre_encode\.(conv\.[036]|out)\.weight$/.test(name)) centreRows(weights, fanIn)
  return weights
}

function gainOf(name: string, shape: ModelShape): number {
  if (/\.self_attn\.linear_(q|k|pos)\b/.test(name)) return 1.4
  // Each branch adds little to its layer's input: else many layers of averages leave nothing of the moment.
  if (/\.self_attn\.linear_out\b|\.linear2\b|\.pointwise_conv2\b/.test(name))
    return BRANCH_GAIN / Math.sqrt(shape.layers)
  if (/\.self_attn\.linear_v\b|depthwise_conv/.test(name)) return 1.5
  if (name.startsWith('encoder.pre_encode.conv')) return 1.3
  if (name.startsWith('encoder.pre_encode.out')) return 2 / scaleOf(shape)
  return 1
}

/** The encoder multiplies its subsampled frames by this; dividing by it first keeps the first layer from drowning. */
function scaleOf(shape: ModelShape): number {
  return shape.xscaling ? Math.sqrt(shape.modelDim) : 1
}

/** Blank's row, the last, is the start symbol's and is zero in a trained model. */
function embedding(random: SeededRandom, dims: readonly number[]): Float32Array {
  const [rows, width] = dims as [number, number]
  const out = random.normals(rows * width)
  out.fill(0, (rows - 1) * width)
  return out
}

function centreRows(weights: Float32Array, width: number): void {
  for (let at = 0; at < weights.length; at += width) {
    const row = weights.subarray(at, at + width)
    const mean = row.reduce((sum, x) => sum + x, 0) / width
    for (let i = 0; i < width; i++) row[i]! -= mean
  }
}
