#!/usr/bin/env python3
"""Writes a .nemo archive from a checkpoint, or from the mean of several."""

import argparse
import os
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import torch  # noqa: E402

from digits import WORK  # noqa: E402
from model import build  # noqa: E402


def mean_of(states):
    return {
        name: (
            sum(state[name].double() for state in states).div(len(states)).to(value.dtype)
            if value.is_floating_point()
            else value
        )
        for name, value in states[0].items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=WORK / "demo-digits-en.nemo")
    args = parser.parse_args()

    model = build()
    model.load_state_dict(mean_of([torch.load(path, weights_only=True) for path in args.checkpoints]))
    model.eval()
    unfinished = args.out.with_name(f".{args.out.name}.tmp.nemo")
    model.save_to(str(unfinished))
    unfinished.replace(args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
