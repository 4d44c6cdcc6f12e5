"""The lines of text files: UTF-8, plain or compressed, streamed in bounded memory."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from bert.errors import InputError
from bert.files.reading import open_to_read

LONGEST_LINE = 1 << 20  # bytes; a longer line is cut into several, at a space if there is one


def read_lines(
    path: Path,
    encoding_errors: str,
    report: Callable[[str], None] | None,
    longest: int | None = None,
    reached: Callable[[int], None] | None = None,
) -> Iterator[str]:
    """The lines of one file, stripped of white space (thus of CR as well); blank lines are empty.

    Args:
        longest: refuses a line of more bytes, and cuts none. None: cuts lines longer than LONGEST_LINE.
        reached: as in ``open_to_read``.

    The other arguments and errors are as in ``data.text.corpora.read_documents``.
    """
    replaced = 0
    number = 1  # of the line, from 1
    offset = 0  # of the part's first byte in the (decompressed) file
    with contextlib.closing(
        _read_parts(path, reached) if longest is None else _read_whole_lines(path, longest, reached)
    ) as parts:
        for part in parts:
            if offset == 0:
                _refuse_utf16(path, part)
            try:
                text = part.decode("utf-8")
            except UnicodeDecodeError as error:
                if encoding_errors == "strict":
                    raise InputError(
                        f"{path}: line {number}, byte {offset + error.start} of the file: "
                        f"0x{part[error.start]:02x} is not UTF-8; convert the file to UTF-8, or replace such bytes: "
                        "--encoding-errors replace"
                    ) from None
                text = part.decode("utf-8", "replace")
                replaced += text.count("\ufffd") - part.count(b"\xef\xbf\xbd")
            if offset == 0:
                text = text.removeprefix("\ufeff")  # the byte-order mark that some editors write
            text = text.strip()
            if offset == 0 and text.count("\r") > 1 and b"\n" not in part:
                raise InputError(
                    f"{path}: its lines end with carriage returns alone, as in very old files, and would be a single "
                    f"line; convert them, for example with: tr '\\r' '\\n'"
                )
            yield text
            number += part.endswith(b"\n")
            offset += len(part)
    if replaced and report:
        report(f"{path}: {replaced:,} byte sequences that are not UTF-8 were replaced by U+FFFD")


def _read_parts(path: Path, reached: Callable[[int], None] | None) -> Generator[bytes, None, None]:
    """The file as bytes, line by line. A line longer than ``LONGEST_LINE`` comes in several parts."""
    rest = b""
    with open_to_read(path, reached) as file:
        while part := file.readline(LONGEST_LINE):
            part = rest + part
            rest = b""
            if not part.endswith(b"\n") and len(part) >= LONGEST_LINE:
                end = _last_break(part)
                part, rest = part[:end], part[end:]
            yield part
    if rest:
        yield rest


def _read_whole_lines(path: Path, longest: int, reached: Callable[[int], None] | None) -> Generator[bytes, None, None]:
    number = 1
    with open_to_read(path, reached) as file:
        while line := file.readline(longest + 1):
            if len(line) > longest:
                raise InputError(f"{path}: line {number} has more than {longest:,} bytes; write it as several lines")
            yield line
            number += 1


def _last_break(part: bytes) -> int:
    """The byte to cut a long line at: after its last space, or else before its last character."""
    end = part.rfind(b" ") + 1
    if end < len(part) // 2:
        end = len(part) - 1
        while end > len(part) - 4 and part[end] & 0b1100_0000 == 0b1000_0000:  # a continuation byte
            end -= 1
    return end


def _refuse_utf16(path: Path, start: bytes) -> None:
    """Recognises UTF-16 by its byte-order mark, or because every second byte is zero."""
    zeros = max(start[:200:2].count(0), start[1:200:2].count(0))
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or zeros > len(start[:200]) // 4:
        raise InputError(
            f"{path}: line 1, byte 0 of the file: UTF-16 or UTF-32; UTF-8 was expected. Convert it, for example with "
            "iconv -f UTF-16 -t UTF-8"
        )
