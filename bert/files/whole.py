"""Writing files that are whole or not there.

Only logs that grow line by line (log.jsonl, TensorBoard's events) are written elsewhere.
"""

import contextlib
import errno
import glob
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from bert.errors import InputError


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
            _lock_file(descriptor)  # see ``sweep``
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
    """A descriptor of the directory, which locks it until it is closed. None if the system has no such locks.

    Raises a BlockingIOError if another process has locked it.
    """
    if os.name == "nt":  # Windows opens no directory
        return None
    descriptor = os.open(directory, os.O_RDONLY)
    if _lock_file(descriptor):
        return descriptor
    os.close(descriptor)
    raise BlockingIOError


def _lock_file(descriptor: int) -> bool:
    """Locks what is open until it is closed. False if it is locked already. Some systems lock nothing: True."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems have no locks
        return True
    return True


def sync_directory(directory: Path) -> None:
    """Makes a renaming in ``directory`` survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unless(path: str | Path, content: bytes | str | None) -> None:
    """Removes a file that holds something else than ``content``; None: whatever it holds.

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
    """Removes the temporary files that killed processes have left beside the files of these names.

    A process that is alive has locked its own.
    """
    for name in names:
        for temporary in Path(directory).glob(f".{glob.escape(name)}.????????.tmp"):
            with contextlib.suppress(OSError):  # it does no harm
                descriptor = os.open(temporary, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # it may be a pipe
                is_left = _lock_file(descriptor)
                os.close(descriptor)
                if is_left:
                    temporary.unlink()
