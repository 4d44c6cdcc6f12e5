"""``--problem similarity`` and ``--problem retrieval``: their flags, and what they change of the recipe."""

import argparse
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Any

from bert.errors import InputError
from bert.heads.embedding import TEMPERATURE
from bert.heads.pooling import POOLS
from bert.tasks.kinds import VECTOR
from bert.tasks.task import Kind
from bert.training.flags import add_switch

# The built-in search from the first command's checkpoint, in a few minutes. The checkpoint is small, so it may move
# fast, and it was trained on sequences of at most 64 tokens. A larger batch has more negatives. After two or three
# epochs the training texts are known by heart.
BUILT_IN_RECIPE = {"learning_rate": 5e-4, "epochs": 3, "batch_size": 128, "max_length": 64, "compare": False}


@dataclass(frozen=True)
class VectorSettings:
    """The settings of a model that gives each text a vector."""

    query_column: str | None = None
    negatives_column: str | None = None
    normalize: bool = True


def makes_vectors(kind: Kind) -> bool:
    """Whether models of this kind give each text a vector."""
    return kind.flags >= VECTOR


def vector_defaults(given: dict[str, Any], defaults: Any, built_in: bool) -> Any:
    """The defaults of such a run.

    Args:
        built_in: whether no file is named.
    """
    defaults = replace(defaults, pool="mean", temperature=TEMPERATURE)
    if built_in and "checkpoint" not in given:
        return replace(defaults, **BUILT_IN_RECIPE)
    return replace(defaults, compare=False)


def check_vector_flags(given: Set[str], settings: Any, kind: Kind) -> None:
    """Checks the flags about vectors. Raises InputError if two contradict each other."""
    if not makes_vectors(kind):
        if settings.pool not in POOLS:
            raise InputError(f"--pool {settings.pool}: a classifier reads one of {', '.join(POOLS)}; give one of them")
        return
    if settings.accumulate > 1 and settings.problem == "retrieval":
        raise InputError(
            f"--accumulate {settings.accumulate}: in retrieval the texts of a whole batch are each query's negatives, "
            f"so it must be computed at once; leave it out, and give a smaller --batch-size or --recompute"
        )
    if settings.problem == "retrieval" and settings.batch_size < 2:
        raise InputError("--batch-size 1: a query has no other query's text as a negative; give 2 or more")


def add_vector_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``--problem similarity`` and ``--problem retrieval``."""
    group = parser.add_argument_group("similarity and retrieval: a vector for each text")
    group.add_argument("--query-column", metavar="NAME", help="for retrieval: the queries' column (query)")
    group.add_argument(
        "--negatives-column", metavar="NAME",
        help="texts that do not answer the query: a column, or a list in JSON lines (negatives, in JSON lines)",
    )  # fmt: skip
    add_switch(group, "--normalize", "embed and index give vectors of length 1 (they do)")
