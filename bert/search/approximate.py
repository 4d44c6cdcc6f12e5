"""The nearest vectors, approximately: a graph of neighbours leads to most of them, and few vectors are compared.

The graph is HNSW (Malkov and Yashunin 2016), of the library usearch: an extra, imported here alone. It holds the
vectors in bfloat16, so its file has half their size. What it finds is compared again with the exact vectors.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from bert.errors import InputError
from bert.files.reading import require_file
from bert.files.whole import atomic_file
from bert.search.exact import Found, cosines_of, nearest

BLOCK = 1 << 14  # vectors
AT_ONCE = 64  # candidates that a search keeps: usearch's expansion
SAMPLE = 200  # queries by which recall is measured


def graph_name(texts: int) -> str:
    """The name of the graph's file. Another number of texts has another file, so that none replaces one in use."""
    return f"graph-{texts}.usearch"


def library() -> Any:
    """The class of usearch. Raises an InputError if it is not installed."""
    try:
        from usearch.index import Index
    except ImportError:
        raise InputError(
            "approximate search needs the library usearch, which is not installed; pip install 'usearch>=2.20,<3', or "
            "leave --approximate out"
        ) from None
    return Index


def write_graph(path: str | Path, vectors: np.ndarray) -> int:
    """Builds the graph of (rows, size) vectors and writes it. Returns the file's CRC-32."""
    graph = library()(ndim=vectors.shape[1], metric="ip", dtype="bf16", expansion_search=AT_ONCE)
    for start in range(0, len(vectors), BLOCK):
        rows = np.array(vectors[start : start + BLOCK])
        graph.add(np.arange(start, start + len(rows)), rows)
    content = graph.save()
    with atomic_file(path) as file:
        file.write(content)
    return zlib.crc32(content)


class Graph:
    """A graph in a file, which is mapped.

    Args:
        vectors: of which it was built.
        checksum: the CRC-32 of its bytes.
        remedy: what to do if the file is damaged, for the message.

    Raises:
        InputError: if usearch is not installed, or the file is damaged.
    """

    def __init__(self, path: Path, vectors: np.ndarray, checksum: int, remedy: str):
        index = library()
        require_file(path)
        crc = zlib.crc32(np.memmap(path, np.uint8, "r").data) if path.stat().st_size else 0
        if crc != checksum:  # before the library reads it
            raise InputError(f"{path}: is damaged (it does not have the checksum in index.json); {remedy}")
        try:
            self.graph, self.vectors = index.restore(str(path), view=True), vectors
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{path}: is no graph of usearch ({error}); {remedy}") from error
        if self.graph is None or (len(self.graph), self.graph.ndim) != vectors.shape:
            raise InputError(f"{path}: is no graph of these {len(vectors):,} vectors; {remedy}")
        self.graph.expansion_search = AT_ONCE

    def nearest(self, queries: np.ndarray, top: int) -> list[Found]:
        """Most of the nearest vectors of each query: as ``exact.nearest``, but for some that the graph misses."""
        found = []
        for query in queries:
            numbers = np.sort(self.graph.search(query, min(top, len(self.vectors))).keys.astype(np.int64))
            cosines = cosines_of(self.vectors[numbers], query)
            order = np.lexsort((numbers, -cosines))
            found.append(Found(numbers[order], cosines[order]))
        return found

    def recall(self, top: int = 10) -> float:
        """The share of the ``top`` nearest vectors that the graph finds, for vectors of the index as queries.

        A vector does not count as its own neighbour. One that is as near as the last of the nearest counts as found.
        """
        chosen = np.linspace(0, len(self.vectors) - 1, min(SAMPLE, len(self.vectors))).astype(np.int64)
        queries = np.array(self.vectors[chosen])
        hits = wanted = 0
        for query, exact, found in zip(chosen, nearest(self.vectors, queries, top + 1), self.nearest(queries, top + 1)):
            scores, of_graph = (each.scores[each.numbers != query][:top] for each in (exact, found))
            hits += (of_graph >= scores.min(initial=1)).sum()
            wanted += len(scores)
        return float(hits / max(wanted, 1))
