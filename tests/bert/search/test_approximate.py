"""The graph finds most of the nearest vectors, and gives their exact cosines."""

import sys
import zlib

import numpy as np
import pytest

from bert.errors import InputError
from bert.search.approximate import Graph
from bert.search.description import Maker
from bert.search.exact import nearest
from bert.search.index import Index
from bert.search.texts import Record
from bert.search.write import write_index

MAKER = Maker("model", "abc", None, 16, "head")


def texts_like(count: int) -> np.ndarray:
    """Vectors in groups, as texts' vectors are."""
    random = np.random.default_rng(0)
    vectors = random.standard_normal((40, 24))[random.integers(0, 40, count)]
    return (vectors + 0.5 * random.standard_normal((count, 24))).astype(np.float32)


def written(directory, vectors, old=None, graph=True):
    items = ((Record("a", number, f"text {number}"), vector) for number, vector in enumerate(vectors))
    return write_index(directory, MAKER, vectors.shape[1], items, old, graph)


@pytest.mark.peers
def test_it_finds_most_of_the_nearest_with_their_exact_cosines(tmp_path):
    pytest.importorskip("usearch")
    written(tmp_path / "index", texts_like(2000))
    index, exact = Index(tmp_path / "index", approximate=True), Index(tmp_path / "index")
    queries = np.array(index.vectors[::97])
    hits = 0
    for found, expected in zip(index.nearest(queries, 10), exact.nearest(queries, 10), strict=True):
        cosine_of = dict(zip(*nearest(index.vectors, queries, 2000)[0])) if hits == 0 else {}
        common = set(found.numbers.tolist()) & set(expected.numbers.tolist())
        hits += len(common)
        assert all(cosine_of.get(number, score) == score for number, score in zip(*found))
        assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert hits / (10 * len(queries)) > 0.9
    assert index.graph.recall() > 0.9
    assert index.recall_in_words().startswith("approximate search finds 9") or index.graph.recall() == 1
    found = index.nearest(queries[:1], 5000)[0]  # more than there are
    assert 1900 < len(found.numbers) <= 2000


@pytest.mark.peers
def test_another_number_of_texts_has_another_graph_and_a_damaged_one_is_refused(tmp_path):
    pytest.importorskip("usearch")
    vectors = texts_like(60)
    written(tmp_path / "index", vectors[:50])
    written(tmp_path / "index", vectors[50:], old=Index(tmp_path / "index"))
    assert [path.name for path in (tmp_path / "index").glob("graph*")] == ["graph-60.usearch"]
    assert Index(tmp_path / "index", approximate=True).nearest(vectors[:1], 60)[0].numbers.max() == 59
    path = tmp_path / "index" / "graph-60.usearch"
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[:-1], content[:500] + b"x" + content[501:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="does not have the checksum"):
            Index(tmp_path / "index", approximate=True)
    path.write_bytes(b"no graph" * 9)
    with pytest.raises(InputError, match="is no graph of usearch"):  # though somebody made the checksum fit
        Graph(path, vectors, zlib.crc32(path.read_bytes()), "remedy")
    assert len(Index(tmp_path / "index").texts) == 60  # exact search does not need it


def test_without_a_graph_or_the_library_a_sentence_says_so(tmp_path, monkeypatch):
    written(tmp_path / "index", texts_like(9), graph=False)
    with pytest.raises(InputError, match="has no graph for approximate search"):
        Index(tmp_path / "index", approximate=True)
    for module in ("usearch", "usearch.index"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(InputError, match="needs the library usearch"):
        written(tmp_path / "other", texts_like(9))
