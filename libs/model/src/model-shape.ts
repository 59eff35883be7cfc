/**
 * What a model is made of, read from its model_config.yaml: sizes, layers, kinds. Everything downstream (graphs, state,
 * geometry) comes from here, and whatever Yap cannot run is refused here, by the name of its setting, before any work.
 *
 * Source: NeMo's config of EncDecHybridRNNTCTCBPEModel with a cache-aware ConformerEncoder.
 */
import { ModelError } from './model-error.js'

/** max_symbols_per_step of NeMo's GreedyBatchedRNNTInferConfig. Without a limit, odd weights would loop for ever. */
const MAX_SYMBOLS_DEFAULT = 10
/** Far beyond any model; a number with too many digits is refused before anything of its size is made. */
const COUNT_MAX = 1_000_000
const LAYERS_MAX = 1000
const CONTEXT_FRAMES_MAX = 10_000

export interface ModelShape {
  mels: number
  layers: number
  modelDim: number
  heads: number
  feedForwardDim: number
  convKernel: number
  convNorm: 'layer_norm' | 'batch_norm'
  /** Biases of the linear layers and convolutions inside the conformer layers. */
  bias: boolean
  /** The subsampled frames are multiplied by sqrt(modelDim). */
  xscaling: boolean
  subsamplingChannels: number
  predictionHidden: number
  predictionLayers: number
  jointHidden: number
  jointActivation: 'Relu' | 'Tanh' | 'Sigmoid'
  /** Number of pieces; blank is the id after the last. */
  vocabulary: number
  /** RNNT symbols on one frame at most. */
  maxSymbols: number
  /** [left, right] encoder frames, the model's default first. */
  attContexts: readonly (readonly [number, number])[]
}

/** @throws ModelError `unsupported` naming the setting, or `bad_archive` where a needed one is missing */
export function modelShapeOf(config: Record<string, unknown>): ModelShape {
  const c = new Settings(config, '')
  requireClass(c.optional('target'), 'target', 'EncDecHybridRNNTCTCBPEModel')
  checkPreprocessor(c.section('preprocessor'))
  const encoder = c.section('encoder')
  checkEncoder(encoder)
  const modelDim = encoder.count('d_model')
  const heads = encoder.count('n_heads')
  if (modelDim % heads !== 0) throw refuse(`encoder.n_heads: ${heads} does not divide d_model ${modelDim}`)
  const mels = c.section('preprocessor').count('features')
  if (encoder.count('feat_in') !== mels) {
    throw refuse(`encoder.feat_in: ${encoder.count('feat_in')} differs from preprocessor.features ${mels}`)
  }
  const channels = encoder.number('subsampling_conv_channels', -1)
  return {
    mels,
    layers: encoder.count('n_layers', undefined, LAYERS_MAX),
    modelDim,
    heads,
    feedForwardDim: modelDim * encoder.number('ff_expansion_factor', 4),
    convKernel: encoder.number('conv_kernel_size', 31),
    convNorm: encoder.oneOf('conv_norm_type', ['batch_norm', 'layer_norm'], 'batch_norm'),
    bias: encoder.flag('use_bias', true),
    xscaling: encoder.flag('xscaling', true),
    subsamplingChannels: channels === -1 ? modelDim : channels,
    attContexts: attContextsOf(encoder.optional('att_context_size')),
    ...decoderShapeOf(c),
  }
}

function checkPreprocessor(p: Settings): void {
  requireClass(p.optional('_target_'), 'preprocessor._target_', 'AudioToMelSpectrogramPreprocessor')
  p.mustBe('sample_rate', 16000, 16000)
  p.mustBe('window_size', 0.025, 0.02)
  p.mustBe('window_stride', 0.01, 0.01)
  p.mustBe('window', 'hann', 'hann')
  p.mustBe('n_fft', 512, 512)
  p.mustBe('frame_splicing', 1, 1)
  p.mustBe('preemph', 0.97, 0.97)
  p.mustBe('log', true, true)
  p.mustBe('log_zero_guard_type', 'add', 'add')
  p.mustBe('log_zero_guard_value', 2 ** -24, 2 ** -24)
  p.mustBe('mag_power', 2, 2)
  p.mustBe('exact_pad', false, false)
  // Normalising over an utterance needs its end, so a streaming model is trained without.
  const normalize = p.optional('normalize')
  if (normalize !== undefined && normalize !== null && normalize !== 'NA' && normalize !== 'None') {
    throw refuse(`preprocessor.normalize: ${String(normalize)} is not supported; a streaming model has NA`)
  }
}

function checkEncoder(e: Settings): void {
  requireClass(e.optional('_target_'), 'encoder._target_', 'ConformerEncoder')
  e.mustBe('subsampling', 'dw_striding', 'striding')
  e.mustBe('subsampling_factor', 8, 4)
  e.mustBe('causal_downsampling', true, false)
  e.mustBe('self_attention_model', 'rel_pos', 'rel_pos')
  e.mustBe('att_context_style', 'chunked_limited', 'regular')
  e.mustBe('conv_context_size', 'causal', null)
  e.mustBe('reduction', null, null)
  e.mustBe('global_tokens', 0, 0)
  e.mustBe('conv_dual_mode', false, false)
  const featOut = e.number('feat_out', -1)
  if (featOut > 0 && featOut !== e.count('d_model'))
    throw refuse(`encoder.feat_out: ${featOut} is not supported; it must be -1`)
}

function decoderShapeOf(c: Settings) {
  const decoder = c.section('decoder')
  requireClass(decoder.optional('_target_'), 'decoder._target_', 'RNNTDecoder')
  decoder.mustBe('blank_as_pad', true, true)
  decoder.mustBe('normalization_mode', null, null)
  const prednet = decoder.section('prednet')
  const predictionHidden = prednet.count('pred_hidden')
  prednet.mustBe('rnn_hidden_size', -1, -1, predictionHidden)
  const joint = c.section('joint')
  requireClass(joint.optional('_target_'), 'joint._target_', 'RNNTJoint')
  joint.mustBe('num_extra_outputs', 0, 0)
  const jointnet = joint.section('jointnet')
  requireClass(
    c.section('aux_ctc').section('decoder').optional('_target_'),
    'aux_ctc.decoder._target_',
    'ConvASRDecoder',
  )
  const activation = jointnet.oneOf('activation', ['relu', 'tanh', 'sigmoid'], 'relu')
  const greedy = c.optionalSection('decoding')?.optionalSection('greedy')
  // As NeMo reads them: null and 0 count as absent, and a model that sets no limit gets 10.
  const maxSymbols = greedy?.optional('max_symbols') || greedy?.optional('max_symbols_per_step')
  return {
    predictionHidden,
    predictionLayers: prednet.count('pred_rnn_layers', 1, LAYERS_MAX),
    jointHidden: jointnet.count('joint_hidden'),
    jointActivation: ({ relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as const)[activation],
    vocabulary: vocabularyOf(c, joint, decoder),
    maxSymbols: typeof maxSymbols === 'number' && maxSymbols > 0 ? maxSymbols : MAX_SYMBOLS_DEFAULT,
  }
}

function vocabularyOf(c: Settings, joint: Settings, decoder: Settings): number {
  const size = joint.optional('num_classes')
  if (typeof size === 'number' && size > 0) return size
  const labels = joint.optional('vocabulary') ?? c.optional('labels')
  if (Array.isArray(labels)) return labels.length
  return decoder.count('vocab_size')
}

/** NeMo writes one pair or a list of pairs; the left context must be a whole number of chunks. */
function attContextsOf(value: unknown): [number, number][] {
  const pairs = Array.isArray(value) && Array.isArray(value[0]) ? value : [value]
  return pairs.map((pair: unknown): [number, number] => {
    const [left, right] = Array.isArray(pair) ? (pair as unknown[]) : []
    const said = `encoder.att_context_size: ${JSON.stringify(pair)}`
    if (!Number.isInteger(left) || !Number.isInteger(right)) throw refuse(`${said} is not a pair of frame counts`)
    const [l, r] = [left as number, right as number]
    if (l <= 0 || r < 0) throw refuse(`${said} is not supported; both contexts must be limited`)
    if (l > CONTEXT_FRAMES_MAX) throw refuse(`${said} is not supported; at most ${CONTEXT_FRAMES_MAX} frames are`)
    if (l % (r + 1) !== 0) throw refuse(`${said} is not supported; ${r + 1} (right + 1) must divide ${l} (left)`)
    return [l, r]
  })
}

function requireClass(value: unknown, setting: string, wanted: string): void {
  if (value === undefined || value === null) return
  if (String(value).split('.').at(-1) !== wanted)
    throw refuse(`${setting}: ${String(value)} is not supported; Yap runs ${wanted}`)
}

function refuse(message: string): ModelError {
  return new ModelError('unsupported', message)
}

/** A part of model_config.yaml; remembers its path so that a message can name the setting. */
class Settings {
  readonly #values: Record<string, unknown>
  readonly #path: string

  constructor(values: Record<string, unknown>, path: string) {
    this.#values = values
    this.#path = path
  }

  optional(name: string): unknown {
    return this.#values[name]
  }

  optionalSection(name: string): Settings | undefined {
    const value = this.#values[name]
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return new Settings(value as Record<string, unknown>, `${this.#path}${name}.`)
  }

  section(name: string): Settings {
    const section = this.optionalSection(name)
    if (!section)
      throw refuse(`${this.#path}${name} is missing in model_config.yaml; Yap runs hybrid RNNT + CTC models only`)
    return section
  }

  number(name: string, byDefault: number): number {
    const value = this.#values[name]
    if (value === undefined || value === null) return byDefault
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw refuse(`${this.#path}${name}: ${String(value)} is not a number`)
    return value
  }

  count(name: string, byDefault = Number.NaN, max = COUNT_MAX): number {
    const value = this.number(name, byDefault)
    if (!Number.isInteger(value) || value < 1) {
      throw refuse(`${this.#path}${name}: ${String(this.#values[name])} is not a whole number above 0`)
    }
    if (value > max) throw refuse(`${this.#path}${name}: ${value} is too large; at most ${max} are supported`)
    return value
  }

  flag(name: string, byDefault: boolean): boolean {
    const value = this.#values[name]
    return value === undefined || value === null ? byDefault : Boolean(value)
  }

  oneOf<T extends string>(name: string, known: readonly T[], byDefault: T): T {
    const value = this.#values[name] ?? byDefault
    if (!known.includes(value as T)) {
      throw refuse(`${this.#path}${name}: ${String(value)} is not supported; Yap runs ${known.join(', ')}`)
    }
    return value as T
  }

  /** @param byDefault what NeMo takes where the setting is absent */
  mustBe(name: string, wanted: unknown, byDefault: unknown, alsoFine: unknown = wanted): void {
    const value = this.#values[name] ?? byDefault
    if (value === wanted || value === alsoFine || (wanted === null && value === 'None')) return
    throw refuse(`${this.#path}${name}: ${String(value)} is not supported; Yap runs ${String(wanted)}`)
  }
}
