"""``vocab.txt``: WordPiece's pieces, one on each line."""

from pathlib import Path

from bert.errors import InputError
from bert.files.reading import read_bytes
from bert.tokenization.special_tokens import SPECIAL_TOKENS

LARGEST_VOCABULARY = 64 * 2**20  # bytes of a file; the largest published ones have 6 MB


def read_vocabulary(path: str | Path) -> list[str]:
    """The pieces in a ``vocab.txt``, by id.

    A line is an id, whatever it holds, and ends with a line feed. As in the Rust library, white space at its end is
    dropped, such as a carriage return. A line of white space alone keeps it: Google's Chinese vocabulary has U+2028 as
    a piece. No text has such a piece, an empty one, or the first of two equal ones. A byte-order mark and empty lines
    at the end are dropped.

    Raises an InputError if there is no such file, it is not UTF-8, or it lacks a special token. The message names the
    file and the line.
    """
    content = read_bytes(path, LARGEST_VOCABULARY)
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte {error.start} is not UTF-8; a vocabulary is UTF-8, one piece a line"
        ) from None
    if not text:
        raise InputError(f"{path}: is empty; a vocabulary has one piece a line")
    pieces = [line.rstrip() or line.removesuffix("\r") for line in text.split("\n")]
    missing = [token for token in SPECIAL_TOKENS if token not in pieces]
    if missing:
        raise InputError(
            f"{path}: its {len(pieces)} lines lack {' and '.join(missing)}; BERT needs the pieces "
            f"{' '.join(SPECIAL_TOKENS)}"
        )
    return pieces
