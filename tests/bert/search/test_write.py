"""An index is written whole or not at all, read as it was written, and never believed if it is damaged."""

import json

import numpy as np
import pytest

from bert.errors import InputError
from bert.search import write
from bert.search.description import Maker
from bert.search.index import Index
from bert.search.texts import Record
from bert.search.write import write_index

MAKER = Maker("model", "abc", None, 16, "head")
TEXTS = ["one", "zwei\n\u2028 drei", "\x00\x85", ""]
RECORDS = [Record("a\udce9.txt", number, text) for number, text in enumerate(TEXTS, start=1)]
RECORDS.append(Record("b.jsonl", 7, "four", {"title": "IV", "more": [None, 4.5]}))
VECTORS = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)


@pytest.fixture
def directory(tmp_path):
    write_index(tmp_path / "index", MAKER, 3, zip(RECORDS, VECTORS))
    return tmp_path / "index"


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def failing(items):
    yield from items
    raise InputError("a bad text")


def test_it_is_read_as_it_was_written_with_vectors_of_length_1(directory):
    index = Index(directory)
    assert [record._replace(file="") for record in index.texts] == [record._replace(file="") for record in RECORDS]
    assert [index.texts[number].file for number in (0, 4)] == ["a\\udce9.txt", "b.jsonl"]
    np.testing.assert_allclose(index.vectors, VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(np.load(directory / "vectors.npy"), index.vectors)
    assert index.texts.numbers_of({"four", "one", "five"}) == [0, 4]


def test_adding_keeps_the_old_vectors_to_the_bit_and_is_as_writing_all_at_once(directory, tmp_path):
    write_index(tmp_path / "parts", MAKER, 3, zip(RECORDS[:2], VECTORS[:2]))
    write_index(tmp_path / "parts", MAKER, 3, zip(RECORDS[2:], VECTORS[2:]), old=Index(tmp_path / "parts"))
    assert contents(tmp_path / "parts") == contents(directory)


def test_what_fails_leaves_nothing_or_the_old_index(directory, tmp_path):
    before = contents(directory)
    for target, old in ((tmp_path / "new", None), (directory, Index(directory))):
        with pytest.raises(InputError, match="a bad text"):
            write_index(target, MAKER, 3, failing(zip(RECORDS, VECTORS)), old=old)
    with pytest.raises(InputError, match="no texts"):
        write_index(tmp_path / "new", MAKER, 3, [])
    with pytest.raises(InputError, match="txt:1: its vector is not of finite"):
        write_index(tmp_path / "new", MAKER, 3, [(RECORDS[0], np.array([1, np.nan, 0], np.float32))])
    assert not list((tmp_path / "new").iterdir())
    assert contents(directory) == before


def test_a_kill_between_two_files_of_an_addition_leaves_the_old_index(directory, monkeypatch):
    old = Index(directory)
    expected = old.vectors.tolist()
    with monkeypatch.context() as patched:
        patched.setattr(write, "write_atomically", lambda path, content: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_index(directory, MAKER, 3, zip(RECORDS, VECTORS), old=old)
    assert len(np.load(directory / "vectors.npy")) == 10  # the new file
    assert Index(directory).vectors.tolist() == expected
    write_index(directory, MAKER, 3, zip(RECORDS[:1], VECTORS[:1]), old=Index(directory))
    assert Index(directory).vectors.tolist() == [*expected, expected[0]]


def test_a_kill_before_the_last_file_of_a_new_index_leaves_none(directory):
    (directory / "index.json").unlink()
    with pytest.raises(InputError, match="making it was cut off"):
        Index(directory)
    write_index(directory, MAKER, 3, zip(RECORDS[:1], VECTORS[:1]))
    assert len(Index(directory).vectors) == 1


@pytest.mark.parametrize("name", ["vectors.npy", "texts.jsonl", "index.json"])
def test_a_file_that_was_cut_anywhere_is_refused_in_a_sentence(directory, name):
    content = (directory / name).read_bytes()
    for length in [*range(0, len(content) - 1, 7), len(content) - 2]:
        (directory / name).write_bytes(content[:length])
        with pytest.raises(InputError, match=f"{name}: .*make the index again|{name}: is not JSON"):
            Index(directory)


@pytest.mark.parametrize("name", ["vectors.npy", "texts.jsonl", "index.json"])
def test_a_changed_bit_is_refused_or_changes_nothing(directory, name):
    index, content = Index(directory), bytearray((directory / name).read_bytes())
    expected = index.vectors.tolist(), list(index.texts)
    for place in np.random.default_rng(0).integers(0, 8 * len(content), 100):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        (directory / name).write_bytes(changed)
        try:
            index = Index(directory)
        except InputError:
            continue
        assert name != "texts.jsonl"
        assert (index.vectors.tolist(), list(index.texts)) == expected  # a header's spaces, or the model's name


def test_files_that_lie_about_their_size_or_hold_pickles_are_refused(directory):
    path = directory / "vectors.npy"
    said = json.loads((directory / "index.json").read_text())

    def refused() -> str:
        with pytest.raises(InputError) as error:
            Index(directory)
        return str(error.value)

    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "does not begin as an index's array of float32" in refused()
    for shape in ((10**12, 3), (5, 10**12), (-1, 3), (5,)):
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        assert "vectors.npy" in refused()
    for name in ("texts", "vector_size", "texts_bytes"):
        (directory / "index.json").write_text(json.dumps(said | {name: 10**12}))
        assert refused()
        (directory / "index.json").write_text(json.dumps(said | {name: -1}))
        assert "a whole number from 1 was expected" in refused()
