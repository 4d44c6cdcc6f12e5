import gzip
import json

import pytest

import data.text.json_lines
from bert.errors import InputError
from data.text.corpora import read_documents

RECORDS = [
    {"id": 1, "text": "Tea is a drink. It is hot.\nIt is made of leaves.", "meta": {"lang": "en"}},
    {"id": 2, "text": "Thé: 你好。 好。"},
]
DOCUMENTS = [["Tea is a drink.", "It is hot.", "It is made of leaves."], ["Thé: 你好。", "好。"]]


def lines_of(records, **options):
    return "".join(json.dumps(record, **options) + "\n" for record in records)


@pytest.mark.parametrize("name", ["c.jsonl", "c.json", "c.ndjson", "C.JSONL", "wiki_00", "c.txt"])
@pytest.mark.parametrize("document_per_line", [False, True])
def test_an_object_is_a_document_whatever_the_files_name(write, name, document_per_line):
    for ensure_ascii in (False, True):
        path = write("\n" + lines_of(RECORDS, ensure_ascii=ensure_ascii), name)
        assert list(read_documents([path], document_per_line)) == DOCUMENTS


def test_json_lines_may_be_compressed_and_stand_beside_text(write):
    paths = [write(gzip.compress(lines_of(RECORDS).encode()), "c.jsonl.gz"), write("One.\n\nTwo.", "c.txt")]
    assert list(read_documents(paths)) == [*DOCUMENTS, ["One."], ["Two."]]


def test_another_key_may_have_the_text(write):
    path = write(lines_of([{"text": 1, "content": "One. Two."}]), "c.jsonl")
    assert list(read_documents([path], text_column="content")) == [["One.", "Two."]]


def test_objects_without_text_are_passed_over_and_counted(write):
    reports = []
    path = write(lines_of([{"text": ""}, RECORDS[0], {"text": None}, {"text": " \n "}]), "c.jsonl")
    assert list(read_documents([path], report=reports.append)) == DOCUMENTS[:1]
    assert reports == [f"{path}: 3 JSON lines with an empty 'text' were passed over"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"txt": "a", "id": 1}', r"line 3: has no key 'text'; its keys are txt, id\. .*--text-column"),
        ('{"text": 7}', r"line 3: 'text' is 7; a text was expected.*--text-column"),
        ('{"text": ["a"]}', r"line 3: 'text' is \['a'\]; a text was expected"),
        ('["a"]', r"line 3: holds a list; a JSON object was expected"),
        ('{"text": "a"', r"line 3: is not JSON"),
        ("a", r"line 3: is not JSON .*Each line of JSON lines is an object"),
        ('{"text": "\\ud800"}', r"line 3: is not JSON"),
        ("[" * 10_000, r"line 3: is not JSON"),
    ],
)
@pytest.mark.parametrize("name", ["c.jsonl", "c.txt"])
def test_a_line_that_is_no_object_with_a_text_is_one_sentence(write, line, complaint, name):
    path = write(lines_of(RECORDS[:1]) + "\n" + line + "\n", name)
    with pytest.raises(InputError, match=complaint) as caught:
        list(read_documents([path]))
    assert "\n" not in str(caught.value)


def test_a_json_file_of_one_list_is_refused_by_its_first_line(write):
    with pytest.raises(InputError, match=r"c\.json: line 1: is not JSON .*Each line of JSON lines is an object"):
        list(read_documents([write(json.dumps(RECORDS, indent=1), "c.json")]))


def test_text_that_only_begins_like_json_is_text(write):
    assert list(read_documents([write('{"a": b}\n[1, 2]\n"c"')])) == [['{"a": b}', "[1, 2]", '"c"']]
    assert list(read_documents([write("[1, 2]\n7")])) == [["[1, 2]", "7"]]


def test_a_document_may_be_longer_than_a_line_of_text_but_not_endless(write, monkeypatch):
    book = "Tea is hot. " * 200_000  # 2.4 MB
    for name in ("c.jsonl", "wiki_00"):
        [document] = read_documents([write(lines_of([{"text": book}]), name)])
        assert document == ["Tea is hot."] * 200_000
    monkeypatch.setattr(data.text.json_lines, "LONGEST_RECORD", 1_000)
    path = write(lines_of([RECORDS[0], {"text": "a" * 1_000}]), "c.jsonl")
    with pytest.raises(InputError, match=r"c\.jsonl: line 2 has more than 1,000 bytes"):
        list(read_documents([path]))


def test_a_long_text_without_any_mark_is_cut_in_time(write):
    [document] = read_documents([write(lines_of([{"text": "tea " * 1_000_000}]), "c.jsonl")])
    assert max(map(len, document)) <= 10_000
    assert " ".join(document) == " ".join(["tea"] * 1_000_000)
