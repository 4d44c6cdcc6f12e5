"""Files that are either whole or not there: all that this project writes goes through here, but for what grows line by
line (log.jsonl, TensorBoard's events). What it reads may be compressed.
"""

import bz2
import contextlib
import errno
import gzip
import json
import lzma
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from bert.errors import InputError

COMPRESSIONS = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
LONGEST_JSON = 1 << 30  # bytes, decompressed: a hostile file must not fill memory


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Opens a binary file that appears under ``path`` only when the block has ended well.

    The bytes go to a temporary name beside it, are synced to the disk, and the name is changed in one step: after a
    crash, a kill or a full disk, ``path`` holds the old file or the new one, never a part. A link stays a link, to the
    new file. What is no file, as a pipe or /dev/null, is written to as it is.

    Raises:
        InputError: where the disk is full or the place cannot be written to; nothing is left behind.
    """
    temporary = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                yield file
            return
        path = Path(os.path.realpath(path))  # of /dev/stdout, it might name a pipe that is nowhere in the file system
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that their owner alone can read
        os.replace(temporary, path)
        temporary = None
        sync_directory(path.parent)
    except OSError as error:
        raise InputError(writing_failed(path, error)) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Writes ``content`` (text as UTF-8) to ``path``, whole or not at all (see ``atomic_file``).

    What UTF-8 cannot hold, as a byte in a file's name that is no character, is written as an escape (``\\udce9``).
    """
    with atomic_file(path) as file:
        file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


def writing_failed(path: str | Path, error: OSError) -> str:
    """The sentence for an error that the operating system gave while ``path`` was written."""
    if is_disk_full(error):
        return f"{path}: the disk is full; what was there before is kept. Make room, or write to another place"
    return f"{path}: cannot be written ({error.strerror or error}); write to another place, or mend its permissions"


def is_disk_full(error: OSError) -> bool:
    """Whether the operating system found no room, on the disk or in the user's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def held(directory: str | Path) -> Iterator[None]:
    """Inside the block no other process holds the directory, which is made where it is not there, and removed again
    where nothing was written to it. (Systems that have no locks of that kind, flock, let others in.)

    Raises:
        InputError: where another process holds it, or it cannot be made.
    """
    directory = Path(directory)
    made = [place for place in (directory, *directory.parents) if not os.path.exists(place)]
    descriptor = None
    try:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = _locked(directory)
        except BlockingIOError:
            raise InputError(
                f"{directory}: another process is at work there; wait for its end, or name another place"
            ) from None
        except OSError as error:
            raise InputError(writing_failed(directory, error)) from None
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
        for place in made:
            with contextlib.suppress(OSError):  # it holds something, and so do those above it
                place.rmdir()


def _locked(directory: Path) -> int | None:
    """A descriptor of the directory that holds a lock until it is closed; None where there are no such locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None  # as on some network file systems
    return descriptor


def sync_directory(directory: Path) -> None:
    """Makes a change of names in ``directory`` survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_to_read(path: str | Path) -> Iterator[IO[bytes]]:
    """Opens a binary file, whose bytes are decompressed where its name ends in ``.gz``, ``.xz`` or ``.bz2``.

    Raises:
        InputError: where it cannot be opened, or read in the block, or is not in the form that its name says.
    """
    kind = Path(path).suffix.lower()
    try:
        with COMPRESSIONS.get(kind, open)(path, "rb") as file:
            yield file
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or error
        if kind in COMPRESSIONS and getattr(error, "errno", None) is None:
            raise InputError(
                f"{path}: is damaged or is not a {kind} file ({reason}); fetch or compress it again"
            ) from error
        raise InputError(f"{path}: cannot be read ({reason})") from error


def read_json_object(path: str | Path) -> dict:
    """The object in a JSON file, plain or compressed.

    Raises:
        InputError: where there is no such file, or it holds no JSON object.
    """
    try:
        with open_to_read(path) as file:
            content = file.read(LONGEST_JSON + 1)
        if len(content) > LONGEST_JSON:
            raise InputError(f"{path}: holds more than {LONGEST_JSON:,} bytes; split it into several files")
        values = parse_json(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); a JSON object was expected") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds a {type(values).__name__}; a JSON object was expected")
    return values


def parse_json(text: str) -> Any:
    """What a text of JSON says.

    Raises:
        ValueError, RecursionError: where it is none; or where an escape in it is half of a character (a lone
            surrogate), which no file of UTF-8 could hold.
    """
    values = json.loads(text)
    if "\\u" in text:
        json.dumps(values, ensure_ascii=False).encode()
    return values


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
