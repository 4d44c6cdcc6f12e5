"""The flags that several commands share.

PyTorch takes seconds to load, and --help should come at once. So nothing here imports it.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from bert.errors import InputError
from bert.tasks.options import LONG_TEXTS
from bert.training.flags import finite, positive, seed, whole


def add_reading_arguments(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """Which file and columns hold the texts, and how they become inputs. Defaults: the run's training settings.

    Args:
        optional: whether the command can do without a file.
    """
    forms = "texts: .tsv .csv .jsonl, or .txt with a text in each line; also .gz .xz .bz2"
    parser.add_argument("file", nargs="?" if optional else None, help=forms)
    parser.add_argument("--text-column", metavar="NAME", help="a column's name, or its number from 1")
    parser.add_argument("--text-pair-column", metavar="NAME", help="the column of the second texts, for pairs")
    parser.add_argument("--header", action=argparse.BooleanOptionalAction, help="the first row names the columns")
    add_length_arguments(parser, LONG_TEXTS)


def add_length_arguments(parser: argparse.ArgumentParser, long_texts: Sequence[str] = ()) -> None:
    """How texts become inputs, and which device reads them. Defaults: the run's training settings."""
    parser.add_argument("--max-length", type=int, metavar="N", help="most tokens of an input")
    if long_texts:
        parser.add_argument("--long-texts", choices=long_texts, help="how to shorten longer texts")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto: a GPU if there is one)"
    )


def add_eight_bits_argument(parser: argparse.ArgumentParser) -> None:
    """Whether the model computes in 8 bits."""
    parser.add_argument("--int8", action=argparse.BooleanOptionalAction, default=False, help="in 8 bits, on the CPU")


def device_of(given: argparse.Namespace) -> str:
    """The device that was asked for; with --int8 the CPU. Raises an InputError if --int8 should run on a GPU."""
    if given.int8 and given.device == "cuda":
        raise InputError("--int8 computes on the CPU, and --device cuda asks for a GPU; leave one of the two out")
    return "cpu" if given.int8 else given.device


def add_decoding_arguments(parser: argparse.ArgumentParser, may_sample: bool = True) -> argparse._ArgumentGroup:
    """How outputs are written. Defaults: the run's training settings.

    Args:
        may_sample: whether there is a flag that asks for random outputs.
    """
    group = parser.add_argument_group("decoding", "of runs that write")
    group.add_argument("--beams", type=positive, metavar="N", help="outputs side by side; 1: greedy")
    group.add_argument("--length-penalty", type=finite, metavar="X", help="of beams: how much long outputs gain")
    group.add_argument("--min-output", type=whole, metavar="N", help="the fewest pieces of an output")
    group.add_argument("--max-output", type=positive, metavar="N", help="the most pieces of an output")
    group.add_argument("--no-repeat-ngram", type=whole, metavar="N", help="no run of N pieces comes twice; 0: any may")
    if may_sample:
        group.add_argument("--sample", action=argparse.BooleanOptionalAction, help="draw pieces at random")
    group.add_argument("--temperature", type=finite, metavar="X", help="at random: below 1 probable pieces gain")
    group.add_argument("--top-p", type=finite, metavar="P", help="at random: only the most probable pieces, P in all")
    group.add_argument("--seed", type=seed, metavar="N", help="at random: the same one draws the same outputs")
    return group


def reading_given(given: argparse.Namespace) -> dict[str, Any]:
    """The reading settings; None for each that was not given."""
    names = (
        "text text_column text_pair_column word_column query_column header max_length long_texts summary_sentences "
        "null_threshold beams length_penalty min_output max_output no_repeat_ngram sample temperature top_p seed"
    )
    return {name: getattr(given, name, None) for name in names.split()}


def refuse_to_write_over_input(output: str | None, file: str) -> None:
    """Raises an InputError if the output is the input file."""
    if output is not None and os.path.exists(output) and os.path.exists(file) and os.path.samefile(output, file):
        raise InputError(f"{output} is the file of the texts, which would be lost; name another output")
