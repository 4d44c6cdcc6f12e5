"""The flags that both scripts share, and the kinds of numbers that flags take.

argparse returns only the flags that were given, so "not given" and "given as the default" differ.
"""

import argparse
import math

from bert.errors import InputError

LARGEST = 2**31 - 1  # the largest count that every library takes
MOST_WORKERS = 256  # more processes than that would only fill memory


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of the flags for the run's directory, its seed and its device. Its result holds only the flags given.

    Args:
        description: the script's docstring, with which ``--help`` begins.
    """
    parser = _Parser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    run = parser.add_argument_group("the run")
    run.add_argument("--output", metavar="DIR", type=name_of_directory, help="the run's directory")
    add_switch(run, "--resume", "continue the run in --output; flags keep their values unless given again")
    add_number(run, "--seed", seed, "the seed of all random numbers (0)")
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), help="the device (a GPU if there is one)")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Raises InputError for wrong flags, without the list of all flags."""
        raise InputError(f"{message}; --help explains the flags")


def add_switch(group: argparse._ActionsContainer, flag: str, meaning: str) -> None:
    """``--flag`` and ``--no-flag``."""
    group.add_argument(flag, action=argparse.BooleanOptionalAction, help=meaning)


def add_number(group: argparse._ActionsContainer, flag: str, kind, meaning: str) -> None:
    """A flag that takes a number of one kind: ``whole``, ``positive``, ``above_zero`` or ``probability``."""
    group.add_argument(flag, type=kind, metavar="N", help=meaning)


def add_training_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The flags for training. Returns their group, for the flags that a script adds."""
    training = parser.add_argument_group("training")
    add_number(training, "--max-steps", positive, "updates until the run ends, and its learning rate is 0")
    add_number(training, "--epochs", positive, "passes over the data, instead of --max-steps")
    add_number(training, "--batch-size", positive, "examples in an update, over all processes and micro-batches")
    add_number(training, "--accumulate", positive, "micro-batches in an update, to save memory (1)")
    add_number(training, "--max-length", positive, "tokens in an example, with special tokens (128)")
    add_number(training, "--learning-rate", above_zero, "the peak learning rate")
    add_number(training, "--warmup-steps", whole, "updates until the peak")
    training.add_argument(
        "--optimizer", choices=("bert-adamw", "adamw", "muon"),
        help="BERT's AdamW, without bias correction; torch's; or Muon for the layers' matrices and BERT's for the rest",
    )  # fmt: skip
    add_number(
        training, "--weight-decay", at_least_zero,
        "share of each weight, times the learning rate, that an update takes off; not of biases and LayerNorms",
    )  # fmt: skip
    training.add_argument(
        "--precision", choices=("auto", "fp32", "bf16", "fp16"), help="of matrix products (bf16 if it is fast here)"
    )
    add_switch(training, "--compile", "train with torch.compile")
    add_switch(
        training, "--plain", "run the equations as they are written, without faster kernels: slower, to try changes"
    )
    training.add_argument(
        "--shard", "--shard-optimizer", action=argparse.BooleanOptionalAction, dest="shard",
        help="share weights, gradients and optimizer state out among the processes (FSDP2), to save memory",
    )  # fmt: skip
    add_switch(training, "--recompute", "gradient checkpointing: compute each layer twice, to save memory")
    add_number(training, "--report-every", positive, "updates between lines of the log (50)")
    add_number(training, "--eval-every", positive, "updates between evaluations")
    add_number(training, "--checkpoint-every", positive, "updates between checkpoints")
    return training


def name_of_directory(text: str) -> str:
    """A name that is not empty. An unset shell variable would give an empty one."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; name a directory")
    return text


def whole(text: str, largest: int = LARGEST) -> int:
    """An integer from 0 to ``largest``."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    if number > largest:
        raise argparse.ArgumentTypeError(f"{text} is above {largest:,}")
    return number


def seed(text: str) -> int:
    """An integer of at least 0 that random generators take."""
    return whole(text, largest=2**63 - 1)


def positive(text: str) -> int:
    """An integer from 1 to LARGEST."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def workers(text: str) -> int:
    """A number of worker processes, from 1 to MOST_WORKERS."""
    number = positive(text)
    if number > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text} processes are too many; use at most {MOST_WORKERS}")
    return number


def finite(text: str) -> float:
    """A finite number."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def above_zero(text: str) -> float:
    """A finite number above 0."""
    number = finite(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def at_least_zero(text: str) -> float:
    """A finite number of at least 0."""
    number = finite(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def probability(text: str) -> float:
    """A number from 0 to below 1."""
    number = finite(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return number


def fraction(text: str) -> float:
    """A number above 0 and at most 1."""
    number = finite(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return number
