"""How fast an encoder-decoder writes and learns, ours beside transformers: same weights and sources, in one run.

    python -m benchmarks.generation
    python -m benchmarks.generation --cases "scratch, writing" --json results.json

Random weights are saved once. Ours loads them, and so does theirs (``EncoderDecoderModel``). [SEP] is by far the most
probable piece, and forbidden before the minimum length. So all outputs have the same length on both sides. In float32
the benchmark stops if any output differs. Sources and targets have lengths like Multi30k's.

*Writing* is ``bert.generation.generate.generate``, and ``generate`` of theirs. Beams have no length penalty, and theirs
stops as ours does (``early_stopping="never"``). *A training step* is forward, loss, backward, clipping and AdamW, with
dropout 0.1. Theirs gets padded batches, as its collator makes them. Theirs runs with eager and with sdpa attention, of
which the faster counts.
"""

import itertools
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks.measuring import Turns, Work, memory_row, options, run_cases, speed_row, take_turns
from benchmarks.training_step import our_steps, their_steps
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.config import BertConfig
from bert.generation.batch import generation_batch
from bert.generation.config import EncoderDecoderConfig
from bert.generation.constraints import SpecialPieces
from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from bert.generation.model import BertForConditionalGeneration
from bert.heads.loss import IGNORE_INDEX
from bert.training.allocation import keep_freed_memory
from bert.training.precision import DTYPES, choose_precision

PAD, UNK, CLS, SEP, MASK = range(5)
LENGTH = 20  # pieces of each output
VOCABULARY = 8_000  # of the target
MEAN, DEVIATION, SHORTEST, LONGEST = 15, 4, 6, 40  # pieces of Multi30k's sentences, [CLS] and [SEP] included
PEERS = ("eager", "sdpa")
IMPORTS = (  # before anything is measured
    "transformers.models.bert.modeling_bert", "transformers.models.encoder_decoder", "bert.fast.attention",
    "bert.fast.largest",
)  # fmt: skip

_SCRATCH = BertConfig.of_size(4, 128, num_attention_heads=4, vocab_size=VOCABULARY)
_MINILM = BertConfig.of_size(6, 384, num_attention_heads=12)
SIZES = {
    "scratch": (_SCRATCH, _SCRATCH),
    "MiniLM": (_MINILM, _MINILM.replace(num_hidden_layers=3, vocab_size=VOCABULARY)),
}


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__)
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "bf16"), help="default: both if the device can")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    precisions = given.precisions or sorted({choose_precision("auto", device).name, "fp32"}, reverse=True)
    with tempfile.TemporaryDirectory() as folder:
        run_cases(_cases(precisions, Path(folder), device, given.seconds), given)


def _cases(
    precisions: list[str], folder: Path, device: torch.device, seconds: float
) -> dict[str, Callable[[str], list[dict]]]:
    """The cases by name, each with the function that measures it."""
    cases = {}
    for size in SIZES:
        for precision in precisions:
            shared = {"directory": folder / size, "precision": precision, "device": device, "seconds": seconds}
            for sources, beams in itertools.product((1, 32), (1, 4)):
                how = "greedy" if beams == 1 else f"{beams} beams"
                cases[f"{size}, writing, batch {sources}, {how}, {precision}"] = partial(
                    _writing, size=size, sources=sources, beams=beams, **shared
                )
            cases[f"{size}, training step, 32 pairs, {precision}"] = partial(_training, size=size, **shared)
    return cases


def save_initial(size: str, directory: Path) -> None:
    """A model of this size on disk, with BERT's initial weights. Saved once."""
    if not (directory / "config.json").exists():
        torch.manual_seed(0)
        save_checkpoint(directory, BertForConditionalGeneration(EncoderDecoderConfig(*SIZES[size], CLS, SEP, PAD)))


def save_talkative(size: str, directory: Path) -> None:
    """The same with weights so large that pieces clearly differ, and outputs that end when they may. Saved once."""
    if (directory / "config.json").exists():
        return
    torch.manual_seed(0)
    encoder, decoder = (each.replace(initializer_range=0.1) for each in SIZES[size])
    model = BertForConditionalGeneration(EncoderDecoderConfig(encoder, decoder, CLS, SEP, PAD))
    with torch.no_grad():
        model.decoder.head.bias[[PAD, UNK, CLS, MASK]] = -30.0  # theirs is not asked to forbid them, which takes time
        model.decoder.head.bias[SEP] = 30.0  # with 100 other probabilities would be subnormal numbers, which are slow
    save_checkpoint(directory, model)


def sentences(number: int, vocab_size: int, seed: int) -> list[np.ndarray]:
    """[CLS] random pieces [SEP], with lengths like Multi30k's."""
    generator = np.random.default_rng(seed)
    lengths = generator.normal(MEAN, DEVIATION, number).round().astype(int).clip(SHORTEST, LONGEST)
    return [np.array([CLS, *generator.integers(5, vocab_size, length - 2), SEP]) for length in lengths]


def padded(rows: list[np.ndarray], value: int = PAD) -> Tensor:
    """(rows, longest)"""
    return pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True, padding_value=value)


def their_model(peer: str, directory: Path) -> torch.nn.Module:
    """Theirs with the saved weights, and eager or sdpa attention."""
    import transformers  # only here: it takes seconds

    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    return transformers.EncoderDecoderModel.from_pretrained(directory, attn_implementation=peer)


# ---- writing ----


def make_writing(
    contestant: str, directory: Path, sources: int, beams: int, precision: str, device: torch.device
) -> Work:
    """Writes an output for each source: (sources, LENGTH)."""
    ours = contestant == "ours"
    model = load_checkpoint(directory, BertForConditionalGeneration) if ours else their_model(contestant, directory)
    model = model.eval().to(device, DTYPES[precision])
    input_ids = padded(sentences(sources, model.config.encoder.vocab_size, seed=1)).to(device)
    attention_mask = (input_ids != PAD).long()
    if ours:
        pieces = SpecialPieces(CLS, SEP, (PAD, UNK, CLS, MASK), VOCABULARY)
        penalty = None if beams == 1 else 0.0
        decoding = Decoding(max_length=LENGTH, min_length=LENGTH, beams=beams, length_penalty=penalty)
        return lambda: [output.ids for output in generate(model, input_ids, attention_mask, pieces, decoding)]
    settings = {} if beams == 1 else {"num_beams": beams, "length_penalty": 0.0, "early_stopping": "never"}

    def work() -> list[list[int]]:
        outputs = model.generate(
            input_ids, attention_mask=attention_mask, min_length=LENGTH + 1, max_length=LENGTH + 2, do_sample=False,
            **settings,
        )  # fmt: skip
        return outputs[:, 1 : LENGTH + 1].tolist()

    return work


def _writing(
    case: str, size: str, sources: int, beams: int, directory: Path, precision: str, device: torch.device,
    seconds: float,
) -> list[dict]:  # fmt: skip
    save_talkative(size, directory)
    makers = {
        name: partial(make_writing, name, directory, sources, beams, precision, device) for name in ("ours", *PEERS)
    }
    turns = take_turns(makers, device, seconds, IMPORTS)
    for name, each in turns.items():
        assert set(map(len, each.result)) == {LENGTH}, f"{case}: {name} wrote outputs of another length"
        same = np.mean([ours == theirs for ours, theirs in zip(turns["ours"].result, each.result)])
        assert same == 1 or precision != "fp32", f"{case}: {name} wrote {1 - same:.0%} other outputs"
    return _rows(case, precision, "pieces/s", turns, sources * LENGTH)


# ---- training ----


def make_training(contestant: str, directory: Path, precision: str, device: torch.device) -> Work:
    """Four updates, on 32 pairs each."""
    ours = contestant == "ours"
    model = load_checkpoint(directory, BertForConditionalGeneration) if ours else their_model(contestant, directory)
    batches = [
        (sentences(32, model.config.encoder.vocab_size, seed), sentences(32, VOCABULARY, 100 + seed))
        for seed in range(4)
    ]
    if ours:
        keep_freed_memory()  # as the scripts do
        types = [[np.zeros_like(row) for row in sources] for sources, _ in batches]
        its = [generation_batch(sources, zeros, targets) for (sources, targets), zeros in zip(batches, types)]
        return our_steps(model.to(device), its, precision, device)
    theirs = [
        {"input_ids": (ids := padded(sources)), "attention_mask": (ids != PAD).long(),
         "labels": padded([row[1:] for row in targets], IGNORE_INDEX)}
        for sources, targets in batches
    ]  # fmt: skip
    return their_steps(model.to(device), theirs, precision, device)


def _training(
    case: str, size: str, directory: Path, precision: str, device: torch.device, seconds: float
) -> list[dict]:
    directory = directory.with_name(f"{directory.name} to train")
    save_initial(size, directory)
    makers = {name: partial(make_training, name, directory, precision, device) for name in ("ours", *PEERS)}
    turns = take_turns(makers, device, seconds, IMPORTS)
    return _rows(case, precision, "pairs/s", turns, 4 * 32)


def _rows(case: str, precision: str, unit: str, turns: dict[str, Turns], amount: int) -> list[dict]:
    best = min(PEERS, key=lambda name: turns[name].median)
    medians = {name: each.median for name, each in turns.items()}
    return [
        speed_row(f"{case}; theirs {best}", precision, unit, turns["ours"], turns[best], amount, medians=medians),
        memory_row(case, precision, turns["ours"].peak, min(turns[peer].peak for peer in PEERS)),
    ]


if __name__ == "__main__":
    main()
