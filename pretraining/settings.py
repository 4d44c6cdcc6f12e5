"""What a run of pretraining is told: the flags, and the recipe of each size for what no flag says."""

import argparse
import os
from pathlib import Path
from types import SimpleNamespace

from bert.config import BertConfig
from bert.errors import InputError
from bert.training import arguments
from bert.training.arguments import (
    SHARED_DEFAULTS,
    SHARED_MAY_CHANGE,
    above_zero,
    add_number,
    add_switch,
    over,
    positive,
    probability,
    refuse_file,
    settings_of_run,
)
from data.pretraining.sentence_pairs import check_max_length

# The paper's recipe (section 3.1 and appendix A.2), sequences of 128 tokens: the first of its two phases.
PAPER = {
    "vocab_size": 30_522, "max_length": 128, "batch_size": 256, "learning_rate": 1e-4, "max_steps": 1_000_000,
    "dropout": 0.1, "initializer_range": 0.02, "sinusoidal_start": False,
}  # fmt: skip
# What a run does where no flag says otherwise. The smaller the model, the larger the learning rate that it stands, and
# the shorter the run that is worth its while. The two smallest depart from the paper further, for runs of minutes or
# hours: no dropout, which costs time (Geiping & Goldstein 2022); larger initial weights, since 0.02 goes with the width
# of BERT-base, and 0.02 * sqrt(768 / 128) = 0.05 gives the layers of tiny outputs of the same size; and position
# embeddings that start as sinusoids: 0.08 nats better after 1,000 steps of tiny (training loss, one run each).
# The preset "fast" departs from the paper as well: a random number for each of (seq, seq) attention weights costs a GPU
# time, and its newer attention kernels have no dropout.
# Only tiny's recipe was run to its end; those of mini, small and medium are a place to start from.
RECIPES = {
    "tiny": PAPER | {
        "vocab_size": 6_000, "max_length": 64, "batch_size": 32, "learning_rate": 2e-3, "max_steps": 9_500,
        "dropout": 0.0, "initializer_range": 0.05, "sinusoidal_start": True,
    },
    "mini": PAPER | {
        "vocab_size": 16_000, "batch_size": 64, "learning_rate": 1e-3, "max_steps": 20_000,
        "dropout": 0.0, "initializer_range": 0.035, "sinusoidal_start": True,
    },
    "small": PAPER | {"batch_size": 128, "learning_rate": 5e-4, "max_steps": 100_000},
    "medium": PAPER | {"learning_rate": 3e-4, "max_steps": 250_000},
    "base": PAPER,
    "large": PAPER,
}  # fmt: skip
DEFAULTS = {
    "output": "runs/pretrain", "size": "tiny", "corpus": None, "document_per_line": False,
    "encoding_errors": "strict", "tokenizer": "wordpiece", "vocab": None, "cased": False, "shards": None,
    "workers": None, "nsp": True, "preset": "faithful", "whole_word_masking": False, "max_minutes": None,
    "eval_every": 1_000, "eval_examples": 1_000, "checkpoint_every": 1_000, "plan": None,
}  # fmt: skip
MAY_CHANGE = {"workers", "shards", "max_minutes", "eval_examples", "plan"}  # in a resumed run, beside the shared


def read_settings(command_line: list[str] | None, description: str | None = None) -> SimpleNamespace:
    """The run's settings: the flags given, over those of the run that is resumed, over its size's recipe.

    Args:
        description: what ``--help`` says before the flags: the script's docstring.

    Raises:
        InputError: where they do not go together, or the run's directory holds another run.
    """
    parser = make_parser(description)
    given = vars(parser.parse_args(command_line))
    defaults = SHARED_DEFAULTS | DEFAULTS | RECIPES[given.get("size", DEFAULTS["size"])]
    if "plan" in given and not given.get("resume"):
        settings = over(defaults, given)  # nothing is written, so that it does not matter what is in --output
    else:
        settings = settings_of_run(given, defaults, SHARED_MAY_CHANGE | MAY_CHANGE, parser, own_flag="size")
    if settings["vocab"] is not None:
        for name in sorted({"cased", "tokenizer", "vocab_size"} & given.keys()):
            if name != "cased" or not os.path.isfile(settings["vocab"]) or settings["vocab"].endswith(".model"):
                raise InputError(
                    f"--{name.replace('_', '-')}: it would change nothing, since --vocab names what there is already; "
                    f"leave one of the two out"
                )
    if settings["shards"] is not None:
        refuse_file(Path(settings["shards"]))
    check_max_length(settings["max_length"])
    longest = BertConfig().max_position_embeddings
    if settings["max_length"] > longest:
        raise InputError(
            f"--max-length {settings['max_length']} is above the {longest} positions that BERT has embeddings for "
            f"(max_position_embeddings); use at most {longest}"
        )
    if settings["workers"] is None:
        settings["workers"] = min(8, os.cpu_count() or 1)
    return SimpleNamespace(**settings)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The flags."""
    parser = arguments.make_parser(description)
    arguments.add_run_arguments(parser)

    text = parser.add_argument_group("text")
    text.add_argument(
        "--corpus", nargs="+", action="extend", metavar="FILE", help="text, also .gz .xz .bz2 (Python's documentation)"
    )
    add_switch(text, "--document-per-line", "a line is a document; else a sentence, and a blank line ends a document")
    text.add_argument("--encoding-errors", choices=("strict", "replace"), help="about bytes that are not UTF-8")
    text.add_argument("--tokenizer", choices=("wordpiece", "sentencepiece"), help="what to learn (wordpiece)")
    text.add_argument("--vocab", metavar="FILE", help="a vocab.txt, a .model or a run (one is learned from the corpus)")
    add_number(text, "--vocab-size", positive, "pieces to learn where there is no --vocab (by size)")
    add_switch(text, "--cased", "keep upper case and accents (lower-cased)")
    text.add_argument("--shards", metavar="DIR", help="where the tokenized corpus is, or is put (OUTPUT/shards)")
    add_number(text, "--workers", positive, "processes that tokenize the corpus (one per core, at most 8)")

    model = parser.add_argument_group("model and tasks")
    model.add_argument("--size", choices=tuple(RECIPES), help="the model's size, with the recipe for it (tiny)")
    add_number(model, "--dropout", probability, "of hidden states and attention weights (by size)")
    model.add_argument(
        "--preset", choices=("faithful", "fast"),
        help="fast: no dropout of attention weights; faithful: dropout wherever the paper has it (faithful)",
    )  # fmt: skip
    add_number(model, "--initializer-range", above_zero, "standard deviation of the initial weights (by size)")
    add_switch(model, "--sinusoidal-start", "position embeddings start as sinusoids, not random (by size)")
    add_switch(model, "--nsp", "next sentence prediction beside the masked language model (on)")
    add_switch(model, "--whole-word-masking", "mask all pieces of a word together")

    training = arguments.add_training_arguments(parser)
    add_number(training, "--max-minutes", above_zero, "stop training after this time, ready to --resume")
    training.add_argument(
        "--plan", nargs="?", type=positive, const=0, metavar="N",
        help="print what this run needs and how long it takes, on N processes (as many as there are), and do not train",
    )  # fmt: skip
    add_number(training, "--eval-examples", positive, "held-out examples in an evaluation, at most (1,000)")
    return parser
