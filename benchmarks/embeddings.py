"""How good a checkpoint's vectors are as they are: documentation retrieval, and STS-B if its folder is named.

    python -m benchmarks.embeddings runs/pretrain
    python -m benchmarks.embeddings minilm/ runs/search --max-length 128 --stsb glue/STS-B --pools mean cls

Each checkpoint gives vectors by each pooling, without training. Words alone stand above them. Retrieval finds each of
the built-in search's 1,000 validation texts by its question (``finetuning/built_in_search.py``). STS-B is its dev set.
"""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.pooling import VECTOR_POOLS
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.task import Kind
from finetuning.built_in_search import search_sets
from finetuning.known_tasks import KNOWN_TASKS, find_file


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", metavar="DIR")
    parser.add_argument("--pools", nargs="+", choices=VECTOR_POOLS, default=["mean"])
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--stsb", metavar="DIR", help="STS-B's directory")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    sets = search_sets(print)
    measure(KINDS["retrieval"], sets["train"][1], sets["dev"][1], given)
    if given.stsb is not None:
        known, kind = KNOWN_TASKS["stsb"], KINDS["similarity"]
        assert known.columns is not None and known.dev is not None
        train, dev = (
            list(kind.read(find_file(given.stsb, file), known.columns, True)) for file in (known.train, known.dev)
        )
        measure(kind, train, dev, given)


def measure(kind: Kind, train: Sequence[Any], dev: Sequence[Any], given: argparse.Namespace) -> None:
    """Prints a row for words alone, and one for each checkpoint and pooling."""
    for name, predictions in rows(kind, train, dev, given):
        metrics = kind.measure(dev, predictions, (), Options(given.max_length), False).metrics
        print(f"| {name} | " + " | ".join(f"{key} {value:.4f}" for key, value in metrics.items()) + " |", flush=True)


def rows(
    kind: Kind, train: Sequence[Any], dev: Sequence[Any], given: argparse.Namespace
) -> Iterator[tuple[str, list[Any]]]:
    """(name, predictions for ``dev``) of words alone, then of each checkpoint and pooling."""
    options = Options(given.max_length)
    assert kind.baseline is not None
    baseline = kind.baseline(train, (), options)
    yield baseline.name, list(map(baseline.guess, dev))
    for checkpoint in given.checkpoints:
        windows = kind.inputs(load_tokenizer(checkpoint), dev, options, "").windows
        for pool in given.pools:
            yield (
                f"{checkpoint}, {pool}",
                kind.predict(load_checkpoint(checkpoint, kind.head, pool=pool), windows, options),
            )


if __name__ == "__main__":
    main()
