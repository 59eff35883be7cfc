/**
 * The tensors that a checkpoint must hold for a model's shape, and how the compiler reads them: by name, with the shape
 * checked. All are checked before any work, so a wrong archive costs nothing.
 */
import { ModelError } from '../model-error.js'
import type { ModelShape } from '../model-shape.js'

/** What the compiler needs of a checkpoint. */
export interface TensorSource {
  has(name: string): boolean
  shape(name: string): readonly number[]
  read(name: string): Promise<Float32Array>
}

/** Bins of the mel axis after each of the three stride-2 convolutions: n -> floor(n/2) + 1. */
export function subsampledBins(mels: number): [number, number, number] {
  const half = (n: number) => Math.floor(n / 2) + 1
  return [half(mels), half(half(mels)), half(half(half(mels)))]
}

/** Name -> shape of every tensor that the graphs use. */
export function expectedTensors(s: ModelShape): Map<string, readonly number[]> {
  const out = new Map<string, readonly number[]>()
  const d = s.modelDim
  const linear = (name: string, to: number, from: number, bias = true) => {
    out.set(`${name}.weight`, [to, from])
    if (bias) out.set(`${name}.bias`, [to])
  }
  const convolution = (name: string, shape: readonly number[], bias = true) => {
    out.set(`${name}.weight`, shape)
    if (bias) out.set(`${name}.bias`, [shape[0]!])
  }
  const norm = (name: string) => out.set(`${name}.weight`, [d]).set(`${name}.bias`, [d])

  out.set('preprocessor.featurizer.window', [400]).set('preprocessor.featurizer.fb', [1, s.mels, 257])
  const c = s.subsamplingChannels
  const pre = 'encoder.pre_encode'
  convolution(`${pre}.conv.0`, [c, 1, 3, 3])
  for (const i of [2, 5]) convolution(`${pre}.conv.${i}`, [c, 1, 3, 3])
  for (const i of [3, 6]) convolution(`${pre}.conv.${i}`, [c, c, 1, 1])
  linear(`${pre}.out`, d, c * subsampledBins(s.mels)[2])
  for (let n = 0; n < s.layers; n++) {
    const layer = `encoder.layers.${n}`
    for (const name of ['norm_feed_forward1', 'norm_self_att', 'norm_conv', 'norm_feed_forward2', 'norm_out']) {
      norm(`${layer}.${name}`)
    }
    for (const name of ['feed_forward1', 'feed_forward2']) {
      linear(`${layer}.${name}.linear1`, s.feedForwardDim, d, s.bias)
      linear(`${layer}.${name}.linear2`, d, s.feedForwardDim, s.bias)
    }
    for (const name of ['q', 'k', 'v', 'out']) linear(`${layer}.self_attn.linear_${name}`, d, d, s.bias)
    linear(`${layer}.self_attn.linear_pos`, d, d, false)
    for (const name of ['u', 'v']) out.set(`${layer}.self_attn.pos_bias_${name}`, [s.heads, d / s.heads])
    convolution(`${layer}.conv.pointwise_conv1`, [2 * d, d, 1], s.bias)
    convolution(`${layer}.conv.depthwise_conv`, [d, 1, s.convKernel], s.bias)
    convolution(`${layer}.conv.pointwise_conv2`, [d, d, 1], s.bias)
    norm(`${layer}.conv.batch_norm`)
    if (s.convNorm === 'batch_norm') {
      for (const name of ['running_mean', 'running_var']) out.set(`${layer}.conv.batch_norm.${name}`, [d])
    }
  }
  const p = s.predictionHidden
  out.set('decoder.prediction.embed.weight', [s.vocabulary + 1, p])
  for (let n = 0; n < s.predictionLayers; n++) {
    for (const name of ['ih', 'hh']) {
      out.set(`decoder.prediction.dec_rnn.lstm.weight_${name}_l${n}`, [4 * p, p])
      out.set(`decoder.prediction.dec_rnn.lstm.bias_${name}_l${n}`, [4 * p])
    }
  }
  linear('joint.enc', s.jointHidden, d)
  linear('joint.pred', s.jointHidden, p)
  linear('joint.joint_net.2', s.vocabulary + 1, s.jointHidden)
  convolution('ctc_decoder.decoder_layers.0', [s.vocabulary + 1, d, 1])
  return out
}

/** @throws ModelError `bad_model` naming the tensor, what it is and what it has to be */
export function checkTensors(source: TensorSource, shape: ModelShape): void {
  for (const [name, wanted] of expectedTensors(shape)) {
    if (!source.has(name))
      throw new ModelError('bad_model', `the checkpoint has no tensor ${name} (expected [${wanted.join(', ')}])`)
    const found = source.shape(name)
    if (found.length !== wanted.length || found.some((n, i) => n !== wanted[i])) {
      throw new ModelError(
        'bad_model',
        `tensor ${name} has shape [${found.join(', ')}], expected [${wanted.join(', ')}]`,
      )
    }
  }
}
