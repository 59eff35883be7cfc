/** The sizes of published models, and a small one for tests, as configurations that NeMo would write for them. */
import { ModelError } from '../model-error.js'

export interface Architecture {
  modelDim: number
  layers: number
  heads: number
  subsamplingChannels: number
  predictionHidden: number
  jointHidden: number
  vocabulary: number
  /** The default first. */
  attContexts: readonly (readonly [number, number])[]
}

const LARGE: Architecture = {
  modelDim: 512,
  layers: 17,
  heads: 8,
  subsamplingChannels: 256,
  predictionHidden: 640,
  jointHidden: 640,
  vocabulary: 1024,
  attContexts: [[70, 1]],
}
const MEDIUM: Architecture = { ...LARGE, modelDim: 256, layers: 16, heads: 4 }
const MULTI = [
  [70, 13],
  [70, 6],
  [70, 1],
  [70, 0],
] as const
const TINY: Architecture = {
  modelDim: 64,
  layers: 3,
  heads: 4,
  subsamplingChannels: 32,
  predictionHidden: 48,
  jointHidden: 48,
  vocabulary: 64,
  attContexts: MULTI,
}

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_multi': { ...LARGE, attContexts: MULTI },
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_80ms': LARGE,
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_480ms': { ...LARGE, attContexts: [[70, 6]] },
  'nvidia/stt_en_fastconformer_hybrid_large_streaming_1040ms': { ...LARGE, attContexts: [[70, 13]] },
  'nvidia/stt_en_fastconformer_hybrid_medium_streaming_80ms': MEDIUM,
  'nvidia/stt_en_fastconformer_hybrid_medium_streaming_80ms_pc': MEDIUM,
  tiny: TINY,
}

/** @throws ModelError `not_found` listing the names */
export function architectureOf(name: string): Architecture {
  const id = name in ARCHITECTURES ? name : `nvidia/${name}`
  const found = Object.hasOwn(ARCHITECTURES, id) ? ARCHITECTURES[id] : undefined
  if (found) return found
  throw new ModelError(
    'not_found',
    `no architecture "${name}" is known; there are ${Object.keys(ARCHITECTURES).join(', ')}`,
  )
}

/** model_config.yaml for these sizes: what NeMo needs to build the model, without its training settings. */
export function configOf(a: Architecture, pieces: readonly string[]): Record<string, unknown> {
  const { modelDim, predictionHidden, jointHidden, vocabulary } = a
  return {
    target: 'nemo.collections.asr.models.hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel',
    sample_rate: 16000,
    compute_eval_loss: false,
    log_prediction: false,
    skip_nan_grad: false,
    model_defaults: { enc_hidden: modelDim, pred_hidden: predictionHidden, joint_hidden: jointHidden },
    train_ds: null,
    validation_ds: null,
    test_ds: null,
    tokenizer: { dir: null, type: 'bpe' },
    preprocessor: {
      _target_: 'nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor',
      sample_rate: 16000,
      normalize: 'NA',
      window_size: 0.025,
      window_stride: 0.01,
      window: 'hann',
      features: 80,
      n_fft: 512,
      frame_splicing: 1,
      dither: 0,
      pad_to: 0,
    },
    spec_augment: { _target_: 'nemo.collections.asr.modules.SpectrogramAugmentation', freq_masks: 0, time_masks: 0 },
    encoder: encoderConfig(a),
    decoder: {
      _target_: 'nemo.collections.asr.modules.RNNTDecoder',
      normalization_mode: null,
      random_state_sampling: false,
      blank_as_pad: true,
      prednet: { pred_hidden: predictionHidden, pred_rnn_layers: 1, t_max: null, dropout: 0.2 },
      vocab_size: vocabulary,
    },
    joint: {
      _target_: 'nemo.collections.asr.modules.RNNTJoint',
      log_softmax: null,
      preserve_memory: false,
      fuse_loss_wer: false,
      fused_batch_size: null,
      jointnet: {
        joint_hidden: jointHidden,
        activation: 'relu',
        dropout: 0.2,
        encoder_hidden: modelDim,
        pred_hidden: predictionHidden,
      },
      num_classes: vocabulary,
      vocabulary: pieces,
    },
    decoding: { strategy: 'greedy_batch', greedy: { max_symbols: 10 } },
    aux_ctc: {
      ctc_loss_weight: 0.3,
      use_cer: false,
      ctc_reduction: 'mean_batch',
      decoder: {
        _target_: 'nemo.collections.asr.modules.ConvASRDecoder',
        feat_in: modelDim,
        num_classes: vocabulary,
        vocabulary: pieces,
      },
      decoding: { strategy: 'greedy' },
    },
    interctc: { loss_weights: [], apply_at_layers: [] },
    loss: { loss_name: 'default', warprnnt_numba_kwargs: { fastemit_lambda: 0.005, clamp: -1.5 } },
    optim: { name: 'adamw', lr: 5.5, betas: [0.9, 0.98], weight_decay: 0.001 },
    labels: pieces,
  }
}

function encoderConfig(a: Architecture): Record<string, unknown> {
  return {
    _target_: 'nemo.collections.asr.modules.ConformerEncoder',
    feat_in: 80,
    feat_out: -1,
    n_layers: a.layers,
    d_model: a.modelDim,
    use_bias: true,
    subsampling: 'dw_striding',
    subsampling_factor: 8,
    subsampling_conv_channels: a.subsamplingChannels,
    causal_downsampling: true,
    ff_expansion_factor: 4,
    self_attention_model: 'rel_pos',
    n_heads: a.heads,
    att_context_size: a.attContexts,
    att_context_style: 'chunked_limited',
    att_context_probs: null,
    xscaling: true,
    pos_emb_max_len: 5000,
    conv_kernel_size: 9,
    conv_norm_type: 'layer_norm',
    conv_context_size: 'causal',
    dropout: 0.1,
    dropout_pre_encoder: 0.1,
    dropout_emb: 0,
    dropout_att: 0.1,
    stochastic_depth_drop_prob: 0,
    stochastic_depth_mode: 'linear',
    stochastic_depth_start_layer: 1,
  }
}
