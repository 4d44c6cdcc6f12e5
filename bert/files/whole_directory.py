"""A directory that is there with all its files, or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bert.errors import InputError
from bert.files.whole import sync_directory, writing_failed


@contextlib.contextmanager
def whole_directory(path: str | Path, overwrite: bool = False, mark: str = "") -> Iterator[Path]:
    """Gives an empty directory to write to. It gets the name ``path`` only when the block has ended well.

    Args:
        overwrite: whether a directory that is there is replaced. One without the file ``mark`` never is: it is
            something else.

    Raises an InputError if the directory is there and must stay, or cannot be written.
    """
    path = Path(path)
    check_may_write(path, overwrite, mark)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
        new = temporary / path.name  # what is written there may say its directory's name, as a model's card does
        new.mkdir()  # with the usual permissions, which mkdtemp's directory has not
        yield new
        check_may_write(path, overwrite, mark)  # again: something may have come there meanwhile
        if path.exists():
            path.rename(old := temporary / f"{path.name}.old")
            try:
                new.rename(path)
            except OSError:
                old.rename(path)
                raise
        else:
            new.rename(path)
        sync_directory(path.parent)
    except OSError as error:
        raise InputError(writing_failed(path, error)) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def check_may_write(path: Path, overwrite: bool, mark: str) -> None:
    """Raises an InputError if something is there that must stay."""
    if not os.path.lexists(path) or (os.path.isdir(path) and not os.listdir(path)):
        return
    if not overwrite:
        remedy = ", or replace it with --overwrite" if mark and os.path.isfile(path / mark) else ""
        raise InputError(f"{path}: is there already; name another directory{remedy}")
    if os.path.islink(path) or not os.path.isfile(path / mark):
        raise InputError(f"{path}: holds no {mark}, so --overwrite would destroy something else; name another place")
