"""Files that are whole or not there. Files that we read may be compressed.

Only logs that grow line by line (log.jsonl, TensorBoard's events) are written elsewhere.
"""

import bz2
import contextlib
import errno
import glob
import gzip
import json
import lzma
import os
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from bert.errors import InputError

COMPRESSIONS = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
# Of a JSON file, after decompression: a hostile file must not fill memory. A value of 3 bytes ({},) takes 72 in memory.
LONGEST_JSON = 1 << 28  # bytes
MOST_JSON_VALUES = 1 << 24


@contextlib.contextmanager
def atomic_file(path: str | Path, may_be_pipe: bool = False) -> Iterator[IO[bytes]]:
    """Opens a binary file that appears under ``path`` only when the block has ended well.

    The bytes go to a temporary file beside it. It is synced to the disk, then renamed in one step. After a crash, a
    kill or a full disk, ``path`` holds the old file or the new one, never a part. A link stays a link, to the new file.

    Args:
        may_be_pipe: whether a pipe or a device such as /dev/stdout is written to directly. A run's own files are none
            of these: whoever writes to a pipe waits until somebody reads from it.

    Raises an InputError if the disk is full or ``path`` cannot be written to. Nothing is left behind.
    """
    temporary = None
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            if not may_be_pipe:
                raise InputError(
                    f"{path}: cannot be written (it is a directory, a pipe, a socket or a device); remove it, or write "
                    f"to another place"
                )
            with open(path, "wb") as file:
                yield file
            return
        path = Path(os.path.realpath(path))  # only now: a pipe behind /dev/stdout has no real path
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)  # it can only be read by setting it
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # a file of mkstemp can be read by its owner only
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

    A character that UTF-8 cannot hold becomes an escape (``\\udce9``). A file's name may have such stray bytes.
    """
    with atomic_file(path) as file:
        file.write(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)


def writing_failed(path: str | Path, error: OSError) -> str:
    """The sentence for an OSError while ``path`` was written."""
    if is_disk_full(error):
        return f"{path}: the disk is full; the file that was there is kept. Make room, or write to another place"
    remedies = {
        errno.EFBIG: "allow larger files (ulimit -f), or write to another place",
        errno.EMFILE: "allow more open files (ulimit -n)",
        errno.ENFILE: "allow more open files in the whole system",
        errno.ENOENT: "its directory was removed or renamed meanwhile; put it back, or write to another place",
    }
    remedy = remedies.get(error.errno or 0, "write to another place, or mend its permissions")
    return f"{path}: cannot be written ({error.strerror or error}); {remedy}"


def is_disk_full(error: OSError) -> bool:
    """Whether the disk, or the user's quota, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def lock_directory(directory: str | Path) -> Iterator[None]:
    """Inside the block no other process can lock the directory.

    It is made if need be. An empty one is removed again at the end. Systems without ``flock`` lock nothing.

    Raises an InputError if another process has locked it, or it cannot be made.
    """
    directory = Path(directory)
    made = [path for path in (directory, *directory.parents) if not os.path.exists(path)]
    descriptor = None
    try:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = _lock(directory)
        except BlockingIOError:
            raise InputError(
                f"{directory}: another process is at work there; wait for its end, or name another directory"
            ) from None
        except OSError as error:
            raise InputError(writing_failed(directory, error)) from None
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
        for path in made:
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()


def _lock(directory: Path) -> int | None:
    """A descriptor of the directory, which locks it until it is closed. None if the system has no such locks."""
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
        return None  # some network file systems have no locks
    return descriptor


def sync_directory(directory: Path) -> None:
    """Makes a renaming in ``directory`` survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unless(path: str | Path, content: bytes | str) -> None:
    """Removes a file that holds something else than ``content``.

    Of files that belong together, the one that is written last says that all are there. So it goes before another of
    them changes, and a crash never leaves it beside files of another set.

    Raises an InputError if it cannot be removed.
    """
    content = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        if os.path.isfile(path) and Path(path).read_bytes() != content:
            os.remove(path)
    except OSError as error:
        raise InputError(writing_failed(path, error)) from error


def sweep(directory: str | Path, names: Iterable[str]) -> None:
    """Removes the temporary files that killed processes have left beside the files of these names."""
    for name in names:
        for temporary in Path(directory).glob(f".{glob.escape(name)}.????????.tmp"):
            with contextlib.suppress(OSError):  # it does no harm
                temporary.unlink()


def require_file(path: str | Path) -> os.stat_result:
    """What the system knows of a regular file, or of the one that a link leads to.

    Every file is read through this door. A pipe, a socket or a device may never end, and cannot be read again.

    Raises an InputError if there is no such file, or it is something else.
    """
    try:
        status = os.stat(path)
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
def open_to_read(path: str | Path) -> Iterator[IO[bytes]]:
    """Opens a binary file; one named ``.gz``, ``.xz`` or ``.bz2`` is decompressed.

    Raises an InputError if it cannot be read, has another form than its name says, or needs too much memory.
    """
    kind = Path(path).suffix.lower()
    if not require_file(path).st_size and kind in COMPRESSIONS:  # gzip takes it for an empty text
        raise InputError(f"{path}: is damaged or is not a {kind} file (it is empty); fetch or compress it again")
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
    except MemoryError as error:  # an .xz file names the size of its dictionary: up to 4 GB
        raise InputError(f"{path}: cannot be read: it needs more memory than there is") from error


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


def read_json_object(path: str | Path) -> dict:
    """The object in a JSON file, plain or compressed.

    Raises an InputError if there is no such file, it holds no JSON object, or it would take too much memory.
    """
    content = read_bytes(path, LONGEST_JSON)
    if content.count(b",") + content.count(b"{") + content.count(b"[") > MOST_JSON_VALUES:
        raise InputError(f"{path}: holds more than {MOST_JSON_VALUES:,} values; split it into several files")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not JSON ({error}); a JSON object was expected") from None
    return parse_json_object(text, str(path))


def parse_json_object(text: str, source: str) -> dict[str, Any]:
    """The object in a JSON text. Raises an InputError if it is not JSON, or another value.

    Half a character as an escape (a lone surrogate) is not JSON here. No UTF-8 file can hold it.
    """
    try:
        values = json.loads(text)
        if "\\u" in text:
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: is not JSON ({error}); a JSON object was expected") from None
    if not isinstance(values, dict):
        raise InputError(f"{source}: holds a {type(values).__name__}; a JSON object was expected")
    return values
