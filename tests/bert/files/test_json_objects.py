"""JSON objects: one door, which refuses what is none or is too much."""

import bz2
import gzip
import lzma

import pytest

from bert.errors import InputError
from bert.files import json_objects
from bert.files.json_objects import read_json_object


def test_json_that_is_no_object_is_refused_by_name(tmp_path):
    path = tmp_path / "x.json"
    for content in ("", "3", '{"a":', r'{"a": "\ud83d"}'):
        path.write_text(content)
        message = "holds a int" if content == "3" else "is not JSON"
        with pytest.raises(InputError, match=rf"x\.json: .*{message}"):
            read_json_object(path)
    with pytest.raises(InputError, match="no such file"):
        read_json_object(tmp_path / "none.json")


@pytest.mark.parametrize(("suffix", "library"), [(".gz", gzip), (".xz", lzma), (".bz2", bz2)])
def test_json_may_be_compressed(tmp_path, monkeypatch, suffix, library):
    compress = library.compress
    path, content = tmp_path / f"x.json{suffix}", b'{"a": 1}' + b" " * 10_000
    path.write_bytes(compress(content))
    assert read_json_object(path) == {"a": 1}
    for damaged in (compress(content)[:-5], content, b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"x\.json\{suffix}: is damaged or is not a \{suffix} file|is not JSON"):
            read_json_object(path)
    monkeypatch.setattr(json_objects, "LONGEST_JSON", 10_000)
    path.write_bytes(compress(content))
    with pytest.raises(InputError, match="holds more than 10,000 bytes"):
        read_json_object(path)


def test_escapes_of_json_are_whole_characters(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(r'{"a": "\ud83d\ude00 \u00e9"}')
    assert read_json_object(path) == {"a": "\U0001f600 \xe9"}


def test_json_of_more_values_than_memory_holds_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(json_objects, "MOST_JSON_VALUES", 1000)
    path = tmp_path / "x.json"
    for unit in ("{}", "[]", "1", '"a"', '{"a":{}}'):
        path.write_text('{"data": [' + ",".join([unit] * 1000) + "]}")
        with pytest.raises(InputError, match=r"x\.json: holds more than 1,000 values; split it"):
            read_json_object(path)
    path.write_text('{"data": "' + "a" * 100_000 + '"}')
    assert len(read_json_object(path)["data"]) == 100_000
