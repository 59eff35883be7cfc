"""The network: NeMo's cache-aware streaming FastConformer with RNNT and CTC, made small."""

import logging
import os

os.environ.setdefault("NEMO_LOGGING_LEVEL", "ERROR")

import torch  # noqa: E402
from omegaconf import OmegaConf, open_dict  # noqa: E402

from digits import LOOK_AHEADS, NEMO_CONFIG, TOKENIZER  # noqa: E402

# What log-mel features look like when they are not normalised.
LOG_MEL_MEAN, LOG_MEL_SCALE = -7.0, 4.0


def quiet_nemo():
    from nemo.utils import logging as nemo_logging

    nemo_logging.setLevel(logging.ERROR)


def build(dropout=0.1):
    """A fresh model of 2.9 M parameters, from NeMo's own configuration of the family."""
    quiet_nemo()
    from nemo.collections.asr.models import EncDecHybridRNNTCTCBPEModel

    config = OmegaConf.load(NEMO_CONFIG).model
    with open_dict(config):
        for name in ("train_ds", "validation_ds", "test_ds"):
            config[name] = None
        config.pop("optim")
        config.model_defaults.pred_hidden = 160
        config.model_defaults.joint_hidden = 160
        config.tokenizer.dir = str(TOKENIZER)
        encoder = config.encoder
        encoder.n_layers = 5
        encoder.d_model = 144
        encoder.n_heads = 4
        encoder.subsampling_conv_channels = 64
        encoder.att_context_size = LOOK_AHEADS
        encoder.att_context_probs = [1 / len(LOOK_AHEADS)] * len(LOOK_AHEADS)
        encoder.dropout = encoder.dropout_pre_encoder = encoder.dropout_att = dropout
        config.spec_augment.freq_masks = 2
        config.spec_augment.freq_width = 15
        config.spec_augment.time_masks = 4
        config.spec_augment.time_width = 0.02
    OmegaConf.resolve(config)
    model = EncDecHybridRNNTCTCBPEModel(cfg=config, trainer=None)

    # The features' mean and scale, folded into the first convolution: without it training stays on blanks for long.
    first = model.encoder.pre_encode.conv[0]
    with torch.no_grad():
        first.weight /= LOG_MEL_SCALE
        first.bias -= LOG_MEL_MEAN * first.weight.sum((1, 2, 3))
    return model


def load(path):
    """A trained model from a checkpoint (.pt) or an archive (.nemo), ready to transcribe."""
    quiet_nemo()
    if str(path).endswith(".nemo"):
        from nemo.collections.asr.models import EncDecHybridRNNTCTCBPEModel

        model = EncDecHybridRNNTCTCBPEModel.restore_from(str(path), map_location="cpu")
    else:
        model = build()
        model.load_state_dict(torch.load(path, weights_only=True))
    model.eval()
    model.preprocessor.featurizer.dither = 0.0
    model.preprocessor.featurizer.pad_to = 0
    return model
