#!/usr/bin/env python3
"""Word error rates on the evaluation sets: RNNT and CTC, greedy, at every look-ahead.

"offline" is one forward pass with the look-ahead's mask; "stream" is NeMo's cache-aware streaming. They should agree.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import soundfile  # noqa: E402
import torch  # noqa: E402

from digits import EVALUATION, LOOK_AHEADS  # noqa: E402
from model import load  # noqa: E402

DECODERS = ("rnnt", "ctc")
STREAMS = 25


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("model", help="checkpoint (.pt) or archive (.nemo)")
    add("--stream", action="store_true", help="stream too; several times slower")
    add("--sets", default="", help="only these sets, separated by commas")
    add("--look-aheads", default="", help='only these, as "70,13;70,0"')
    add("--every", type=int, default=1, help="only every n-th recording of sets with more than 60")
    add("--show", default="real_connected", help="sets whose wrong transcripts are printed")
    add("--table", type=Path, help="file for the table in Markdown")
    add("--threads", type=int, default=1)
    return parser.parse_args()


def read_sets(only, every):
    """{set: [(path, text)]}, in the order of the file."""
    sets = {}
    for line in (EVALUATION / "evaluation.tsv").read_text().splitlines():
        name, path, text = line.split("\t")
        if not only or name in only:
            sets.setdefault(name, []).append((EVALUATION / path, text))
    return {name: rows[::every] if len(rows) > 60 else rows for name, rows in sets.items()}


def word_errors(reference, hypothesis):
    """Least number of words to replace, insert or delete."""
    distances = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, distances[0] = distances[0], i
        for j, heard in enumerate(hypothesis, 1):
            replaced = diagonal + (expected != heard)
            diagonal, distances[j] = distances[j], min(distances[j] + 1, distances[j - 1] + 1, replaced)
    return distances[-1]


def text_of(hypothesis):
    return getattr(hypothesis, "text", hypothesis).strip()


def first_of(predictions):
    return predictions[0] if isinstance(predictions, tuple) else predictions


@torch.inference_mode()
def transcribe_offline(model, waves):
    """{decoder: [text]} by one forward pass."""
    lengths = torch.tensor([len(wave) for wave in waves])
    audio = torch.zeros(len(waves), int(lengths.max()))
    for row, wave in zip(audio, waves):
        row[: len(wave)] = torch.from_numpy(wave)
    mel, mel_frames = model.preprocessor(input_signal=audio, length=lengths)
    encoded, frames = model.encoder(audio_signal=mel, length=mel_frames)
    rnnt = model.decoding.rnnt_decoder_predictions_tensor(encoded, frames, return_hypotheses=False)
    ctc = model.ctc_decoding.ctc_decoder_predictions_tensor(
        model.ctc_decoder(encoder_output=encoded), frames, return_hypotheses=False
    )
    return {"rnnt": [text_of(h) for h in first_of(rnnt)], "ctc": [text_of(h) for h in first_of(ctc)]}


@torch.inference_mode()
def transcribe_streaming(model, waves, decoder):
    """[text] by NeMo's cache-aware loop, all waves side by side."""
    from nemo.collections.asr.parts.utils.streaming_utils import CacheAwareStreamingAudioBuffer

    model.change_decoding_strategy(decoder_type=decoder)
    buffer = CacheAwareStreamingAudioBuffer(model=model, online_normalization=False, pad_and_drop_preencoded=False)
    for wave in waves:
        buffer.append_audio(wave, stream_id=-1)
    channel, time, channel_len = model.encoder.get_initial_cache_state(batch_size=len(waves))
    hypotheses = predictions = None
    for step, (mel, mel_frames) in enumerate(iter(buffer)):
        predictions, texts, channel, time, channel_len, hypotheses = model.conformer_stream_step(
            processed_signal=mel,
            processed_signal_length=mel_frames,
            cache_last_channel=channel,
            cache_last_time=time,
            cache_last_channel_len=channel_len,
            keep_all_outputs=buffer.is_buffer_empty(),
            previous_hypotheses=hypotheses,
            previous_pred_out=predictions,
            drop_extra_pre_encoded=0 if step == 0 else model.encoder.streaming_cfg.drop_extra_pre_encoded,
            return_transcription=True,
        )
    return [text_of(text) for text in texts]


def transcribe(model, paths, stream):
    """{(decoder, mode): [text]}, in batches of like length."""
    texts = {}
    for start in range(0, len(paths), STREAMS):
        waves = [soundfile.read(path, dtype="float32")[0] for path in paths[start : start + STREAMS]]
        for decoder, heard in transcribe_offline(model, waves).items():
            texts.setdefault((decoder, "offline"), []).extend(heard)
        for decoder in DECODERS if stream else ():
            texts.setdefault((decoder, "stream"), []).extend(transcribe_streaming(model, waves, decoder))
    return texts


def cell(errors, words):
    return f"{100 * errors / words:.2f}%" if words else f"{errors} inserted words"


def main():
    args = parse_args()
    torch.set_num_threads(args.threads)
    look_aheads = LOOK_AHEADS
    if args.look_aheads:
        look_aheads = [[int(n) for n in pair.split(",")] for pair in args.look_aheads.split(";")]
    sets = read_sets([name for name in args.sets.split(",") if name], args.every)
    model = load(args.model)
    for decoder in DECODERS:
        model.change_decoding_strategy(decoder_type=decoder)

    modes = [(decoder, "offline") for decoder in ("ctc", "rnnt")]
    modes += [(decoder, "stream") for decoder in ("ctc", "rnnt")] if args.stream else []
    rows = {name: [] for name in sets}
    for look_ahead in look_aheads:
        model.encoder.set_default_att_context_size(look_ahead)
        for name, recordings in sets.items():
            recordings = sorted(recordings, key=lambda recording: recording[0].stat().st_size)
            texts = transcribe(model, [path for path, _ in recordings], args.stream)
            words = sum(len(text.split()) for _, text in recordings)
            cells = []
            for mode in modes:
                pairs = list(zip(recordings, texts[mode]))
                cells.append(cell(sum(word_errors(t.split(), h.split()) for (_, t), h in pairs), words))
                for (path, expected), heard in pairs if name in args.show.split(",") else ():
                    if heard != expected:
                        print(look_ahead, *mode, path.name, "|", expected, "|", heard, flush=True)
            rows[name].append(f"| {name} | {words or '-'} | {look_ahead} | {' | '.join(cells)} |")
            print(rows[name][-1], flush=True)

    columns = ["set", "words", "look-ahead"] + [f"{decoder.upper()} {mode}" for decoder, mode in modes]
    table = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    table += [row for of_set in rows.values() for row in of_set]
    if args.table:
        args.table.write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
