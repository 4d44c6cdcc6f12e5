"""A JSON file that is one list is read like JSON lines, a part at a time."""

import gzip
import json
import random

import pytest

from bert.errors import InputError
from bert.files import json_lists
from bert.files.json_lists import is_json_list, read_json_list
from bert.files.tables import Row, read_rows

COLUMNS = {"--text-column": "text", "--label-column": "label"}
OBJECTS = [{"text": f'text "{n}" ]}},[ ä\u2028', "label": n % 2, "more": [[], {}, "]"]} for n in range(7)]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def objects_in(path):
    return [json.loads(text) for _, text in read_json_list(path)]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_a_list_has_the_objects_that_json_finds_in_it(tmp_path, indent, chunk, monkeypatch):
    path = write(tmp_path / "a.json", json.dumps(OBJECTS, indent=indent, ensure_ascii=False))
    monkeypatch.setattr(json_lists, "CHUNK", max(chunk, 10))
    assert is_json_list(path)
    assert objects_in(path) == OBJECTS
    assert [row.line for row in read_rows(path, COLUMNS)] == list(range(1, 8))


def test_a_list_may_stand_under_data_or_be_compressed_or_have_a_mark(tmp_path):
    expected = [Row(n + 1, (each["text"], each["label"])) for n, each in enumerate(OBJECTS)]
    content = json.dumps(OBJECTS).encode()
    for name, form in (
        ("a.json", json.dumps({"data": OBJECTS, "version": 1}, indent=1).encode()),
        ("a.json.gz", gzip.compress(content)),
        ("b.json", b"\xef\xbb\xbf\r\n " + content + b"\n\n"),
        ("c.jsonl", content),
    ):
        assert list(read_rows(write(tmp_path / name, form), COLUMNS)) == expected, name


def test_json_lines_are_no_list(tmp_path):
    path = write(tmp_path / "a.json", '{"data": ["x"], "label": 1}\n{"data": [], "label": 0}\n')
    assert not is_json_list(path)
    assert [row.values for row in read_rows(path, {"--text-column": "label"})] == [(1,), (0,)]


@pytest.mark.parametrize(
    "content", ["[{", '[{"a": 1}', '[{"a": 1},', '[{"a": 1}}', '[{"a": 1} {"a": 2}]', "[nonsense]"]
)
def test_what_is_cut_off_or_no_json_is_named(tmp_path, content):
    with pytest.raises(InputError, match=r"a\.json: object \d of the list: is not JSON"):
        list(read_json_list(write(tmp_path / "a.json", content)))


@pytest.mark.parametrize(
    "content",
    ['[{"a": 1}]\n[{"a": 2}]', "[] []", '[{"a": 1}]]', '{"data": [{"a": 1}]', '{"data": [{"a": 1}]}\n{"a": 2}'],
)
@pytest.mark.parametrize("chunk", [13, 1 << 16])
def test_what_stands_after_the_list_is_not_passed_over(tmp_path, content, chunk, monkeypatch):
    monkeypatch.setattr(json_lists, "CHUNK", chunk)
    with pytest.raises(InputError, match=r"a\.json: goes on after the end of its list, or is cut off there"):
        list(read_json_list(write(tmp_path / "a.json", content)))


def test_what_is_no_object_is_a_bad_row_with_its_number(tmp_path):
    path = write(tmp_path / "a.json", '[{"text": "a", "label": 1}, 7, "x"]')
    with pytest.raises(InputError, match=r"a\.json: object 2: holds a int"):
        list(read_rows(path, COLUMNS))
    with pytest.raises(InputError, match="is empty"):
        list(read_rows(write(tmp_path / "b.json", "[ ]"), COLUMNS))
    with pytest.raises(InputError, match="is not UTF-8"):
        list(read_rows(write(tmp_path / "c.json", b'[{"text": "\xff"}]'), COLUMNS))


def test_an_object_without_end_does_not_fill_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lists, "CHUNK", 100)
    monkeypatch.setattr(json_lists, "LONGEST_OBJECT", 1_000)
    path = write(tmp_path / "a.json", '[{"text": "' + 100_000 * "x" + '"}]')
    with pytest.raises(InputError, match="longer than 1,000 characters"):
        list(read_json_list(path))


def test_damage_ends_in_a_sentence_or_in_json(tmp_path):
    generator, content = random.Random(0), json.dumps(OBJECTS).encode()
    for _ in range(200):
        place = generator.randrange(len(content))
        damaged = content[:place] + bytes([generator.randrange(256)]) + content[place + 1 :]
        path = write(tmp_path / "a.json", damaged)
        try:
            for _ in read_rows(path, COLUMNS):
                pass
        except InputError:
            continue
