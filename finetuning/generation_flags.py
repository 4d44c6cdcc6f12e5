"""The flags of ``--problem generation``: the decoder's start, its vocabulary, and how it writes."""

import argparse
import os
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

from bert.commands.writing import in_flags
from bert.config import BertConfig
from bert.errors import InputError
from bert.generation.decoding import Decoding
from bert.generation.directory import has_decoder
from bert.generation.starts import STARTS
from bert.tasks.bleu import check_installed
from bert.tasks.generation.measure import BLEU
from bert.tasks.generation.read import has_columns, is_dialogues
from bert.tasks.options import HISTORY
from bert.training import flags
from bert.training.flags import add_number

SIZES = {
    "tiny": BertConfig.tiny, "mini": BertConfig.mini, "small": BertConfig.small, "medium": BertConfig.medium,
    "base": BertConfig.base, "large": BertConfig.large,
}  # fmt: skip
SAME, LEARN = "same", "learn"  # the target's vocabulary: the source's, or learned from the targets
TOKENIZERS = ("sentencepiece", "wordpiece")
VOCAB_SIZE = 8_000
BATCH_TOKENS = 4_096  # as in many recipes for small Transformers
LEAST_TARGET = 3  # [CLS], a piece and [SEP]


@dataclass(frozen=True)
class GenerationSettings:
    """The settings of ``--problem generation``, one for each flag; None: it depends on the others."""

    train_targets: str | None = None
    dev_targets: str | None = None
    test_targets: str | None = None
    history: int | None = None
    initialization: str | None = None
    size: str | None = None
    decoder_checkpoint: str | None = None
    decoder_layers: int | None = None
    vocab: str | None = None
    target_vocab: str | None = None
    vocab_size: int | None = None
    tokenizer: str | None = None
    max_target_length: int | None = None
    label_smoothing: float = 0.1
    taken_over_rate: float = 0.1
    batch_tokens: int | None = None
    beams: int = 4
    length_penalty: float | None = None
    min_output: int = 0
    max_output: int | None = None
    no_repeat_ngram: int = 0


# New weights need larger learning rates, and more passes, than BERT's own for fine-tuning.
RECIPE = {"learning_rate": 1e-3, "epochs": 10, "batch_tokens": BATCH_TOKENS, "optimizer": "adamw"}
# The built-in summaries from the first command's checkpoint, in ten minutes. It is small, so it may move fast; its text
# is the sources' own, so a shared decoder starts ahead; and it was trained on sequences of at most 64 tokens.
BUILT_IN_RECIPE = {
    "initialization": "share", "learning_rate": 2e-3, "taken_over_rate": 0.5, "epochs": 6, "batch_tokens": 2_048,
    "dropout": 0.1, "max_length": 64, "min_output": 10, "no_repeat_ngram": 3,
}  # fmt: skip


def generation_defaults(given: dict[str, Any], defaults: Any) -> Any:
    """The defaults of a generation run, which depend on the flags given.

    Without a --checkpoint, a run on files starts from scratch; the built-in pairs start from the first command's. A
    checkpoint that has a decoder goes on with it.

    Raises an InputError if another flag names the run that goes on.
    """
    if given.get("continue_from") is not None:
        raise InputError("--continue-from: in generation a run is the --checkpoint of the next one; name it there")
    start, built_in = "scratch", not given.keys() & {"train", "resume"}
    if built_in or given.keys() & {"checkpoint", "decoder_checkpoint"}:
        start = "whole" if has_decoder(given.get("checkpoint", defaults.checkpoint)) else "bert2rnd"
    recipe = dict(RECIPE, initialization=start)
    if built_in and "checkpoint" not in given:
        recipe |= BUILT_IN_RECIPE
    if "batch_size" in given and "batch_tokens" not in given:
        recipe["batch_tokens"] = None
    return replace(defaults, compare=False, **recipe)


def check_generation_flags(given: Set[str], settings: Any) -> None:
    """Checks the flags about generation. Raises InputError if two contradict each other, or one has no use."""
    for part in ("train", "dev", "test"):
        if getattr(settings, f"{part}_targets") is not None and getattr(settings, part) is None:
            raise InputError(f"--{part}-targets has the targets of --{part}: name the file of the sources, too")
    if settings.problem != "generation":
        return
    scratch = settings.initialization == "scratch"
    if scratch and "checkpoint" in given:
        raise InputError(
            "--initialization scratch trains new weights, and --checkpoint names others; leave one of them out"
        )
    for name in ("size", "vocab"):
        if not scratch and name in given:
            raise InputError(
                f"--{name.replace('_', '-')}: the start {settings.initialization} takes it from the checkpoint; leave "
                f"it out, or leave --checkpoint out to start from scratch"
            )
    if scratch and "taken_over_rate" in given:
        raise InputError("--taken-over-rate is about a checkpoint's weights; name one, --checkpoint, or leave it out")
    if "decoder_checkpoint" in given and settings.initialization != "bert2bert":
        raise InputError(
            "--decoder-checkpoint needs --initialization bert2bert, which alone takes a decoder from a checkpoint"
        )
    for name in ("target_vocab", "decoder_layers"):
        if name in given and settings.initialization == "whole":
            raise InputError(
                f"--{name.replace('_', '-')}: the model in {settings.checkpoint} has a decoder, which goes on as it "
                f"is; leave it out, or begin a new decoder: --initialization bert2rnd"
            )
    if "decoder_layers" in given and settings.initialization in ("bert2bert", "share"):
        raise InputError(
            f"--decoder-layers: with --initialization {settings.initialization} the checkpoint has them; leave it out"
        )
    if settings.initialization == "share" and settings.target_vocab not in (None, SAME):
        raise InputError("--initialization share has one vocabulary for source and target: leave --target-vocab out")
    learns = (scratch and settings.vocab is None) or settings.target_vocab == LEARN
    for name in ("vocab_size", "tokenizer"):
        if name in given and not learns:
            raise InputError(
                f"--{name.replace('_', '-')} is about a vocabulary that is learned; leave it out, or --target-vocab "
                f"{LEARN}"
            )
    if {"batch_size", "batch_tokens"} <= given:
        raise InputError("--batch-size counts pairs and --batch-tokens their tokens; give one of them")
    for name, what in (
        ("adapt", "adapters around a decoder are not built"),
        ("random_start", "--initialization scratch trains new weights"),
        ("compare", "--initialization scratch, beside it, shows what a checkpoint is worth"),
        ("reinitialize_layers", "it is about an encoder's top layers"), ("fresh", "--initialization says what is new"),
    ):  # fmt: skip
        if name in given and getattr(settings, name):
            raise InputError(f"--{name.replace('_', '-')}: in generation {what}; leave it out")
    if settings.layer_decay != 1:
        raise InputError("--layer-decay: generation has two learning rates, see --taken-over-rate; leave it out")
    _check_form(given, settings.train)
    if settings.metric in BLEU:
        check_installed()
    if (length := target_length(settings)) < LEAST_TARGET:
        flag = "--max-length" if settings.max_target_length is None else "--max-target-length"
        raise InputError(f"{flag} {length}: [CLS], one piece and [SEP] alone take {LEAST_TARGET}; raise it")
    decoding_of(settings)


def _check_form(given: Set[str], train: str | None) -> None:
    """Raises InputError if a flag is about another form of file than the training file has."""
    if train is None or not os.path.isfile(train):  # reading says that it is not there
        return
    if "history" in given and not is_dialogues(train):
        raise InputError(f"--history is about dialogues, and {train} holds none; leave it out")
    for name in ("text_column", "label_column", "header"):
        if name in given and not has_columns(train):
            raise InputError(
                f"--{name.replace('_', '-')} is about the columns of a table, and {train} is no table; leave it out"
            )


def decoding_of(settings: Any, positions: int | None = None) -> Decoding:
    """How the report's outputs are written.

    Args:
        positions: of the decoder, if they are known.

    Raises:
        InputError: if flags contradict each other, or the decoder cannot write such a length.
    """
    try:
        decoding = Decoding(
            max_length=settings.max_output or target_length(settings) - 1,
            min_length=settings.min_output,
            no_repeat_ngram=settings.no_repeat_ngram,
            beams=settings.beams,
            length_penalty=settings.length_penalty,
        )
        if positions is not None:
            decoding.check_positions(positions)
    except InputError as error:
        raise InputError(in_flags(str(error))) from None
    return decoding


def target_length(settings: Any) -> int:
    """The most tokens of a target, [CLS] and [SEP] included."""
    return settings.max_target_length or settings.max_length


class OneOrTwo(argparse.Action):
    """A file, or two: the second one has the targets of the first one's lines."""

    def __call__(self, parser, namespace, values, option_string=None):
        if len(values) > 2:
            raise argparse.ArgumentError(
                self, f"takes one file, or a file of sources and one of targets; found {len(values)}"
            )
        setattr(namespace, self.dest, values[0])
        if len(values) == 2:
            setattr(namespace, f"{self.dest}_targets", values[1])


def add_generation_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``--problem generation``."""
    group = parser.add_argument_group("generation: a decoder writes a target for a source")
    for part in ("train", "dev", "test"):
        group.add_argument(
            f"--{part}-targets", metavar="FILE", help=f"a target in each line, as the second file after --{part}"
        )
    add_number(group, "--history", flags.positive, f"of a dialogue: the turns before a reply that it sees ({HISTORY})")
    group.add_argument(
        "--initialization", choices=STARTS,
        help="new weights (scratch), or a checkpoint's encoder with a new decoder, one of its own layers, or one that "
        "shares its weights; or the whole model of a run (that if the checkpoint has a decoder, else bert2rnd; scratch "
        "without one)",
    )  # fmt: skip
    group.add_argument("--size", choices=tuple(SIZES), help="of encoder and decoder, from scratch (tiny)")
    group.add_argument("--decoder-checkpoint", metavar="DIR", help="another one for the decoder, with bert2bert")
    add_number(group, "--decoder-layers", flags.positive, "layers of a new decoder (as many as the encoder's)")
    group.add_argument("--vocab", metavar="PATH", help="from scratch: a vocabulary's file, or its directory (learned)")
    group.add_argument(
        "--target-vocab", metavar="PATH", help=f"the target's: '{SAME}' as the source's, '{LEARN}', or a path ({SAME})"
    )
    add_number(group, "--vocab-size", flags.positive, f"pieces of a vocabulary that is learned ({VOCAB_SIZE:,})")
    group.add_argument("--tokenizer", choices=TOKENIZERS, help=f"the kind of a learned vocabulary ({TOKENIZERS[0]})")
    add_number(group, "--max-target-length", flags.positive, "tokens of a target, special ones too (--max-length)")
    add_number(group, "--label-smoothing", flags.probability, "how much of a label goes to all pieces alike (0.1)")
    add_number(group, "--taken-over-rate", flags.above_zero, "learning rate of a checkpoint's weights, as a part (0.1)")
    add_number(
        group, "--batch-tokens", flags.positive, f"tokens of an update, instead of --batch-size ({BATCH_TOKENS:,})"
    )
    add_number(group, "--beams", flags.positive, "outputs side by side, for the report and for generate (4)")
    group.add_argument("--length-penalty", type=flags.finite, metavar="X", help="how much long outputs gain (0.6)")
    add_number(group, "--min-output", flags.whole, "the fewest pieces of an output (0)")
    add_number(group, "--max-output", flags.positive, "the most pieces of an output (--max-target-length)")
    add_number(group, "--no-repeat-ngram", flags.whole, "no run of N pieces comes twice in an output (0: any may)")
