"""Fills a queue with batches of utterances of similar length; runs in a process of its own beside the training."""

import os

import numpy as np
import sentencepiece

from digits import SAMPLE_RATE, TOKENIZER
from utterances import UtteranceSource

# Utterances that are sorted by length together.
POOL = 64

# Pools between two looks for new shards of synthesised speech.
SHARDS_EVERY = 40


def fill(queue, seed, seconds_max, easy_pools, tts_share):
    """Puts (audio [B, T], lengths [B], token ids, frame targets) into the queue, for ever.

    `seconds_max` bounds B x T; the first `easy_pools` pools are of the easy stage.
    """
    os.nice(2)  # The training itself comes first.
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(TOKENIZER / "tokenizer.model"))
    source = UtteranceSource(seed, tts_share)
    pools = 0
    while True:
        pools += 1
        source.easy = pools <= easy_pools
        if pools % SHARDS_EVERY == 0:
            source.load_shards()
        utterances = sorted((source.draw() for _ in range(POOL)), key=lambda utterance: len(utterance[0]))
        batches = list(cut(utterances, seconds_max * SAMPLE_RATE))
        source.rng.shuffle(batches)
        for batch in batches:
            lengths = np.array([len(samples) for samples, _, _ in batch])
            audio = np.zeros((len(batch), lengths.max()), np.float32)
            for row, (samples, _, _) in zip(audio, batch):
                row[: len(samples)] = samples
            tokens = [tokenizer.encode(" ".join(words)) if words else [] for _, words, _ in batch]
            queue.put((audio, lengths, tokens, [targets for _, _, targets in batch]))


def cut(utterances, samples_max):
    """Batches, each as long as its longest utterance times its rows allows; utterances come shortest first."""
    batch = []
    for utterance in utterances:
        if batch and (len(batch) + 1) * len(utterance[0]) > samples_max:
            yield batch
            batch = []
        batch.append(utterance)
    if batch:
        yield batch
