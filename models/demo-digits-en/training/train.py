#!/usr/bin/env python3
"""Trains the model on CPU cores: a plain PyTorch loop with a schedule by the clock.

Loss: RNNT and CTC, and in the beginning an auxiliary classifier of frames, which is dropped afterwards. What is saved is
the moving average of the weights. With --processes N it runs N times, one thread each, and averages the gradients.
"""

import argparse
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.distributed  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import batches  # noqa: E402
from digits import SAMPLE_RATE, WORK, WORDS  # noqa: E402
from model import build  # noqa: E402
from transducer_loss import transducer_loss  # noqa: E402

FRAME_CLASSES = len(WORDS) + 1  # and silence
SAVE_EVERY_S = 240
REPORT_EVERY_STEPS = 25


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--name", default="run1", help="folder under the work folder for checkpoints and the log")
    add("--init", default="", help="checkpoint to go on from")
    add("--minutes", type=float, default=60, help="length of the schedule")
    add("--lr", type=float, default=2e-3, help="highest learning rate")
    add("--min-lr", type=float, default=2e-5, help="learning rate at the end of the cosine")
    add("--warm", type=int, default=300, help="steps until the learning rate is reached")
    add("--sec", type=float, default=64, help="seconds of audio in a batch, padding included")
    add("--easy", type=int, default=120, help="pools of utterances in the easy first stage; 0: none")
    add("--ctc0", type=float, default=0.7, help="weight of CTC at the start")
    add("--ctc1", type=float, default=0.3, help="weight of CTC from 35 %% of the time on")
    add("--aux", type=float, default=20.0, help="weight of the frame classifier at the start; falls to 5 %% of it")
    add("--fastemit", type=float, default=2e-3, help="FastEmit's lambda")
    add("--dropout", type=float, default=0.1)
    add("--tts-share", type=float, default=0.5, help="share of synthesised utterances among those with words")
    add("--seed", type=int, default=1)
    add("--workers", type=int, default=1, help="processes that make utterances, per training process")
    add("--processes", type=int, default=2, help="data-parallel training processes")
    add("--threads", type=int, default=1, help="threads of a training process")
    add("--port", type=int, default=29511, help="port on loopback over which the processes meet")
    add("--rank", type=int, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def launch(processes):
    """This script once per rank; the first that fails takes the others along. Returns its exit status."""
    ranks = [subprocess.Popen([sys.executable, *sys.argv, "--rank", str(rank)]) for rank in range(processes)]
    try:
        while any(rank.poll() is None for rank in ranks) and not any(rank.poll() for rank in ranks):
            time.sleep(1)
    finally:
        for rank in ranks:
            rank.terminate()
    statuses = [rank.wait() for rank in ranks]
    return next((status for status in statuses if status not in (0, -signal.SIGTERM)), 0)


def warp_vocal_tract(mel, share, low=0.88, high=1.14):
    """Shifts the formants of a share of the utterances: frequency x low..high, as interpolation between mel bins.

    mel: [B, bins, T]. Above 4.8 kHz the warp bends back, so that 8 kHz stays 8 kHz.
    """
    rows, bins, frames = mel.shape
    factor = torch.where(torch.rand(rows) < share, torch.empty(rows).uniform_(low, high), torch.ones(rows))
    highest = 2595 * math.log10(1 + 8000 / 700)
    centres = 700 * (torch.pow(10.0, torch.linspace(0, highest, bins + 2)[1:-1] / 2595) - 1)
    factor = factor[:, None]
    knee = 4800 / factor
    source = torch.where(
        centres[None] > 4800,
        knee + (centres[None] - 4800) * (8000 - knee) / 3200,
        centres[None] / factor,
    )
    position = torch.clamp(2595 * torch.log10(1 + source / 700) / highest * (bins + 1) - 1, 0, bins - 1)
    below = position.floor().long()
    above = (below + 1).clamp(max=bins - 1)
    weight = (position - below)[:, :, None]

    def take(indices):
        return mel.gather(1, indices[:, :, None].expand(-1, -1, frames))

    return take(below) * (1 - weight) + take(above) * weight


class MovingAverage:
    """Exponential moving average of all floating-point weights; short-sighted at first."""

    def __init__(self, model):
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.floats = [name for name, value in self.state.items() if value.is_floating_point()]

    @torch.no_grad()
    def update(self, model, step):
        decay = min(0.998, (1 + step) / (20 + step))
        state = model.state_dict()
        torch._foreach_lerp_(
            [self.state[name] for name in self.floats], [state[name] for name in self.floats], 1 - decay
        )

    def save(self, path):
        unfinished = path.with_suffix(".tmp")
        state = {name: value.float() if value.is_floating_point() else value for name, value in self.state.items()}
        torch.save(state, unfinished)
        unfinished.replace(path)


class Trainer:
    def __init__(self, args):
        self.args = args
        self.first = args.rank == 0
        torch.manual_seed(args.seed)
        random.seed(args.seed)
        self.model = build(dropout=args.dropout)
        if args.init:
            self.model.load_state_dict(torch.load(args.init, weights_only=True))
        self.frame_classifier = torch.nn.Linear(self.model.encoder.d_model, FRAME_CLASSES)
        # From here on each process draws its own dropout and warps.
        torch.manual_seed(args.seed * 77 + args.rank)
        random.seed(args.seed * 77 + args.rank)
        self.model.train()
        self.model.preprocessor.featurizer.dither = 1e-5
        self.blank = self.model.joint.num_classes_with_blank - 1

        decayed, free = [], []
        for name, parameter in self.model.named_parameters():
            is_free = parameter.ndim < 2 or "norm" in name or "pos_bias" in name
            (free if is_free else decayed).append(parameter)
        decayed.append(self.frame_classifier.weight)
        free.append(self.frame_classifier.bias)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.parameters += list(self.frame_classifier.parameters())
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 5e-3}, {"params": free, "weight_decay": 0.0}],
            lr=args.lr,
            betas=(0.9, 0.98),
            eps=1e-8,
        )
        self.average = MovingAverage(self.model)

    def set_learning_rate(self, step, progress):
        args = self.args
        floor = args.min_lr / args.lr
        cosine = 0.5 * (1 + math.cos(math.pi * progress)) * (1 - floor) + floor
        rate = args.lr * min(1.0, (step + 1) / args.warm) * cosine
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    @torch.no_grad()
    def features(self, audio, lengths, step):
        """Log-mel [B, 80, T] of a batch, augmented; gently while the model still knows nothing."""
        easy_start = self.args.easy > 0
        mel, frames = self.model.preprocessor(
            input_signal=torch.from_numpy(audio), length=torch.from_numpy(lengths).long()
        )
        mel = warp_vocal_tract(mel, share=0.6 if step > 250 or not easy_start else 0.3)
        if random.random() < 0.9 and (step > 350 or not easy_start):
            mel = self.model.spec_augmentation(input_spec=mel, length=frames)
        return mel, frames

    def losses(self, mel, mel_frames, token_ids, frame_targets):
        """CTC, RNNT and frame-classifier loss of a batch."""
        lengths = torch.tensor([len(ids) for ids in token_ids])
        targets = torch.zeros(len(token_ids), max(1, int(lengths.max())), dtype=torch.long)
        for row, ids in zip(targets, token_ids):
            row[: len(ids)] = torch.tensor(ids, dtype=torch.long)

        encoded, frames = self.model.encoder(audio_signal=mel, length=mel_frames)
        ctc_log_probs = self.model.ctc_decoder(encoder_output=encoded)
        predicted, _, _ = self.model.decoder(targets=targets, target_length=lengths)
        by_frame = encoded.transpose(1, 2)
        joint_log_probs = self.model.joint.joint(by_frame, predicted.transpose(1, 2))

        ctc = F.ctc_loss(
            ctc_log_probs.float().transpose(0, 1),
            targets,
            frames,
            lengths,
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        ).mean()
        rnnt = transducer_loss(joint_log_probs.float(), targets, frames, lengths, self.blank, self.args.fastemit).mean()

        classes = torch.full((len(frame_targets), encoded.shape[2]), -100)
        for i, target in enumerate(frame_targets):
            count = min(len(target), int(frames[i]))
            classes[i, :count] = torch.from_numpy(target[:count])
        frame = F.cross_entropy(
            self.frame_classifier(by_frame.float()).reshape(-1, FRAME_CLASSES),
            classes.reshape(-1),
            ignore_index=-100,
            label_smoothing=0.05,
        )
        return ctc, rnnt, frame

    def average_gradients(self):
        if self.args.processes == 1:
            return
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        torch.distributed.all_reduce(flat)
        flat /= self.args.processes
        offset = 0
        for parameter in self.parameters:
            parameter.grad = flat[offset : offset + parameter.numel()].view_as(parameter)
            offset += parameter.numel()

    def step(self, batch, step, progress):
        """One optimiser step; returns what the log shows."""
        args = self.args
        audio, samples, token_ids, frame_targets = batch
        mel, mel_frames = self.features(audio, samples, step)
        ctc, rnnt, frame = self.losses(mel, mel_frames, token_ids, frame_targets)
        ctc_share = args.ctc0 + (args.ctc1 - args.ctc0) * min(1.0, progress / 0.35)
        frame_weight = args.aux * max(0.05, 1 - progress / 0.4)
        loss = ctc_share * ctc + (1 - ctc_share) * rnnt + frame_weight * frame

        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.average_gradients()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.average.update(self.model, step)
        return np.array([float(ctc), float(rnnt), float(frame), float(norm), samples.sum() / SAMPLE_RATE])


def progress_of(args, started):
    """Share of the schedule that is over; all processes go by the first one's clock, or they would stop apart."""
    minutes = torch.tensor([(time.time() - started) / 60])
    if args.processes > 1:
        torch.distributed.broadcast(minutes, 0)
    return min(1.0, float(minutes) / args.minutes)


def train(args):
    torch.set_num_threads(args.threads)
    if args.processes > 1:
        meeting_point = f"tcp://127.0.0.1:{args.port}"
        torch.distributed.init_process_group(
            "gloo", init_method=meeting_point, rank=args.rank, world_size=args.processes
        )
    folder = WORK / args.name
    folder.mkdir(parents=True, exist_ok=True)
    queue = multiprocessing.Queue(12)
    makers = [
        multiprocessing.Process(
            target=batches.fill,
            args=(queue, args.seed * 1000 + 100 * args.rank + i, args.sec, args.easy, args.tts_share),
            daemon=True,
        )
        for i in range(args.workers)
    ]
    for maker in makers:
        maker.start()

    trainer = Trainer(args)
    started = saved = reported = time.time()
    step, sums = 0, np.zeros(5)
    with (folder / "log.txt").open("a") if trainer.first else open(os.devnull, "a") as log:
        while (progress := progress_of(args, started)) < 1.0:
            rate = trainer.set_learning_rate(step, progress)
            sums += trainer.step(queue.get(), step, progress)
            step += 1
            now = time.time()
            if trainer.first and step % REPORT_EVERY_STEPS == 0:
                ctc, rnnt, frame, norm, _ = sums / REPORT_EVERY_STEPS
                line = (
                    f"step {step} {progress:.0%} lr {rate:.5f} ctc {ctc:.3f} rnnt {rnnt:.3f} frame {frame:.3f} "
                    f"norm {norm:.2f} s/step {(now - reported) / REPORT_EVERY_STEPS:.2f} "
                    f"audio x{sums[4] / (now - reported):.0f}"
                )
                print(line, flush=True)
                print(line, file=log, flush=True)
                reported, sums = now, np.zeros(5)
            if trainer.first and now - saved > SAVE_EVERY_S:
                trainer.average.save(folder / f"minute_{int((now - started) / 60):03d}.pt")
                saved = now
    if trainer.first:
        trainer.average.save(folder / "last.pt")
        print(f"done: {step} steps, {folder / 'last.pt'}")
    for maker in makers:
        maker.terminate()


if __name__ == "__main__":
    arguments = parse_args()
    if arguments.rank is None and arguments.processes > 1:
        sys.exit(launch(arguments.processes))
    if arguments.rank is None:
        arguments.rank = 0
    train(arguments)
