import bz2
import gzip
import lzma

import pytest

import data.text.lines
from bert.errors import InputError
from data.text.lines import read_lines

TEXT = "First one.\nSecond one.\n\nThird: näïve 你好.\n"
LINES = ["First one.", "Second one.", "", "Third: näïve 你好."]
every_compression = pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)]
)


def lines_of(path, encoding_errors="strict", report=None):
    return list(read_lines(path, encoding_errors, report))


def test_lines_are_stripped_and_blank_ones_are_empty(write):
    assert lines_of(write(TEXT)) == LINES
    assert lines_of(write(" a\t\n \nb ")) == ["a", "", "b"]


@every_compression
def test_compressed_files_are_read_as_they_are(write, suffix, compress):
    assert lines_of(write(compress(TEXT.encode()), "corpus" + suffix)) == LINES


def test_a_byte_order_mark_is_dropped_and_crlf_ends_a_line(write):
    assert lines_of(write(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())) == LINES


def test_line_ends_of_very_old_files_are_refused_and_a_carriage_return_within_a_line_is_white_space(write):
    with pytest.raises(InputError, match="its lines end with carriage returns alone"):
        lines_of(write(b"One two.\rThree.\r\rFour.\r"))
    assert lines_of(write(b"One\rtwo.\nThree.\n")) == ["One\rtwo.", "Three."]


def test_a_line_without_spaces_is_cut_between_characters(write, monkeypatch):
    monkeypatch.setattr(data.text.lines, "LONGEST_LINE", 1000)
    text = "你" * 5000
    parts = lines_of(write(text))
    assert len(parts) > 10
    assert "".join(parts) == text


def test_bytes_that_are_not_utf8_are_named_by_file_line_and_byte(write):
    path = write("good\nnäh".encode() + b" \xe9t\xe9\n")
    with pytest.raises(InputError, match=r"corpus.txt: line 2, byte 10 of the file: 0xe9 is not UTF-8"):
        lines_of(path)


def test_a_line_that_is_cut_still_counts_as_one(write, monkeypatch):
    monkeypatch.setattr(data.text.lines, "LONGEST_LINE", 1000)
    path = write(("你" * 5000 + "\n").encode() + b"\xff\n")
    with pytest.raises(InputError, match=r"corpus.txt: line 2, byte 15001 of the file: 0xff is not UTF-8"):
        lines_of(path)


def test_bytes_that_are_not_utf8_can_be_replaced_and_are_counted(write):
    reports = []
    lines = lines_of(write(b"\xe9t\xe9 \xef\xbf\xbd\nfine\n\xff\n"), "replace", reports.append)
    assert lines == ["\ufffdt\ufffd \ufffd", "fine", "\ufffd"]
    assert len(reports) == 1
    assert "corpus.txt: 3 byte sequences" in reports[0]
    assert lines_of(write("fine"), "replace", reports.append) == ["fine"]
    assert len(reports) == 1  # nothing was replaced, so nothing is reported


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("encoding_errors", ["strict", "replace"])
def test_utf16_is_recognised(write, encoding, encoding_errors):
    path = write(TEXT.encode(encoding))
    with pytest.raises(InputError, match=r"corpus.txt: line 1, byte 0 .* UTF-16"):
        lines_of(path, encoding_errors)


@every_compression
@pytest.mark.parametrize("damage", ["truncated", "changed", "something else"])
def test_a_damaged_archive_is_named(write, suffix, compress, damage):
    text = "".join(f"Sentence number {number}.\n\n" for number in range(20_000)).encode()
    content = bytearray(compress(text))
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "changed":
        content[len(content) // 2] ^= 0xFF
    else:
        content = text
    with pytest.raises(InputError, match=rf"corpus.txt{suffix}: is damaged or is not a {suffix} file"):
        lines_of(write(bytes(content), "corpus.txt" + suffix))
