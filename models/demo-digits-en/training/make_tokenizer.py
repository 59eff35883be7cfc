#!/usr/bin/env python3
"""Trains the SentencePiece tokenizer on random digit strings. Every letter stays a piece of its own."""

import argparse
import random

import sentencepiece

from digits import TOKENIZER, WORDS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pieces", type=int, default=64, help="size of the vocabulary, without blank")
    args = parser.parse_args()

    TOKENIZER.mkdir(parents=True, exist_ok=True)
    corpus = TOKENIZER / "corpus.txt"
    rng = random.Random(0)
    with corpus.open("w") as file:
        for _ in range(5000):
            file.write(" ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 8))) + "\n")
    sentencepiece.SentencePieceTrainer.Train(
        input=str(corpus),
        model_prefix=str(TOKENIZER / "tokenizer"),
        vocab_size=args.pieces,
        model_type="bpe",
        character_coverage=1.0,
        required_chars="abcdefghijklmnopqrstuvwxyz'",
        bos_id=-1,
        eos_id=-1,
        remove_extra_whitespaces=True,
        minloglevel=2,
    )
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(TOKENIZER / "tokenizer.model"))
    pieces = [tokenizer.id_to_piece(i) for i in range(tokenizer.vocab_size())]
    (TOKENIZER / "vocab.txt").write_text("\n".join(pieces) + "\n")
    for word in WORDS:
        print(word, tokenizer.encode(word, out_type=str))


if __name__ == "__main__":
    main()
