"""Training utterances made on the fly: joined clips of one speaker or synthesised strings, in some room, over some line.

An utterance is (samples, words, frame targets). The frame targets serve an auxiliary classifier that helps training off
its start: word class per 80 ms where the position of the word is known, SILENCE outside of words, UNKNOWN elsewhere.
"""

import numpy as np
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from backgrounds import add_events, gate, make_noises, make_rooms, mixed_noise
from digits import FRAME_SAMPLES, FSDD_CLIPS, SAMPLE_RATE, TTS, WORDS

SILENCE = len(WORDS)
UNKNOWN = -100

# How often shards of a synthesiser are drawn from; the more natural, the more often.
ENGINE_WEIGHTS = {"pico": 1.5, "flite": 2.5, "rhvoice": 3.0, "espeak": 1.0}

SECONDS_MAX = 14
WORDLESS_SHARE = 0.09


def level_factor(db):
    return 10 ** (db / 20)


class UtteranceSource:
    """Draws utterances without end. `easy` is a first stage: one to three words, no rooms, little noise."""

    def __init__(self, seed, tts_share=0.5):
        self.rng = np.random.default_rng(seed)
        self.easy = False
        self.tts_share = tts_share

        clips = np.load(FSDD_CLIPS)
        self.clip_audio, self.clip_offsets = clips["audio"], clips["offsets"]
        self.clips_of = {}  # speaker -> digit -> indices
        for i, (speaker, digit) in enumerate(zip(clips["speakers"], clips["digits"])):
            self.clips_of.setdefault(str(speaker), {}).setdefault(int(digit), []).append(i)
        self.speakers = sorted(self.clips_of)

        self.shards = []
        self.shard_names = set()
        self.load_shards()

        self.noises = make_noises(self.rng, self._clip_for_babble)
        self.rooms = make_rooms(self.rng)
        self.telephones = [
            butter(order, band, "bandpass", fs=SAMPLE_RATE, output="sos")
            for order, band in ((4, [300, 3400]), (2, [200, 3600]))
        ]
        self.low_passes = [butter(6, hz, "lowpass", fs=SAMPLE_RATE, output="sos") for hz in (3600, 3900, 5000, 6500)]
        self.high_passes = [butter(2, hz, "highpass", fs=SAMPLE_RATE, output="sos") for hz in (60, 100, 180)]

    def load_shards(self):
        """Takes in what synthesise.py has finished since the last call."""
        for path in sorted(TTS.glob("*.npz")):
            if path.name in self.shard_names or path.name.startswith("tmp_"):
                continue
            shard = np.load(path)
            self.shard_names.add(path.name)
            by_speaker = {}
            for i, speaker in enumerate(shard["speakers"]):
                by_speaker.setdefault(str(speaker), []).append(i)
            weight = ENGINE_WEIGHTS.get(path.name.split("_")[0], 1.0)
            texts = [str(text) for text in shard["texts"]]
            self.shards.append((weight, shard["audio"], shard["offsets"], texts, by_speaker, sorted(by_speaker)))
        weights = np.array([shard[0] for shard in self.shards])
        self.shard_odds = weights / weights.sum()

    def draw(self):
        """The next utterance: float32 samples in -1..1, its words, its frame targets."""
        rng = self.rng
        if rng.random() < WORDLESS_SHARE:
            samples, words, spans = np.zeros(int(rng.uniform(0.5, 6) * SAMPLE_RATE), np.float32), [], []
        else:
            samples, words, spans = self._synthesised() if rng.random() < self.tts_share else self._joined()
            samples, spans = self._in_a_room(samples[: SAMPLE_RATE * SECONDS_MAX], spans)
        samples = self._over_a_line(samples, words, spans)
        samples = np.round(np.clip(samples, -1, 1) * 32767) / 32768
        return samples.astype(np.float32), words, frame_targets(len(samples), spans)

    # ---- words

    def _word_count(self, most):
        share = self.rng.random()
        if self.easy:
            return int(self.rng.integers(1, 4))
        if share < 0.15:
            return 1
        if share < 0.5:
            return int(self.rng.integers(2, 5))
        return int(self.rng.integers(4, 9) if share < 0.88 else self.rng.integers(8, most + 1))

    def _joined(self):
        """Clips of one real speaker (or of a vocoded variant), tightly joined or with gaps."""
        rng = self.rng
        speaker = self.speakers[rng.integers(len(self.speakers))]
        count = self._word_count(12)
        style = int(rng.choice(3, p=[0.4, 0.4, 0.2]))
        speed = rng.uniform(0.88, 1.15)
        with_image = rng.random() < 0.4
        tight = "#v" in speaker and rng.random() < 0.5
        words, clips = [], []
        for _ in range(count):
            digit = int(rng.integers(10))
            if words and rng.random() < 0.18:
                digit = WORDS.index(words[-1])
            clip = self._at_speed(self._clip(speaker, digit), speed * rng.uniform(0.95, 1.05))
            clips.append(clip * level_factor(rng.uniform(-4, 3)))
            words.append(WORDS[digit])
            if sum(map(len, clips)) > 8.5 * SAMPLE_RATE:
                break
        samples, spans = self._join(clips, 0 if tight else style, [WORDS.index(word) for word in words])
        return (self._with_spectral_image(samples) if with_image else samples), words, spans

    def _synthesised(self):
        """One to three strings of one synthesised voice."""
        rng = self.rng
        _, audio, offsets, texts, by_speaker, speakers = self.shards[rng.choice(len(self.shards), p=self.shard_odds)]
        of_speaker = by_speaker[speakers[rng.integers(len(speakers))]]
        count = 1 if rng.random() < 0.7 else int(rng.integers(2, 4))
        speed = rng.uniform(0.85, 1.18)
        clips, words, classes = [], [], []
        for _ in range(count):
            i = of_speaker[rng.integers(len(of_speaker))]
            for _ in range(12 if self.easy else 0):  # Single words first.
                if " " not in texts[i]:
                    break
                i = of_speaker[rng.integers(len(of_speaker))]
            clip = self._at_speed(audio[offsets[i] : offsets[i + 1]].astype(np.float32) / 32768, speed)
            if clips and sum(map(len, clips)) + len(clip) > 9 * SAMPLE_RATE:
                break
            said = texts[i].split()
            clips.append(clip)
            words += said
            classes.append(WORDS.index(said[0]) if len(said) == 1 else UNKNOWN)
        samples, spans = self._join(clips, int(rng.integers(1, 3)), classes)
        return samples, words, spans

    def _clip(self, speaker, digit):
        indices = self.clips_of[speaker][digit]
        i = indices[self.rng.integers(len(indices))]
        return self.clip_audio[self.clip_offsets[i] : self.clip_offsets[i + 1]].astype(np.float32) / 32768

    def _clip_for_babble(self):
        rng = self.rng
        if self.shards and rng.random() < 0.7:
            _, audio, offsets, texts, _, _ = self.shards[rng.integers(len(self.shards))]
            i = rng.integers(len(texts))
            return audio[offsets[i] : offsets[i + 1]]
        i = rng.integers(len(self.clip_offsets) - 1)
        return self.clip_audio[self.clip_offsets[i] : self.clip_offsets[i + 1]]

    @staticmethod
    def _at_speed(samples, factor):
        count = max(8, int(len(samples) / factor))
        return np.interp(np.arange(count) * factor, np.arange(len(samples)), samples).astype(np.float32)

    def _with_spectral_image(self, samples):
        """Fills 4-8 kHz of a clip that came from 8 kHz with its own mirror image, attenuated."""
        every_other = samples.copy()
        every_other[1::2] = 0
        gain = level_factor(-self.rng.uniform(2, 16))
        return (samples + gain * (2 * every_other - samples)).astype(np.float32)

    @staticmethod
    def _without_quiet_edges(samples, share=0.06, block=160):
        loudness = np.abs(samples)
        blocks = loudness[: len(loudness) // block * block].reshape(-1, block).max(1)
        loud = np.where(blocks > share * blocks.max())[0]
        if not len(loud):
            return samples
        return samples[max(0, loud[0] * block - 80) : (loud[-1] + 1) * block + 80]

    def _gap_seconds(self, style):
        rng = self.rng
        if style == 0:
            return rng.uniform(-0.035, 0.02)
        if style == 1:
            return rng.uniform(0.0, 0.25)
        return rng.uniform(0.05, 0.7) if rng.random() < 0.8 else rng.uniform(0.7, 1.8)

    def _join(self, clips, style, classes):
        """Clips one after the other with faded edges, and where each lies: [(start, end, class)]. Style 0 is tight."""
        out = np.zeros(int(sum(map(len, clips)) + SAMPLE_RATE * 2.0 * len(clips)), np.float32)
        spans, end = [], 0
        for i, clip in enumerate(clips):
            if style == 0:
                clip = self._without_quiet_edges(clip)
            fade = min(80, len(clip) // 4)
            clip = clip.copy()
            clip[:fade] *= np.linspace(0, 1, fade)
            clip[-fade:] *= np.linspace(1, 0, fade)
            start = max(0, end + int(self._gap_seconds(style) * SAMPLE_RATE)) if i else 0
            end = start + len(clip)
            out[start:end] += clip
            spans.append((start, end, classes[i]))
        return out[:end], spans

    # ---- what happens to them

    def _in_a_room(self, samples, spans):
        """Silence before and after, the tilt of some microphone, and now and then reverberation."""
        rng = self.rng
        lead_s = rng.uniform(0, 0.5) if rng.random() < 0.8 else rng.uniform(0.5, 2.5)
        trail_s = rng.uniform(0.05, 0.6) if rng.random() < 0.75 else rng.uniform(0.6, 3.5)
        lead, trail = int(lead_s * SAMPLE_RATE), int(trail_s * SAMPLE_RATE)
        spans = [(start + lead, end + lead, word) for start, end, word in spans]
        samples = np.concatenate([np.zeros(lead, np.float32), samples, np.zeros(trail, np.float32)])
        if rng.random() < 0.6:
            samples = lfilter([1, rng.uniform(-0.7, 0.6)], [1, rng.uniform(-0.4, 0.4)], samples).astype(np.float32)
        if rng.random() < (0 if self.easy else 0.28):
            room = self.rooms[rng.integers(len(self.rooms))]
            samples = fftconvolve(samples, room)[: len(samples)].astype(np.float32)
        return samples, spans

    def _over_a_line(self, samples, words, spans):
        """Noise (all the time, or switched on and off), other sounds, band limits, level, the sensor's own hiss."""
        rng = self.rng
        band, noise_after_band = rng.random(), rng.random() < 0.5
        level = 0.05
        if words:
            voiced_share = max(1e-3, (np.abs(samples) > 1e-4).mean())
            level = np.sqrt((samples**2).mean() / voiced_share) + 1e-6
        noise = None
        if rng.random() < (0.7 if words else 0.85):
            noise = mixed_noise(rng, self.noises, len(samples)) * level
            noise = noise * level_factor(-rng.uniform(20 if self.easy else 8, 40))
        gated = rng.random() < (0.25 if words else 0.5)
        factor = gate(rng, len(samples), spans if words else []) if gated else None
        if gated and noise is not None:
            noise = noise * factor

        if rng.random() < (0.12 if words else 0.5):
            samples = add_events(rng, samples, level)
        if noise is not None and not noise_after_band:
            samples = samples + noise
        if band < 0.2:
            samples = sosfilt(self.telephones[rng.integers(2)], samples)
        elif band < 0.35:
            samples = sosfilt(self.low_passes[rng.integers(len(self.low_passes))], samples)
        elif band < 0.5:
            samples = sosfilt(self.high_passes[rng.integers(len(self.high_passes))], samples)
        if noise is not None and noise_after_band:
            samples = samples + noise

        peak = np.abs(samples).max() + 1e-6
        if words:
            samples = samples * (level_factor(-rng.uniform(0, 36)) / peak) * (1.3 if rng.random() < 0.05 else 1)
        else:
            samples = samples * level_factor(-rng.uniform(0, 30))
        if rng.random() < 0.7:
            hiss = rng.standard_normal(len(samples)) * level_factor(-rng.uniform(55, 96))
            samples = samples + hiss * (factor if gated and rng.random() < 0.7 else 1)
        return samples


def frame_targets(samples, spans):
    """Class per encoder frame. The model hears little ahead, so a word counts from its first third on."""
    targets = np.full(samples // FRAME_SAMPLES + 2, SILENCE)
    centres = (np.arange(len(targets)) + 0.5) * FRAME_SAMPLES
    for start, end, word in spans:
        targets[(centres >= start - FRAME_SAMPLES) & (centres <= end + 2 * FRAME_SAMPLES)] = UNKNOWN
        if word >= 0:
            targets[(centres >= start + 0.35 * (end - start)) & (centres <= end)] = word
    return targets
