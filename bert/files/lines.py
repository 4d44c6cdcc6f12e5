"""The lines of a text file, plain or compressed."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bert.errors import InputError
from bert.files.bad_rows import BadRows, add_or_raise
from bert.files.reading import open_to_read

LONGEST_LINE = 1 << 24  # bytes, more than any model can read: a hostile file must not fill memory


class Lines(str):
    """Lines of text in memory, which readers take like the name of a file: ``Lines("request.jsonl", lines)``.

    The end of the name says which form the lines have.
    """

    lines: Sequence[str]

    def __new__(cls, name: str, lines: Sequence[str]) -> "Lines":
        """Lines without their ends, under a name for messages."""
        new = super().__new__(cls, name)
        new.lines = lines
        return new


def read_lines(path: str | Path, bad: BadRows | None = None) -> Iterator[tuple[int, str]]:
    """(line number from 1, text without its line end) for each line of a file, plain or compressed, or of ``Lines``.

    Args:
        bad: takes lines that are not UTF-8, which are then skipped.

    Raises:
        InputError: if the file cannot be read. Without ``bad``, also if a line is not UTF-8.
    """
    if isinstance(path, Lines):
        yield from enumerate(path.lines, start=1)
        return
    path = Path(path)
    if not os.path.exists(path):  # Path.exists raises if a name is too long
        raise InputError(f"{path}: no such file; a table of texts was expected")
    with open_to_read(path) as file:
        number = 0
        while content := file.readline(LONGEST_LINE):
            number += 1
            if number == 1 and content.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(
                    f"{path}: line 1: is UTF-16, not UTF-8; convert it, for example with iconv -f UTF-16 -t UTF-8"
                )
            if len(content) == LONGEST_LINE:
                raise InputError(f"{path}: line {number}: is longer than {LONGEST_LINE:,} bytes; is it a text?")
            try:
                text = _decoded(path, number, content)
            except InputError as error:
                add_or_raise(bad, str(error))
            else:
                yield number, text


def _decoded(path: Path, number: int, content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: line {number}, byte {error.start} of the line: 0x{content[error.start]:02x} is not UTF-8; "
            f"convert the file to UTF-8"
        ) from None
    return text.removeprefix("\ufeff" if number == 1 else "").removesuffix("\n").removesuffix("\r")
