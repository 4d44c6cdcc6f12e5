"""Text files to documents, and documents to sentences: the corpus of a pretraining run, streamed.

Two formats, both UTF-8, plain or compressed (``.gz``, ``.xz``, ``.bz2``):

    Google's (the default)              one document per line (``document_per_line=True``)

    First sentence of a document.       First document. Its sentences are split here.
    Its second sentence.                Second document.
                                        ...
    First sentence of the next.

Blank lines, and the ends of files, separate documents. However large the files, and even where a file is
one endless line or one endless document, memory stays bounded by the three limits below.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bert.errors import InputError
from bert.files.whole import open_to_read
from data.text.sentences import split_sentences

LONGEST_LINE = 1 << 20  # bytes; a longer line is cut, at a space where there is one, into several lines
LONGEST_SENTENCE = 10_000  # characters, several times what BERT can take in; a longer one is cut likewise
LONGEST_DOCUMENT = 1 << 22  # characters; a longer document is cut into several, one after the other


def read_documents(
    paths: Iterable[str | Path],
    document_per_line: bool = False,
    encoding_errors: str = "strict",
    report: Callable[[str], None] | None = None,
) -> Iterator[list[str]]:
    """The documents of the files, in order, each as the list of its sentences; no document is empty.

    Args:
        paths: one file or more, read one after the other.
        document_per_line: each line is a document and is split into sentences; otherwise each line is a
            sentence and blank lines separate the documents.
        encoding_errors: what to do about bytes that are not UTF-8: "strict" raises, "replace" puts U+FFFD in
            their place.
        report: is told, in one sentence for each file where it happened, how many were replaced.

    Raises:
        InputError: at once where a file is missing or is a directory; while reading, where a file is damaged,
            is not UTF-8 (with file, line and byte) or cannot be in the format; at the end, where all the files
            together hold no text.
    """
    paths = [Path(path) for path in paths]
    if encoding_errors not in ("strict", "replace"):
        raise InputError(f"encoding_errors is {encoding_errors!r}; 'strict' or 'replace' was expected")
    if not paths:
        raise InputError("no corpus file was named; name at least one text file")
    for path in paths:
        _require_file(path)
    return _documents(paths, document_per_line, encoding_errors, report)


def require_sentence_pairs(documents: Iterable[list[str]]) -> Iterator[list[str]]:
    """Passes ``documents`` through, and raises at their end if next-sentence prediction cannot use them.

    It needs two documents at least, to take a random sentence from another one, and one document at least
    with a sentence that follows another.

    Raises:
        InputError: where there is a single document, or every document is a single sentence.
    """
    count = 0
    pairs = False
    for document in documents:
        count += 1
        pairs = pairs or len(document) > 1
        yield document
    if count == 1:
        raise InputError(
            "the corpus is a single document, and next-sentence prediction takes its random sentences from another "
            "one: separate the documents by blank lines, use --document-per-line if each line is a document, or "
            "train without that task: --no-nsp"
        )
    if not pairs:
        raise InputError(
            f"each of the corpus's {count:,} documents is a single sentence, so that no sentence ever follows another: "
            "write one sentence per line and blank lines between documents only, use --document-per-line if each "
            "line is a whole document, or train without next-sentence prediction: --no-nsp"
        )


def corpus_fingerprint(paths: Iterable[str | Path], document_per_line: bool, encoding_errors: str) -> str:
    """A string that changes when the files (path, size, time of change) or the way of reading them do."""
    facts = [LONGEST_LINE, LONGEST_SENTENCE, LONGEST_DOCUMENT, document_per_line, encoding_errors]
    for path in paths:
        _require_file(Path(path))
        status = os.stat(path)
        facts += [os.path.abspath(path), status.st_size, status.st_mtime_ns]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _require_file(path: Path) -> None:
    if os.path.isdir(path):  # Path.is_dir raises where a name is too long
        raise InputError(f"{path}: is a directory; name the text files in it, for example {path}/*.txt")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; a text file was expected")


def _documents(paths, document_per_line, encoding_errors, report) -> Iterator[list[str]]:
    empty = True
    for path in paths:
        lines = _read_lines(path, encoding_errors, report)
        documents = map(split_sentences, lines) if document_per_line else _split_at_blank_lines(path, lines)
        for document in documents:
            if document:
                empty = False
                yield [part for sentence in document for part in _cut(sentence)]
    if empty:
        names = ", ".join(map(str, paths[:3])) + (", ..." if len(paths) > 3 else "")
        raise InputError(f"{names}: the corpus is empty; text was expected, one sentence per line")


def _split_at_blank_lines(path: Path, lines: Iterable[str]) -> Iterator[list[str]]:
    document: list[str] = []
    size = 0
    seen_blank_line = False
    for line in lines:
        if not line:
            seen_blank_line = True
        if document and (not line or size > LONGEST_DOCUMENT):
            if not seen_blank_line:
                raise InputError(
                    f"{path}: no blank line in its first {len(document):,} lines, so that they would all be one "
                    "document; one sentence per line and a blank line between documents was expected. Use "
                    "--document-per-line if each line is a document"
                )
            yield document
            document, size = [], 0
        if line:
            document.append(line)
            size += len(line)
    if document:
        yield document


def _cut(text: str) -> Iterator[str]:
    """``text`` in parts of at most ``LONGEST_SENTENCE`` characters, cut at the last space that each may hold."""
    while len(text) > LONGEST_SENTENCE:
        end = text.rfind(" ", 1, LONGEST_SENTENCE + 1)
        end = LONGEST_SENTENCE if end < 0 else end
        yield text[:end].rstrip()
        text = text[end:].lstrip()
    if text:
        yield text


def _read_lines(path: Path, encoding_errors: str, report) -> Iterator[str]:
    """The lines of one file, decoded and stripped of white space (thus of CR as well); blank ones are empty."""
    replaced = 0
    number = 1  # of the line, from 1
    offset = 0  # of the piece's first byte in the (decompressed) file
    with contextlib.closing(_read_pieces(path)) as pieces:
        for piece in pieces:
            try:
                text = piece.decode("utf-8")
            except UnicodeDecodeError as error:
                if encoding_errors == "strict":
                    raise InputError(
                        f"{path}: line {number}, byte {offset + error.start} of the file: "
                        f"0x{piece[error.start]:02x} is not UTF-8; convert the file to UTF-8, or replace what is not: "
                        "--encoding-errors replace"
                    ) from None
                text = piece.decode("utf-8", "replace")
                replaced += text.count("\ufffd") - piece.count(b"\xef\xbf\xbd")
            if offset == 0:
                text = text.removeprefix("\ufeff")  # the byte-order mark that some editors write
            text = text.strip()
            if offset == 0 and text.count("\r") > 1 and b"\n" not in piece:
                raise InputError(
                    f"{path}: its lines end with carriage returns alone, as in very old files, and would be a single "
                    f"line; convert them, for example with: tr '\\r' '\\n'"
                )
            yield text
            number += piece.endswith(b"\n")
            offset += len(piece)
    if replaced and report:
        report(f"{path}: {replaced:,} byte sequences that are not UTF-8 were replaced by U+FFFD")


def _read_pieces(path: Path) -> Iterator[bytes]:
    """The lines of one file as bytes, together the whole file; a line over ``LONGEST_LINE`` comes in pieces."""
    held = b""
    first = True
    with open_to_read(path) as file:
        while piece := file.readline(LONGEST_LINE):
            if first:
                _refuse_utf16(path, piece)
                first = False
            piece = held + piece
            held = b""
            if not piece.endswith(b"\n") and len(piece) >= LONGEST_LINE:
                end = _last_break(piece)
                piece, held = piece[:end], piece[end:]
            yield piece
    if held:
        yield held


def _last_break(piece: bytes) -> int:
    """Where to cut a piece of a line: behind its last space, else before its last character's first byte."""
    end = piece.rfind(b" ") + 1
    if end < len(piece) // 2:
        end = len(piece) - 1
        while end > len(piece) - 4 and piece[end] & 0b1100_0000 == 0b1000_0000:  # a continuation byte
            end -= 1
    return end


def _refuse_utf16(path: Path, start: bytes) -> None:
    """UTF-16 is recognised by its mark, or by every second of the first bytes being zero."""
    zeros = max(start[:200:2].count(0), start[1:200:2].count(0))
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or zeros > len(start[:200]) // 4:
        raise InputError(
            f"{path}: line 1, byte 0 of the file: UTF-16 or UTF-32, where UTF-8 was expected; convert it, for "
            "example with iconv -f UTF-16 -t UTF-8"
        )
