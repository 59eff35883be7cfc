"""What every script agrees on: the words, the rates, and where files lie under the work folder."""

import os
from pathlib import Path

SAMPLE_RATE = 16_000
WORDS = "zero one two three four five six seven eight nine oh".split()

# Samples of one encoder frame: 8 mel frames of 10 ms.
FRAME_SAMPLES = 1280

# Look-aheads as NeMo writes them: [left, right] in encoder frames. The first is the default.
LOOK_AHEADS = [[70, 13], [70, 6], [70, 1], [70, 0]]

# Never trained on, so that there is one voice that the model has not met.
HELD_OUT_SPEAKER = "yweweler"

# The official split of the Free Spoken Digit Dataset: takes 0-4 are for testing.
FSDD_TEST_TAKES = 5

WORK = Path(os.environ.get("DEMO_WORK", "work"))
FSDD_RECORDINGS = WORK / "fsdd" / "recordings"
FSDD_CLIPS = WORK / "fsdd_train.npz"
TTS = WORK / "tts"
TOKENIZER = WORK / "tokenizer"
EVALUATION = WORK / "evaluation"
RECORDINGS = WORK / "recordings"
NEMO_CONFIG = WORK / "fastconformer_hybrid_transducer_ctc_bpe_streaming.yaml"
