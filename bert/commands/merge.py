"""``python -m bert merge``: one whole model of a body and its adapter."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from bert.adaptation.adapt import merge
from bert.adaptation.loading import source_of
from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.predict import kind_of_run
from bert.errors import InputError
from bert.files.reading import read_bytes
from bert.files.whole import write_atomically

# What predictions need, and the examples that a run keeps for a later one (``bert.continual.buffer``).
COPIED = ("task.json", "buffer.jsonl")
LARGEST = 1 << 34  # bytes of such a file


def merge_run(run: str | Path, output: str | Path, body: str | Path | None = None) -> str:
    """Writes the model, its tokenizer, and what the run has for predictions and later runs.

    The directory is what fine-tuning without an adapter leaves: a later run can go on from it. If something fails,
    nothing is left there.

    Args:
        output: a directory that is not there yet, or is empty.
        body: see ``source_of``.

    Returns the method's name. Raises an InputError if the run is no adapter, or cannot be merged.
    """
    output = Path(output)
    if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
        raise InputError(f"{output}: is there already; name a directory that is not")
    source = source_of(run, body)
    if source.adapter is None:
        if not os.path.isdir(run):
            raise InputError(f"{run}: there is no such directory; name the run of an adapted model")
        raise InputError(f"{run}: holds no adapter, so there is nothing to merge; use it as it is")
    model = source.load(kind_of_run(source).head)
    merge(model)
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, source.config(), str(source))
    paths = [path for name in COPIED if (path := source.directory / name).exists()]
    with _emptied_on_failure(output):
        for path in paths:
            write_atomically(output / path.name, read_bytes(path, LARGEST))
        save_checkpoint(output, model, tokenizer)  # config.json comes last: a directory that has one is complete
    return source.adapter.method.name


@contextlib.contextmanager
def _emptied_on_failure(directory: Path) -> Iterator[None]:
    """If the block fails, the directory is as before: empty, or not there."""
    was_there = directory.exists()
    try:
        yield
    except BaseException:
        if was_there:
            for path in directory.iterdir():
                path.unlink()
        else:
            shutil.rmtree(directory, ignore_errors=True)
        raise
