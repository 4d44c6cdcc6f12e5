"""A copy of the project for students, in which the functions of the exercises are blank."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bert.errors import InputError
from bert.exercises.functions import blank
from bert.exercises.table import MOST_BYTES, ROOT, Exercise, require_clone
from bert.files.reading import read_bytes
from bert.files.whole import writing_failed


def write_copy(output: str | Path, exercises: Sequence[Exercise]) -> int:
    """Copies every file that git tracks, as it is on the disk now. The copy has no history: that has the solutions.

    Args:
        output: a directory that is not there yet.
        exercises: whose functions are blank in the copy.

    Returns:
        The number of files. Raises an InputError if this is no clone, or the output is there. If something fails,
        nothing is left.
    """
    output = Path(output)
    require_clone()
    files = tracked_files(ROOT)
    if os.path.lexists(output):
        raise InputError(f"{output}: is there already; name a directory that is not")
    try:
        output.mkdir(parents=True)
        try:
            for file in files:
                _copy(ROOT / file, output / file, [each for each in exercises if each.file == file])
        except BaseException:
            shutil.rmtree(output, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(writing_failed(output, error)) from error
    return len(files)


def tracked_files(root: Path) -> list[str]:
    """The files of a clone, as paths below it. Raises an InputError if ``root`` is no clone, or a file is missing."""
    command = ["git", "-C", str(root), "ls-files", "-z"]
    # A hook of git has variables that name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        listed = subprocess.run(command, capture_output=True, env=environment)
        files, reason = os.fsdecode(listed.stdout).split("\0")[:-1], os.fsdecode(listed.stderr).strip()
    except OSError as error:
        files, reason = [], error.strerror
    if not files:
        raise InputError(f"{root}: git lists no files here ({reason or 'none is tracked'}); run this in a clone by git")
    for file in files:
        if not os.path.lexists(root / file):
            raise InputError(f"{root / file}: is missing, although git tracks it; restore it with git checkout")
    return files


def _copy(source: Path, copy: Path, exercises: Sequence[Exercise]) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, copy, follow_symlinks=False)
    if exercises:
        text = read_bytes(source, MOST_BYTES).decode()
        for exercise in exercises:
            text = blank(text, exercise)
        copy.write_text(text, encoding="utf-8")
