#!/usr/bin/env python3
"""Makes the evaluation sets, none of which is trained on: `evaluation/SET/*.wav` (16 kHz PCM16) and `evaluation.tsv`.

Sets whose recordings are not there are left out, with a line that says so.
"""

import argparse
from collections import Counter

import numpy as np
import soundfile
from scipy.signal import resample_poly

from digits import EVALUATION, FSDD_RECORDINGS, FSDD_TEST_TAKES, HELD_OUT_SPEAKER, RECORDINGS, SAMPLE_RATE, WORDS

# Continuous recordings of real people, in the recordings folder; README.md says where they are from.
REAL = {
    "vosk_10001_90210_01803.wav": "one zero zero zero one nine oh two one oh zero one eight zero three",
    "tidigits_dhd_2934z.raw": "two nine three four zero",
    "sphinx4_12345.wav": "one two three four five",
    "sphinx4_1984.wav": "one nine eight four",
    "sphinx4_65536.wav": "six five five three six",
}

# One of the four further speakers is noisy, and often cut off in the middle of the word.
CUT_OFF_SPEAKER = "Billy"


def load(path):
    """float64 in -1..1 at 16 kHz; .raw is headless little-endian PCM16 at 16 kHz."""
    if path.suffix == ".raw":
        return np.fromfile(path, "<i2") / 32768
    samples, rate = soundfile.read(path)
    return samples if rate == SAMPLE_RATE else np.clip(resample_poly(samples, SAMPLE_RATE, rate), -1, 1)


def silence(seconds):
    return np.zeros(int(seconds * SAMPLE_RATE))


def padded(samples, before=0.3, after=0.6):
    return np.concatenate([silence(before), samples, silence(after)])


def with_hiss(samples, rng, db=-66):
    return samples + rng.standard_normal(len(samples)) * 10 ** (db / 20)


def joined(clips, rng, gap=(0.03, 0.35)):
    """Clips at equal level with gaps between them."""
    pieces = []
    for clip in clips:
        pieces += [clip / (np.abs(clip).max() + 1e-6) * 0.5, silence(rng.uniform(*gap))]
    return np.concatenate(pieces[:-1])


class Sets:
    def __init__(self):
        self.rows = []

    def add(self, name, utterance, samples, text):
        path = EVALUATION / name / f"{utterance}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.clip(samples, -1, 1), SAMPLE_RATE, subtype="PCM_16")
        self.rows.append((name, str(path.relative_to(EVALUATION)), text))

    def save(self):
        lines = ["\t".join(row) for row in self.rows]
        (EVALUATION / "evaluation.tsv").write_text("\n".join(lines) + "\n")
        for name, count in Counter(name for name, _, _ in self.rows).items():
            print(name, count)


def add_fsdd(sets, rng):
    held_out, test = {}, {}
    for path in sorted(FSDD_RECORDINGS.glob("*.wav")):
        digit, speaker, take = path.stem.split("_")
        if speaker == HELD_OUT_SPEAKER:
            held_out.setdefault(int(digit), []).append(path)
        elif int(take) < FSDD_TEST_TAKES:
            test.setdefault(speaker, {}).setdefault(int(digit), []).append(path)

    def isolated(name, path, digit):
        sets.add(name, path.stem, with_hiss(padded(load(path)), rng), WORDS[digit])

    def connected(name, utterance, takes_of):
        digits = [int(d) for d in rng.integers(0, 10, int(rng.integers(3, 9)))]
        clips = [load(takes_of[d][int(rng.integers(len(takes_of[d])))]) for d in digits]
        text = " ".join(WORDS[d] for d in digits)
        sets.add(name, utterance, with_hiss(padded(joined(clips, rng)), rng), text)

    for digit in range(10):
        for path in held_out[digit][::2]:
            isolated("heldout_isolated", path, digit)
    shuffled = {digit: list(rng.permutation(held_out[digit])) for digit in range(10)}
    for i in range(60):
        connected("heldout_connected", f"c{i:02d}", shuffled)
    for speaker, takes_of in test.items():
        for digit in range(10):
            for path in takes_of[digit]:
                isolated("fsdd_test_isolated", path, digit)
        for i in range(10):
            connected("fsdd_test_connected", f"{speaker}{i}", takes_of)


def add_four_more(sets):
    by_speaker = {}
    for path in sorted((RECORDINGS / "self_recorded").glob("*/*.wav")):
        digit, speaker = path.stem.split("_")[:2]
        by_speaker.setdefault(speaker, {}).setdefault(int(digit), []).append(path)
    if not by_speaker:
        print("left out: four_more (no self_recorded/)")
    for speaker, takes_of in by_speaker.items():
        as_recorded = "four_more_billy_cut_off" if speaker == CUT_OFF_SPEAKER else "four_more_as_recorded"
        for digit in range(10):
            for path in takes_of[digit]:
                samples = load(path)
                sets.add("four_more_padded_digital_zero", path.stem, padded(samples, 0.2, 0.5), WORDS[digit])
                sets.add(as_recorded, path.stem, samples, WORDS[digit])


def add_real(sets):
    for name, text in REAL.items():
        path = RECORDINGS / name
        if path.exists():
            sets.add("real_connected", path.stem, load(path), text)
        else:
            print(f"left out: {name}")


def add_silence(sets, rng):
    for i, db in enumerate((-80, -60, -45, -30)):
        sets.add("silence", f"noise{i}", rng.standard_normal(SAMPLE_RATE * 8) * 10 ** (db / 20), "")
    sets.add("silence", "zero", silence(8), "")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sets = Sets()
    add_fsdd(sets, np.random.default_rng(7))
    add_four_more(sets)
    add_real(sets)
    add_silence(sets, np.random.default_rng(3))
    sets.save()


if __name__ == "__main__":
    main()
