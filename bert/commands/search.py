"""``python -m bert search``: the texts of an index whose vectors are nearest to a query's."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import torch

from bert.commands.embed import Embedder, recipe_of
from bert.commands.index import check_made_by, note_cut
from bert.errors import InputError
from bert.files.tables import tsv_line
from bert.search.exact import Found
from bert.search.index import Index
from bert.search.texts import Record
from bert.search.vectors import normalized
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import LONG_TEXTS, Columns, Options

QUERIES_AT_A_TIME = 256
PROMPTS = ("query",)


class Hit(NamedTuple):
    """A text that was found."""

    number: int  # in the index, from 1
    score: float  # the cosine
    record: Record


def load_model_of(index: Index, model: str | None = None, device: str | torch.device = "cpu") -> Embedder:
    """The model that made an index.

    Args:
        model: its directory; None: as it was named when the index was made.

    Raises:
        InputError: if it is not there, or is another model.
    """
    said = index.description
    run = said.model if model is None else model
    if not os.path.isdir(run):
        raise InputError(
            f"{index.directory}: its model is {run}, and there is no such directory (seen from {Path.cwd()}); name it "
            f"with --model"
        )
    recipe = recipe_of(run, {"max_length": said.max_length}, said.pooling)
    embedder = recipe.load(Options(said.max_length, said.long_texts), device)
    check_made_by(index, embedder, run)
    longest = recipe.source.config().max_position_embeddings
    if said.long_texts not in LONG_TEXTS or said.max_length > longest:
        raise InputError(
            f"{index.directory}: its max_length is {said.max_length} and its long_texts {said.long_texts[:80]!r}; at "
            f"most {longest} and one of {', '.join(LONG_TEXTS)} were expected; make the index again"
        )
    return embedder


def search(
    index: Index,
    embedder: Embedder,
    queries: Iterable[Example],
    top: int,
    log: Callable[[str], None] = lambda sentence: None,
    source: str = "query",
) -> Iterator[tuple[str, list[Hit]]]:
    """(query, what it finds) of each query, in order.

    Args:
        log: takes a note on queries that were cut.
        source: of the queries, for messages: a query's number or line follows.

    Raises:
        InputError: if a query is blank.
    """
    queries, cut = iter(queries), []
    while some := list(islice(queries, QUERIES_AT_A_TIME)):
        for query in some:
            if not query.first.strip():
                raise InputError(f"{source} {query.line}: is empty; write what to look for")
        vectors = normalized(np.stack(list(embedder(some, prompts=PROMPTS, cut=cut.append))))
        for query, found in zip(some, index.nearest(vectors, top)):
            yield query.first, hits_of(index, found)
    note_cut(sum(cut), "queries", embedder, log)


def read_queries(texts: list[str], path: str | None, given: dict[str, Any]) -> Iterator[Example]:
    """The queries: texts, or those of a file."""
    if path is None:
        return (Example(number, text, None, None) for number, text in enumerate(texts, start=1))
    header = given.get("header")
    columns = Columns(text=given.get("text_column") or "text", header=True if header is None else header)
    return read_examples(path, columns, labelled=False)


def hits_of(index: Index, found: Found) -> list[Hit]:
    """What was found, with its texts."""
    return [Hit(int(number) + 1, float(score), index.texts[int(number)]) for number, score in zip(*found)]


def write_hits(file: IO[bytes], hits: list[Hit], query: str | None = None, as_json: bool = False) -> None:
    """Writes a line for each hit: score, number, place and text, between tabs. Or one line of JSON for all of them.

    Args:
        query: stands before them; None: there is but one.
    """
    if as_json:
        found = [{"score": hit.score, "number": hit.number, **hit.record._asdict()} for hit in hits]
        content = ({} if query is None else {"query": query}) | {"found": found}
        file.write((json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
        return
    if query is not None:
        file.write(f"{' '.join(query.split())}\n".encode("utf-8", "backslashreplace"))
    for hit in hits:
        line = tsv_line((f"{hit.score:.4f}", hit.number, hit.record.place, hit.record.text))
        if sys.stdout.isatty():
            line = _shortened(line, shutil.get_terminal_size().columns)
        file.write(line.encode("utf-8", "backslashreplace"))


def _shortened(line: str, width: int) -> str:
    """A line that fits into a terminal, in which a tab may take 8 columns."""
    room = max(width - 8 * line.count("\t"), 20)
    return line if len(line) <= room else f"{line[: room - 4]} ...\n"
