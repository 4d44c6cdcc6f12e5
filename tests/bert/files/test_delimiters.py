"""The header says what separates fields, if the file's name says something else."""

import csv
import io

import pytest

from bert.errors import InputError
from bert.files.tables import read_rows

BOTH = {"--text-column": "text", "--label-column": "label"}
ROWS = [("plain", "x"), ("with; semicolon, comma", "y"), ('with "quotes"', "z"), ("two\nlines", "x"), ("ünï", "")]


def table(path, delimiter):
    content = io.StringIO()
    csv.writer(content, delimiter=delimiter).writerows([("id", "text", "label"), *((0, *row) for row in ROWS)])
    path.write_bytes(content.getvalue().encode())
    return path


@pytest.mark.parametrize(
    ("name", "delimiter", "found"),
    [("a.csv", ";", "semicolons"), ("a.csv", "\t", "tabs"), ("a.tsv", ",", "commas"), ("a.tsv", ";", "semicolons")],
)
def test_the_header_shows_the_delimiter_and_quotes_are_as_in_csv(tmp_path, name, delimiter, found):
    path = table(tmp_path / name, delimiter)
    with pytest.warns(UserWarning, match=f"{name}: its fields are separated by {found}, as its first line shows"):
        assert [row.values for row in read_rows(path, BOTH)] == ROWS


@pytest.mark.filterwarnings("error")
def test_a_file_with_one_column_stays_what_it_was(tmp_path):
    (tmp_path / "a.csv").write_text("text\na; b\tc\n")
    (tmp_path / "a.tsv").write_text("text\na; b, c\n")
    (tmp_path / "a.txt").write_text("text\tlabel\na\t1\n")
    text = {"--text-column": "text"}
    assert [row.values for row in read_rows(tmp_path / "a.csv", text)] == [("a; b\tc",)]
    assert [row.values for row in read_rows(tmp_path / "a.tsv", text)] == [("a; b, c",)]
    assert [row.values for row in read_rows(tmp_path / "a.txt", text)] == [("text\tlabel",), ("a\t1",)]


def test_a_txt_is_a_table_if_its_first_line_has_tabs_and_the_columns(tmp_path):
    path = tmp_path / "snli_1.0_dev.txt"
    path.write_text('label\ttext\n1\t"a" quoted\n0\tb\n')
    with pytest.warns(UserWarning, match="separated by tabs"):
        assert [row.values for row in read_rows(path, BOTH)] == [('"a" quoted', "1"), ("b", "0")]
    with pytest.raises(InputError, match=r"has no column 'body': a \.txt file has one column, 'text', unless"):
        list(read_rows(path, {"--text-column": "body"}))


def test_the_delimiter_of_the_name_goes_first(tmp_path):
    (tmp_path / "a.csv").write_text("text,label;x\na,1\n")
    columns = {"--text-column": "text", "--label-column": "label;x"}
    assert [row.values for row in read_rows(tmp_path / "a.csv", columns)] == [("a", "1")]


def test_if_no_delimiter_shows_the_columns_the_error_is_that_of_the_name(tmp_path):
    (tmp_path / "a.csv").write_text("body;label\na;1\n")
    with pytest.raises(InputError, match="has no column 'text': its columns are body;label"):
        list(read_rows(tmp_path / "a.csv", BOTH))


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
@pytest.mark.parametrize("line", ["x" * 200_000, "text\rlabel\ra", 'a"b\rc', '"a', "\0"], ids=range(5))
def test_a_first_line_that_is_not_csv_is_one_sentence(tmp_path, name, line):
    """Lone carriage returns are line ends of CSV, and a field has at most 131,072 characters."""
    (tmp_path / name).write_text(f"{line}\n1\n", newline="")
    for columns in (BOTH, {"--text-column": "text"}):
        with pytest.raises(InputError, match=rf"{name}: .*(has no column|is not CSV)"):
            list(read_rows(tmp_path / name, columns))


def test_a_tsv_with_a_long_first_line_is_read_by_its_tabs(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabel\t" + "x" * 200_000 + "\na\t1\tb\n")
    assert [row.values for row in read_rows(tmp_path / "a.tsv", BOTH)] == [("a", "1")]
