"""Reading a file, which may be compressed. Every file is read through these doors."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from bert.errors import InputError

COMPRESSIONS = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def require_file(path: str | Path) -> os.stat_result:
    """What the system knows of a regular file, or of the one that a link leads to.

    A pipe, a socket or a device may never end, and cannot be read again.

    Raises an InputError if there is no such file, or it is something else.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check its name and folder") from None
    except (OSError, ValueError) as error:  # ValueError: the name holds a zero byte
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: cannot be read (it is a directory); name a file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            f"{path}: cannot be read (it is a pipe, a socket or a device, which may never end); write what it gives "
            f"to a file, and name that"
        )
    return status


@contextlib.contextmanager
def open_to_read(path: str | Path, reached: Callable[[int], None] | None = None) -> Iterator[IO[bytes]]:
    """Opens a binary file; one named ``.gz``, ``.xz`` or ``.bz2`` is decompressed.

    Args:
        reached: is told again and again how far the file is read, in bytes of the file as it lies on the disk.

    Raises an InputError if it cannot be read, has another form than its name says, or needs too much memory.
    """
    kind = Path(path).suffix.lower()
    if not require_file(path).st_size and kind in COMPRESSIONS:  # gzip takes it for an empty text
        raise InputError(f"{path}: is damaged or is not a {kind} file (it is empty); fetch or compress it again")
    try:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(io.BufferedReader(_Watched(path, reached), 1 << 16))
            yield stack.enter_context(COMPRESSIONS[kind](file, "rb")) if kind in COMPRESSIONS else file
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or error
        if kind in COMPRESSIONS and getattr(error, "errno", None) is None:
            raise InputError(
                f"{path}: is damaged or is not a {kind} file ({reason}); fetch or compress it again"
            ) from error
        raise InputError(f"{path}: cannot be read ({reason})") from error
    except MemoryError as error:  # an .xz file names the size of its dictionary: up to 4 GB
        raise InputError(f"{path}: cannot be read: it needs more memory than there is") from error


class _Watched(io.FileIO):
    """A file that tells ``reached`` how far it is read."""

    def __init__(self, path: str | Path, reached: Callable[[int], None] | None):
        super().__init__(path, "rb")
        self.reached = reached

    def readinto(self, buffer, /) -> int | None:
        count = super().readinto(buffer)
        if self.reached:
            self.reached(self.tell())
        return count


def read_bytes(path: str | Path, most: int) -> bytes:
    """The content of a file, plain or compressed. Raises an InputError if it cannot be read or is longer than most."""
    parts, size = [], 0
    with open_to_read(path) as file:
        while size <= most and (part := file.read(1 << 20)):  # read(most) would reserve that much first
            parts.append(part)
            size += len(part)
        if size > most:
            raise InputError(f"{path}: holds more than {most:,} bytes, which is too much for a file of its kind")
        return b"".join(parts)
