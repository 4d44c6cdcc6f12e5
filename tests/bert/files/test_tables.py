"""Tables are read exactly, and what is wrong in one is named with its file and line."""

import bz2
import csv
import gzip
import json
import lzma

import pytest

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.tables import Row, read_rows, table_format, tsv_line

TEXT, LABEL = {"--text-column": "text"}, {"--label-column": "label"}
BOTH = TEXT | LABEL


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def error_of(path, columns=BOTH, **arguments) -> str:
    with pytest.raises(InputError) as caught:
        list(read_rows(path, columns, **arguments))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_directory_is_no_table(tmp_path):
    (tmp_path / "a.tsv").mkdir()
    assert "is a directory" in error_of(tmp_path / "a.tsv")
    assert "is a directory" in error_of(tmp_path)


def test_in_tsv_quotes_are_plain_characters(tmp_path):
    path = write(tmp_path / "a.tsv", 'label\ttext\n1\t" He said so .\n0\t"a" "b"\n')
    assert list(read_rows(path, BOTH)) == [Row(2, ('" He said so .', "1")), Row(3, ('"a" "b"', "0"))]


def test_csv_agrees_with_what_the_csv_module_writes(tmp_path):
    rows = [["plain", "x"], ["with, comma", "y"], ['with "quotes"', "z"], ["two\nlines", "x"], ["ünï", ""]]
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    read = list(read_rows(tmp_path / "a.csv", BOTH))
    assert [list(row.values) for row in read] == rows
    assert [row.line for row in read] == [2, 3, 4, 5, 7]


def test_json_lines_have_columns_by_key_in_any_order(tmp_path):
    lines = [{"text": "a\tb", "label": 1}, {"label": ["x"], "more": None, "text": "c"}]
    path = write(tmp_path / "a.jsonl", "\n\n".join(map(json.dumps, lines)))
    assert list(read_rows(path, BOTH)) == [Row(1, ("a\tb", 1)), Row(3, ("c", ["x"]))]


def test_each_line_of_a_plain_text_is_a_text_even_an_empty_one(tmp_path):
    path = write(tmp_path / "a.txt", "one\n\nthree\tparts\n")
    assert [row.values for row in read_rows(path, TEXT)] == [("one",), ("",), ("three\tparts",)]


def test_rows_of_empty_fields_are_rows(tmp_path):
    for name, content in (("a.csv", 'text,b\nx,1\n,\n"",2\n\n'), ("a.tsv", "text\tb\nx\t1\n\t\n\t2\n\n")):
        (tmp_path / name).write_text(content)
        assert [row.values[0] for row in read_rows(tmp_path / name, TEXT)] == ["x", "", ""]
    (tmp_path / "one.csv").write_text('text\na\n""\nb\n')
    assert [row.values[0] for row in read_rows(tmp_path / "one.csv", TEXT)] == ["a", "", "b"]


def test_a_name_that_two_columns_have_is_refused(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabel\tlabel\nx\t1\t2\n")
    with pytest.raises(InputError, match=r"a\.tsv: has 2 columns named 'label'.*--label-column"):
        list(read_rows(tmp_path / "a.tsv", {"--label-column": "label"}))
    assert [row.values for row in read_rows(tmp_path / "a.tsv", {"--label-column": "3"})] == [("2",)]
    for column in (5000 * "9", "²"):
        with pytest.raises(InputError, match="has no column"):
            list(read_rows(tmp_path / "a.tsv", {"--label-column": column}))


def test_a_name_longer_than_names_can_be_is_no_file():
    with pytest.raises(InputError, match="no such file"):
        list(read_rows(300 * "a" + ".tsv", {"--text-column": "text"}))


def test_columns_go_by_number_with_and_without_a_header(tmp_path):
    path = write(tmp_path / "a.tsv", "x\ty\t2\na\tb\tc\n")
    by_number = {"--text-column": "3", "--label-column": "1"}
    assert [row.values for row in read_rows(path, by_number, header=False)] == [("2", "x"), ("c", "a")]
    assert [row.values for row in read_rows(path, by_number)] == [("c", "a")]
    assert [row.values for row in read_rows(path, {"--text-column": "2"})] == [("c",)]  # a name goes before a number


def test_marks_windows_line_ends_blank_lines_and_compression_change_nothing(tmp_path):
    content = b"text\tlabel\na b\t1\nc\xc3\xa9\t0\n"
    expected = [("a b", "1"), ("cé", "0")]
    variants = {
        "plain.tsv": content,
        "windows.tsv": b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"),
        "blank.tsv": content.replace(b"\n", b"\n\n"),
        "no_end.tsv": content.removesuffix(b"\n"),
        "a.tsv.gz": gzip.compress(content),
        "a.tsv.xz": lzma.compress(content),
        "a.TSV.bz2": bz2.compress(content),
    }
    for name, bytes_ in variants.items():
        assert [row.values for row in read_rows(write(tmp_path / name, bytes_), BOTH)] == expected, name


def test_unusual_line_separators_inside_a_text_do_not_split_it(tmp_path):
    path = write(tmp_path / "a.tsv", "text\tlabel\na\u2028b\u0085c\x0cd\re\t1\n")
    assert next(iter(read_rows(path, BOTH))).values == ("a\u2028b\u0085c\x0cd\re", "1")


def test_a_missing_column_is_named_with_those_found_and_the_flag(tmp_path):
    tsv = write(tmp_path / "a.tsv", "sentence\tlabel\na\t1\n")
    message = error_of(tsv)
    for part in ("'text'", "sentence, label", "--text-column"):
        assert part in message
    assert "numbers 1 to 2" in error_of(tsv, header=False)
    assert "'3'" in error_of(tsv, {"--label-column": "3"})
    message = error_of(write(tmp_path / "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n'))
    for part in ("line 2", "'label'", "text", "--label-column"):
        assert part in message
    assert "--text-column" in error_of(write(tmp_path / "a.txt", "a\n"), {"--text-column": "body"})


def test_a_key_that_no_object_has_is_a_wrong_flag_rather_than_bad_rows(tmp_path):
    path = write(tmp_path / "a.jsonl", 3 * '{"text": "a"}\n')
    bad = BadRows(path)
    assert "line 1: has no key 'label'" in error_of(path, bad=bad)
    assert bad.count == 0
    path.write_text('{"text": "a", "label": 1}\n' + 2 * '{"text": "a"}\n')
    assert len(list(read_rows(path, BOTH, bad=bad))) == 1
    assert bad.count == 2


def test_a_row_of_other_length_is_named_with_its_line(tmp_path):
    assert "line 3: has 1 field, not 2 as in the first line" in error_of(
        write(tmp_path / "a.tsv", "text\tlabel\na\t1\nb\nc\t0\n")
    )
    assert "line 2: has 3 fields, not 2" in error_of(write(tmp_path / "b.tsv", "text\tlabel\na\tb\t1\n"))
    assert "line 3: has 1 field, not 2" in error_of(write(tmp_path / "c.csv", "text,label\na,1\nb\n"))


def test_damaged_and_foreign_files_are_one_sentence(tmp_path):
    good = b"text\tlabel\na\t1\n"
    assert "no such file" in error_of(tmp_path / "none.tsv")
    assert "is empty" in error_of(write(tmp_path / "empty.tsv", b""))
    assert "is empty" in error_of(write(tmp_path / "empty.jsonl", b"\n"))
    assert "line 2, byte 1" in error_of(write(tmp_path / "latin.tsv", b"text\tlabel\na\xe9\t1\n"))
    assert "UTF-16" in error_of(write(tmp_path / "wide.tsv", good.decode().encode("utf-16")))
    assert "damaged" in error_of(write(tmp_path / "a.tsv.gz", gzip.compress(good)[:-4]))
    assert "damaged" in error_of(write(tmp_path / "a.tsv.xz", good))
    assert "line 2: is not CSV" in error_of(write(tmp_path / "open.csv", 'text,label\n"a,1\nb,2\n'))
    assert "line 1: is not JSON" in error_of(write(tmp_path / "a.jsonl", '{"a": ' + "[" * 100_000))
    assert "surrogates not allowed" in error_of(write(tmp_path / "half.jsonl", '{"text": "a\\ud83d", "label": 1}'))
    whole = write(tmp_path / "whole.jsonl", '{"text": "a\\ud83d\\ude00", "label": 1}')
    assert next(iter(read_rows(whole, BOTH))).values == ("a😀", 1)
    assert "line 1: holds a str" in error_of(write(tmp_path / "b.jsonl", '"text"'))
    assert "ends in .tsv" in error_of(tmp_path / "a.xlsx")


def test_a_line_without_end_does_not_fill_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("bert.files.lines.LONGEST_LINE", 1000)
    assert "longer than 1,000 bytes" in error_of(write(tmp_path / "a.tsv", b"text\tlabel\n" + b"x" * 5000))


def test_the_format_is_the_end_of_the_name():
    names = {"a.tsv": "tsv", "b.csv.gz": "csv", "c.json": "jsonl", "d.jsonl.xz": "jsonl", "e.f.txt": "txt"}
    assert {name: table_format(name) for name in names} == names


def test_nothing_in_a_field_ends_it():
    assert tsv_line(["a\tb", "c\nd\r\ne", 0.5, 7]) == "a b\tc d e\t0.500000\t7\n"
