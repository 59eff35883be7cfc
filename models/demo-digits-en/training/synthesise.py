#!/usr/bin/env python3
"""Speaks digit strings and single digits with a free speech synthesiser, for training.

Writes `tts/ENGINE_SEED.npz`: audio (int16, 16 kHz, all utterances end to end), offsets, texts, speakers.
A shard appears under its name only when it is whole, so training may run while shards are being made.
"""

import argparse
import os
import random
import subprocess
import tempfile
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from digits import SAMPLE_RATE, TTS, WORDS

ESPEAK_ACCENTS = [
    "en-us",
    "en-us",
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
    "en-us-nyc",
]
ESPEAK_VARIANTS = Path("/usr/lib/x86_64-linux-gnu/espeak-ng-data/voices/!v")

# Whispers, croaks and robots: no person speaks like that.
ESPEAK_UNUSED = {
    "Alien",
    "Half-LifeAnnouncementSystem",
    "Mr",
    "UniRobot",
    "bob",
    "croak",
    "fast_test",
    "klatt5",
    "zac",
}
ESPEAK_UNUSED_PREFIXES = ("robo", "demon", "whisp")

FLITE_PITCH_HZ = {"kal16": 100, "awb": 130, "rms": 105, "slt": 180}

# A digit takes this long; anything else is a synthesiser that stumbled.
WORD_SECONDS = (0.14, 2.0)


def run(command, text=None):
    subprocess.run(
        command,
        input=text,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )


def spoken(words, rng):
    """The words as a sentence: punctuation moves pauses and melody."""
    sentence = ""
    comma_share = rng.choice([0, 0, 0.15, 0.4])
    for i, word in enumerate(words):
        sentence += word
        if i < len(words) - 1:
            sentence += ", " if rng.random() < comma_share else " "
    return sentence + rng.choice([".", ".", "", "?" if len(words) < 3 else "."])


def espeak(words, rng, path, voice):
    accent, variant = voice
    text = spoken(words, rng)
    speed, pitch = str(rng.randint(110, 230)), str(rng.randint(20, 75))
    run(["espeak-ng", "-v", f"{accent}+{variant}", "-s", speed, "-p", pitch, "-w", path, text])


def flite(words, rng, path, voice):
    stretch = f"duration_stretch={rng.uniform(0.75, 1.25):.2f}"
    pitch = f"int_f0_target_mean={FLITE_PITCH_HZ[voice] * rng.uniform(0.8, 1.25):.0f}"
    run(["flite", "-voice", voice, "--setf", stretch, "--setf", pitch, "-t", spoken(words, rng), "-o", path])


def rhvoice(words, rng, path, voice):
    rate, pitch = str(rng.randint(70, 150)), str(rng.randint(75, 130))
    run(["RHVoice-test", "-p", voice, "-r", rate, "-t", pitch, "-o", path], spoken(words, rng).encode())


def pico(words, rng, path, voice):
    speed, pitch = rng.randint(75, 150), rng.randint(70, 140)
    text = f'<speed level="{speed}"><pitch level="{pitch}">{spoken(words, rng)}</pitch></speed>'
    run(["pico2wave", "-l", voice, "-w", path, text])


def espeak_voices(rng):
    variants = [
        name
        for name in sorted(os.listdir(ESPEAK_VARIANTS))
        if name not in ESPEAK_UNUSED and not name.lower().startswith(ESPEAK_UNUSED_PREFIXES)
    ]
    return [(rng.choice(ESPEAK_ACCENTS), variant) for variant in variants for _ in range(3)]


# Engine -> how to speak, and the voices; better voices stand in the list more than once.
ENGINES = {
    "espeak": (espeak, espeak_voices),
    "flite": (flite, lambda rng: ["kal16", "awb", "rms", "rms", "slt", "slt"]),
    "rhvoice": (
        rhvoice,
        lambda rng: ["bdl", "slt", "alan", "clb", "bdl", "slt", "alan", "clb", "lyubov", "evgeniy-eng"],
    ),
    "pico": (pico, lambda rng: ["en-US", "en-GB"]),
}


def random_words(rng):
    """One digit, a few, or a long string; now and then the same digit twice in a row."""
    share = rng.random()
    count = 1 if share < 0.2 else rng.randint(2, 4) if share < 0.5 else rng.randint(5, 9)
    words = []
    for _ in range(count):
        words.append(words[-1] if words and rng.random() < 0.12 else rng.choice(WORDS))
    return words


def at_16k(samples, rate):
    if samples.ndim > 1:
        samples = samples[:, 0]
    if rate == SAMPLE_RATE:
        return samples
    divisor = gcd(rate, SAMPLE_RATE)
    return resample_poly(samples, SAMPLE_RATE // divisor, rate // divisor)


def trim(samples, threshold=0.004, margin=800):
    """Without the silence at both ends; None where there is nothing but silence."""
    peak = np.abs(samples).max()
    if peak < 1e-3:
        return None
    loud = np.where(np.abs(samples) > max(threshold, 0.01) * peak)[0]
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("count", type=int, help="utterances to speak")
    parser.add_argument("seed", type=int, help="another seed gives other utterances, in a shard of its own")
    args = parser.parse_args()

    rng = random.Random(args.seed)
    speak, make_voices = ENGINES[args.engine]
    voices = make_voices(rng)
    utterances, failures = [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/utterance.wav"
        for _ in range(args.count):
            voice, words = rng.choice(voices), random_words(rng)
            try:
                speak(words, rng, path, voice)
                samples = trim(at_16k(*soundfile.read(path)))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                failures += 1
                if failures < 4:
                    print(f"{args.engine} {voice}: {error}", flush=True)
                continue
            if samples is None or not WORD_SECONDS[0] <= len(samples) / SAMPLE_RATE / len(words) <= WORD_SECONDS[1]:
                failures += 1
                continue
            pcm = (samples / np.abs(samples).max() * 0.7 * 32767).astype(np.int16)
            utterances.append((pcm, " ".join(words), f"{args.engine}:{voice}"))
    if not utterances:
        parser.error(f"{args.engine} spoke nothing that could be used; is it installed?")

    TTS.mkdir(parents=True, exist_ok=True)
    unfinished = TTS / f"tmp_{args.engine}_{args.seed}.npz"
    offsets = np.cumsum([0] + [len(pcm) for pcm, _, _ in utterances])
    np.savez(
        unfinished,
        audio=np.concatenate([pcm for pcm, _, _ in utterances]),
        offsets=offsets,
        texts=np.array([text for _, text, _ in utterances]),
        speakers=np.array([speaker for _, _, speaker in utterances]),
    )
    unfinished.replace(TTS / f"{args.engine}_{args.seed}.npz")
    hours = offsets[-1] / SAMPLE_RATE / 3600
    print(f"{args.engine}: {len(utterances)} utterances, {hours:.2f} h, {failures} failures")


if __name__ == "__main__":
    main()
