"""What is around the words: noises, rooms, and sounds that are no words. All of it is made from random numbers."""

import numpy as np
from scipy.signal import lfilter

from digits import SAMPLE_RATE

NOISE_SECONDS = 40
ROOMS = 120
BABBLE_CLIPS = 700


def make_noises(rng, random_clip):
    """Long pieces of noise, each with a standard deviation of 1.

    White to brown, mains hum, babble (speech backwards, many at once), a fan, and crackle.
    `random_clip()` gives int16 speech for the babble.
    """
    samples = SAMPLE_RATE * NOISE_SECONDS
    time = np.arange(samples) / SAMPLE_RATE
    noises = []

    def keep(noise):
        noises.append((noise / noise.std()).astype(np.float32))

    white = rng.standard_normal(samples).astype(np.float32)
    for slope in (0.0, 0.5, 1.0, 1.0, 1.5, 2.0):
        spectrum = np.fft.rfft(rng.standard_normal(samples))
        bins = np.arange(len(spectrum)) + 1.0
        lowest = 20 * samples / SAMPLE_RATE  # Flat below 20 Hz.
        keep(np.fft.irfft(spectrum / np.maximum(bins, lowest) ** (slope / 2), samples).astype(np.float32))
    for mains_hz in (50, 60):
        hum = sum(
            np.sin(2 * np.pi * mains_hz * k * time + rng.uniform(0, 6)) * rng.uniform(0.1, 1) / k for k in range(1, 9)
        ).astype(np.float32)
        keep(hum / hum.std() + 0.1 * white)
    for _ in range(3):
        keep(_babble(rng, random_clip, samples))
    keep(white * (1 + 0.8 * np.sin(2 * np.pi * 0.7 * time)).astype(np.float32))
    crackle = white * (rng.random(samples) < 0.0008) * 20
    keep(lfilter([1], [1, -0.95], crackle).astype(np.float32) + 0.05 * white)
    return noises


def _babble(rng, random_clip, samples):
    mix = np.zeros(samples, np.float32)
    for _ in range(BABBLE_CLIPS):
        clip = random_clip()[::-1].astype(np.float32) / 32768
        clip = clip[: samples // 2]
        start = rng.integers(0, samples - len(clip))
        mix[start : start + len(clip)] += clip * rng.uniform(0.2, 1)
    return mix


def make_rooms(rng):
    """Impulse responses: the direct sound, a few early echoes, a decaying coloured tail (0.08-0.6 s to -60 dB)."""
    rooms = []
    for _ in range(ROOMS):
        decay_s = rng.uniform(0.08, 0.6)
        length = int(min(decay_s, 0.4) * SAMPLE_RATE)
        time = np.arange(length) / SAMPLE_RATE
        response = rng.standard_normal(length) * np.exp(-6.9 * time / decay_s)
        first_echo = int(rng.uniform(0.001, 0.008) * SAMPLE_RATE)
        response[:first_echo] = 0
        response = lfilter([1], [1, -rng.uniform(0, 0.6)], response)
        response *= 10 ** (-rng.uniform(0, 14) / 20) / (np.sqrt((response**2).sum()) + 1e-9)
        for _ in range(rng.integers(0, 5)):
            response[rng.integers(first_echo, max(first_echo + 1, min(length, 700)))] += rng.uniform(-0.5, 0.5)
        response[0] = 1.0
        rooms.append(response.astype(np.float32))
    return rooms


def mixed_noise(rng, noises, samples):
    """One or two noises together, of any length, standard deviation 1."""
    mix = np.zeros(samples, np.float32)
    for _ in range(1 if rng.random() < 0.7 else 2):
        noise = noises[rng.integers(len(noises))]
        start = rng.integers(0, len(noise) - samples) if samples < len(noise) else 0
        mix += np.resize(noise[start : start + samples], samples) * rng.uniform(0.3, 1)
    return mix / (mix.std() + 1e-9)


def gate(rng, samples, spans):
    """A factor per sample that switches the background on and off, as in clips pasted into silence.

    Around the words where `spans` [(start, end, ...)] says where they are; else at random places.
    """
    floor = 0.0 if rng.random() < 0.6 else rng.uniform(0, 0.2)
    factor = np.zeros(samples, np.float32)
    if spans and rng.random() < 0.7:
        start = spans[0][0] - int(rng.uniform(0, 0.7) * SAMPLE_RATE)
        end = spans[-1][1] + int(rng.uniform(0, 0.6) * SAMPLE_RATE)
        factor[max(0, start) : max(0, end)] = 1
    else:
        switches = np.sort(rng.integers(0, samples, int(rng.integers(1, 5))))
        on, start = bool(rng.integers(2)), 0
        for end in [*switches, samples]:
            factor[start:end] = on
            on, start = not on, end
    return np.maximum(factor, floor)


def add_events(rng, samples, level):
    """Adds one to three clicks, thumps or bursts that are no words; changes `samples` in place."""
    for _ in range(int(rng.integers(1, 4))):
        kind = rng.integers(3)
        time = np.arange(int(rng.uniform(0.02, 0.35) * SAMPLE_RATE)) / SAMPLE_RATE
        if kind == 0:
            event = rng.standard_normal(len(time)) * np.exp(-time / rng.uniform(0.0005, 0.006))
        elif kind == 1:
            event = np.sin(2 * np.pi * rng.uniform(40, 180) * time) * np.exp(-time / rng.uniform(0.01, 0.06)) * 2
        else:
            colour = -rng.uniform(-0.5, 0.97)
            event = lfilter([1], [1, colour], rng.standard_normal(len(time)))
            event = event * np.hanning(len(time)) ** rng.uniform(0.2, 1)
            event = event / (event.std() + 1e-6)
        event = event * level * 10 ** (-rng.uniform(-3, 25) / 20)
        start = int(rng.integers(0, max(1, len(samples) - len(event))))
        samples[start : start + len(event)] += event[: len(samples) - start]
    return samples
