"""Text files to documents, and documents to sentences: streams the text of a pretraining run.

Two formats, both UTF-8, plain or compressed (``.gz``, ``.xz``, ``.bz2``):

    Google's (the default)              one document per line (``document_per_line=True``)

    First sentence of a document.       First document. Its sentences are split here.
    Its second sentence.                Second document.
                                        ...
    First sentence of the next.

Blank lines and the ends of files separate documents. Two more formats are recognised by their form. JSON lines have a
document per object (``data.text.json_lines``). WikiExtractor writes an article between two lines, and its blank lines
separate paragraphs:

    <doc id="12" url="https://en.wikipedia.org/wiki?curid=12" title="Tea">
    Tea is a drink. It is made of leaves.

    It is hot.
    </doc>

Three limits bound the memory, even if a file is one endless line or document: LONGEST_LINE, LONGEST_SENTENCE and
LONGEST_DOCUMENT. A JSON line may have LONGEST_RECORD bytes.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate, chain
from pathlib import Path

from bert.errors import InputError
from bert.files.reading import require_file
from data.text.json_lines import is_json_line, is_named_json, read_json_lines
from data.text.lines import LONGEST_LINE, read_lines
from data.text.sentences import split_sentences

LONGEST_SENTENCE = 10_000  # characters, several times BERT's longest input; a longer one is cut, at a space if possible
LONGEST_DOCUMENT = 1 << 22  # characters; a longer document is cut into several, one after the other
_ARTICLE_TAG = re.compile(r'<doc id="[^"]*".*>|</doc>')


def read_documents(
    paths: Iterable[str | Path],
    document_per_line: bool = False,
    encoding_errors: str = "strict",
    report: Callable[[str], None] | None = None,
    text_column: str = "text",
    reached: Callable[[int, int], None] | None = None,
) -> Iterator[list[str]]:
    """The documents of the files, in order, each as the list of its sentences. No document is empty.

    Args:
        paths: one file or more, read one after the other.
        document_per_line: each line is a document. Otherwise each line is a sentence, and blank lines separate
            documents.
        encoding_errors: for bytes that are not UTF-8: "strict" raises, "replace" puts U+FFFD in their place.
        report: receives a sentence about what was replaced or passed over: bytes, JSON lines, files without text.
        text_column: the key of a document's text, in JSON lines.
        reached: is told again and again how many bytes of the files are read, and how many they have.

    Raises:
        InputError: at once if a file is missing, or is a directory or a pipe. While reading, if a file is damaged, is
            not UTF-8 or is in another format. At the end, if there is no text at all.
    """
    paths = [Path(path) for path in paths]
    if encoding_errors not in ("strict", "replace"):
        raise InputError(f"encoding_errors is {encoding_errors!r}; 'strict' or 'replace' was expected")
    if not paths:
        raise InputError("no corpus file was named; name at least one text file")
    for path in paths:
        _require_file(path)
    return _documents(paths, document_per_line, encoding_errors, report, text_column, reached)


def require_sentence_pairs(documents: Iterable[list[str]]) -> Iterator[list[str]]:
    """Passes ``documents`` through. At their end it checks that next-sentence prediction can use them.

    Raises an InputError if there is a single document, or if every document is a single sentence. Random sentences come
    from another document, and true ones follow in the same document.
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


def corpus_fingerprint(
    paths: Iterable[str | Path], document_per_line: bool, encoding_errors: str, text_column: str = "text"
) -> str:
    """A string that changes with the files (path, size, modification time) and with the way of reading them."""
    metadata = [LONGEST_LINE, LONGEST_SENTENCE, LONGEST_DOCUMENT, document_per_line, encoding_errors]
    for path in paths:
        _require_file(Path(path))
        status = os.stat(path)
        metadata += [os.path.abspath(path), status.st_size, status.st_mtime_ns]
        if is_named_json(Path(path)) or text_column != "text":
            metadata.append(text_column)
    return hashlib.sha256(repr(metadata).encode()).hexdigest()


def _require_file(path: Path) -> None:
    if os.path.isdir(path):  # Path.is_dir raises if a name is too long
        raise InputError(f"{path}: is a directory; name the text files in it, for example {path}/*.txt")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; a text file was expected")
    if not os.path.isfile(path):
        raise InputError(
            f"{path}: is a pipe or a device, and a corpus is read more than once; name a file. It may be compressed: "
            ".gz, .xz, .bz2"
        )


def _documents(
    paths: list[Path],
    document_per_line: bool,
    encoding_errors: str,
    report: Callable[[str], None] | None,
    text_column: str,
    reached: Callable[[int, int], None] | None,
) -> Iterator[list[str]]:
    without_text = []
    sizes = [require_file(path).st_size for path in paths]
    for path, before in zip(paths, accumulate(sizes, initial=0)):
        empty = True
        reached_here = None if reached is None else partial(_reached, reached, before, sum(sizes))
        lines = read_lines(path, encoding_errors, report, reached=reached_here)
        start = _first_lines(lines)
        if is_named_json(path) or is_json_line(start[-1]):
            documents = read_json_lines(path, text_column, encoding_errors, report, reached_here)
        else:
            documents = _split_at_blank_lines(path, chain(start, lines), document_per_line)
        for document in documents:
            empty = False
            yield [part for sentence in document for part in _cut(sentence)]
        if empty:
            without_text.append(path)
    names = ", ".join(map(str, without_text[:3])) + (", ..." if len(without_text) > 3 else "")
    if len(without_text) == len(paths):
        raise InputError(f"{names}: the corpus is empty; text was expected, one sentence per line")
    if without_text and report:
        report(f"{len(without_text):,} of the corpus's {len(paths):,} files hold no text: {names}")


def _reached(reached: Callable[[int, int], None], before: int, total: int, position: int) -> None:
    """Passes on how far a file is read, after ``before`` bytes of other files."""
    reached(before + position, total)


def _first_lines(lines: Iterator[str]) -> list[str]:
    """The first line that is not blank, after one blank line if there are any."""
    start = [next(lines, "")]
    while not start[-1]:
        line = next(lines, None)
        if line is None:
            break
        start[1:] = [line]
    return start


def _split_at_blank_lines(path: Path, lines: Iterable[str], document_per_line: bool) -> Iterator[list[str]]:
    document: list[str] = []
    size = 0
    in_article = False
    seen_end = False
    for line in lines:
        is_tag = _ARTICLE_TAG.fullmatch(line) is not None
        ends = is_tag or (not in_article and (document_per_line or not line))
        seen_end = seen_end or ends
        if document and (ends or size > LONGEST_DOCUMENT):
            if not seen_end:
                raise InputError(
                    f"{path}: no blank line in its first {len(document):,} lines, so that they would all be one "
                    "document; one sentence per line and a blank line between documents was expected. Use "
                    "--document-per-line if each line is a document"
                )
            yield document
            document, size = [], 0
        if is_tag:
            in_article = line != "</doc>"
        elif line:
            document += split_sentences(line) if in_article or document_per_line else [line]
            size += len(line)
    if document:
        yield document


def _cut(text: str) -> Iterator[str]:
    """Cuts ``text`` into parts of at most ``LONGEST_SENTENCE`` characters, each at its last space if there is one.

    ``text`` is not empty, and neither begins nor ends with white space.
    """
    start = 0
    while len(text) - start > LONGEST_SENTENCE:
        end = text.rfind(" ", start + 1, start + LONGEST_SENTENCE + 1)
        end = start + LONGEST_SENTENCE if end < 0 else end
        yield text[start:end].rstrip()
        start = end
        while text[start].isspace():  # the last character is none
            start += 1
    yield text[start:]
