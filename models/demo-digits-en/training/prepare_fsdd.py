#!/usr/bin/env python3
"""Packs the training clips of the Free Spoken Digit Dataset at 16 kHz, with vocoded variants of each.

Training takes the clips with index 5 and up of every speaker but the held-out one. The variants change pitch,
formants and tempo with the WORLD vocoder: five voices are few, so they are stretched into many.

Writes `fsdd_train.npz`: audio (int16, all clips end to end), offsets, digits, speakers ("name", variants "name#v").
"""

import argparse
import random
import sys
import types
from functools import partial
from multiprocessing import Pool
from pathlib import Path

# pyworld asks pkg_resources, which newer Pythons lack, for nothing but its own version.
_pkg_resources = types.ModuleType("pkg_resources")
_pkg_resources.get_distribution = lambda name: types.SimpleNamespace(version="0")
sys.modules.setdefault("pkg_resources", _pkg_resources)

import numpy as np  # noqa: E402
import pyworld  # noqa: E402
import soundfile  # noqa: E402
from scipy.signal import resample_poly  # noqa: E402

from digits import FSDD_CLIPS, FSDD_RECORDINGS, FSDD_TEST_TAKES, HELD_OUT_SPEAKER, SAMPLE_RATE  # noqa: E402

FSDD_RATE = 8000
VOCODER_FRAME_MS = 5.0


def load(path):
    """One clip as float64 at its own 8 kHz."""
    samples, rate = soundfile.read(path)
    if rate != FSDD_RATE:
        raise ValueError(f"{path}: {rate} Hz, {FSDD_RATE} expected")
    return samples.astype(np.float64)


def to_pcm16_at_16k(samples):
    return (np.clip(resample_poly(samples, 2, 1), -1, 1) * 32767).astype(np.int16)


def vary(f0, spectrum, aperiodicity, rng):
    """The analysed clip again, in another voice: pitch x 0.75-1.9, formants x 0.86-1.22, tempo x 0.85-1.8."""
    pitch = np.exp(rng.uniform(np.log(0.75), np.log(1.9)))
    warp = np.exp(rng.uniform(np.log(0.86), np.log(1.22)))
    if pitch > 1.4:  # A high voice comes from a short vocal tract.
        warp = max(warp, rng.uniform(1.0, 1.22))
    tempo = np.exp(rng.uniform(np.log(0.85), np.log(1.8)))

    bins = spectrum.shape[1]
    position = np.clip(np.arange(bins) / warp, 0, bins - 1)
    below = np.floor(position).astype(int)
    above = np.minimum(below + 1, bins - 1)
    weight = position - below

    def warped(matrix):
        return np.ascontiguousarray(matrix[:, below] * (1 - weight) + matrix[:, above] * weight)

    warped_spectrum = np.exp(warped(np.log(spectrum + 1e-12)))
    intonation = np.exp(np.linspace(0, rng.uniform(-0.15, 0.15), len(f0)))
    return pyworld.synthesize(
        f0 * pitch * intonation,
        warped_spectrum,
        np.clip(warped(aperiodicity), 0, 1),
        FSDD_RATE,
        VOCODER_FRAME_MS / tempo,
    )


def clip_and_variants(job, variants):
    """[(speaker, digit, int16 samples)] of one recording; `job` is (path, seed)."""
    path, seed = job
    digit, speaker, _ = path.stem.split("_")
    rng = random.Random(seed)
    samples = load(path)
    samples = samples * (0.5 / (np.abs(samples).max() + 1e-6))
    clips = [(speaker, int(digit), to_pcm16_at_16k(samples))]

    f0, times = pyworld.dio(samples, FSDD_RATE, f0_floor=60, f0_ceil=400, frame_period=VOCODER_FRAME_MS)
    f0 = pyworld.stonemask(samples, f0, times, FSDD_RATE)
    spectrum = pyworld.cheaptrick(samples, f0, times, FSDD_RATE, f0_floor=71)
    aperiodicity = pyworld.d4c(samples, f0, times, FSDD_RATE)
    for _ in range(variants):
        variant = vary(f0, spectrum, aperiodicity, rng)
        peak = np.abs(variant).max()
        if np.isfinite(peak) and peak >= 1e-3:  # The vocoder fails on a few clips.
            clips.append((f"{speaker}#v", int(digit), to_pcm16_at_16k(variant * (0.5 / peak))))
    return clips


def is_for_training(path):
    _, speaker, take = path.stem.split("_")
    return speaker != HELD_OUT_SPEAKER and int(take) >= FSDD_TEST_TAKES


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, default=FSDD_RECORDINGS, help="folder of the data set's WAV files")
    parser.add_argument("--variants", type=int, default=5, help="vocoded variants of each clip")
    parser.add_argument("--processes", type=int, default=2, help="clips worked on at once")
    args = parser.parse_args()

    paths = [path for path in sorted(args.recordings.glob("*.wav")) if is_for_training(path)]
    if not paths:
        parser.error(f"no recordings in {args.recordings}")
    with Pool(args.processes) as pool:
        work = partial(clip_and_variants, variants=args.variants)
        clips = sum(pool.map(work, [(path, seed) for seed, path in enumerate(paths)], chunksize=50), [])
    offsets = np.cumsum([0] + [len(samples) for _, _, samples in clips])
    np.savez(
        FSDD_CLIPS,
        audio=np.concatenate([samples for _, _, samples in clips]),
        offsets=offsets,
        digits=np.array([digit for _, digit, _ in clips]),
        speakers=np.array([speaker for speaker, _, _ in clips]),
    )
    print(f"{len(paths)} recordings, {len(clips)} clips, {offsets[-1] / SAMPLE_RATE / 3600:.2f} h")


if __name__ == "__main__":
    main()
