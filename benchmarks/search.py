"""Exact search in an index beside NumPy's and PyTorch's brute force, and beside a graph; in turns.

    python -m benchmarks.search --vectors 100000 --size 384

The vectors are random, in groups, as those of texts are. Each query is near one of them. An exact search reads every
vector, so its time is bytes over the memory's speed: GB/s tells how close it comes. Without usearch there is no graph.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bert.search.approximate import Graph, write_graph
from bert.search.exact import nearest
from bert.search.vectors import crc32_of, normalized, open_vectors

TOP = 10
GROUPS = 1_000
TOGETHER = 64  # queries of the last row
PART = 20_000  # vectors that are made at a time


def vectors_in_groups(count: int, size: int) -> np.ndarray:
    """(count, size) float32 of length 1: groups in a space of a tenth as many dimensions, and a little noise."""
    random = np.random.default_rng(0)
    directions, centers = random.standard_normal((size // 10, size)), random.standard_normal((GROUPS, size // 10))
    parts = []
    for start in range(0, count, PART):
        rows = min(PART, count - start)
        inner = centers[random.integers(GROUPS, size=rows)] + 0.7 * random.standard_normal((rows, size // 10))
        parts.append(normalized(inner @ directions + random.standard_normal((rows, size))))
    return np.concatenate(parts)


def contestants(vectors: np.ndarray, graph: Graph | None) -> dict[str, Callable[[np.ndarray], list[np.ndarray]]]:
    """Each takes (queries, size) and gives the numbers of the nearest vectors of each."""
    whole = np.array(vectors)
    as_tensor = torch.from_numpy(whole)

    def numpy_brute_force(queries: np.ndarray) -> list[np.ndarray]:
        found = []
        for scores in (whole @ queries.T).T:
            best = np.argpartition(scores, -TOP)[-TOP:]
            found.append(best[np.argsort(-scores[best])])
        return found

    def torch_brute_force(queries: np.ndarray) -> list[np.ndarray]:
        return [(as_tensor @ query).topk(TOP).indices.numpy() for query in torch.from_numpy(queries)]

    works: dict[str, Callable[[np.ndarray], list[np.ndarray]]] = {
        "ours, exact, mapped": lambda queries: [found.numbers for found in nearest(vectors, queries, TOP)],
        "NumPy, brute force": numpy_brute_force,
        "PyTorch, brute force": torch_brute_force,
    }
    if graph is not None:
        works["ours, a graph"] = lambda queries: [found.numbers for found in graph.nearest(queries, TOP)]
    return works


def measure(vectors: np.ndarray, graph: Graph | None, turns: int) -> list[str]:
    """Rows of a table. Each turn has a query of its own, which all contestants get."""
    random = np.random.default_rng(1)
    near = np.array(vectors[random.integers(len(vectors), size=turns + TOGETHER)])
    queries = normalized(near + 0.5 * random.standard_normal(near.shape) / np.sqrt(near.shape[1]))
    works = contestants(vectors, graph)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    hits = dict.fromkeys(works, 0)
    for work in works.values():
        work(queries[:1])  # warm
    for turn in range(turns):
        expected = {}
        for name, work in works.items():
            begin = time.perf_counter()
            (found,) = work(queries[turn : turn + 1])
            seconds[name].append(time.perf_counter() - begin)
            expected = expected or set(found.tolist())  # the first contestant is exact
            hits[name] += len(expected & set(found.tolist()))
    rows = []
    for name, of_turns in seconds.items():
        median = statistics.median(of_turns)
        middle = statistics.quantiles(of_turns, n=4)
        speed = "" if "graph" in name else f"{vectors.nbytes / median / 1e9:.1f}"
        rows.append(
            f"| {name} | {1e3 * median:.2f} ms | {1e3 * middle[0]:.2f}-{1e3 * middle[2]:.2f} | {speed} "
            f"| {hits[name] / TOP / turns:.3f} |"
        )
    begin = time.perf_counter()
    works["ours, exact, mapped"](queries[turns:])
    each = 1e3 * (time.perf_counter() - begin) / TOGETHER
    return [*rows, f"| ours, exact, {TOGETHER} queries at once | {each:.2f} ms each | | | 1.000 |"]


def main(arguments: list[str] | None = None) -> None:
    """Writes vectors and a graph to a temporary folder, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--turns", type=int, default=51, help="queries, one after another")
    parser.add_argument("--graph", action=argparse.BooleanOptionalAction, default=True, help="build one (minutes)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        made = vectors_in_groups(given.vectors, given.size)
        np.save(path, made)
        vectors = open_vectors(path, *made.shape, crc32_of(made), "run it again")
        graph = None
        if given.graph:
            begin = time.perf_counter()
            checksum = write_graph(Path(folder) / "graph", vectors)
            size = (Path(folder) / "graph").stat().st_size / 1e6
            print(f"the graph took {time.perf_counter() - begin:.0f} s and has {size:.0f} MB", flush=True)
            graph = Graph(Path(folder) / "graph", vectors, checksum, "run it again")
        print(
            f"{given.vectors:,} vectors of {given.size}, {made.nbytes / 1e6:.0f} MB; {torch.get_num_threads()} threads"
        )
        print("| | a query, median | middle half | GB/s | recall@10 |", "|---|---|---|---|---|", sep="\n")
        print(*measure(vectors, graph, given.turns), sep="\n")


if __name__ == "__main__":
    main()
