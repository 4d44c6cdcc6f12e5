"""``python -m bert merge``: one whole model of a body and its adapter."""

import os
from pathlib import Path

from bert.adaptation.adapt import merge
from bert.adaptation.loading import source_of
from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.predict import kind_of_run
from bert.errors import InputError
from bert.files.reading import read_bytes
from bert.files.whole import write_atomically

LARGEST_TASK = 1 << 24  # bytes of a task.json


def merge_run(run: str | Path, output: str | Path, body: str | Path | None = None) -> str:
    """Writes the model with its tokenizer and the run's ``task.json``, as fine-tuning without an adapter does.

    Args:
        output: a directory that is not there yet, or is empty.
        body: see ``source_of``.

    Returns the method's name. Raises an InputError if the run is no adapter, or cannot be merged.
    """
    if os.path.lexists(output) and not (os.path.isdir(output) and not os.listdir(output)):
        raise InputError(f"{output}: is there already; name a directory that is not")
    source = source_of(run, body)
    if source.adapter is None:
        raise InputError(f"{run}: holds no adapter, so there is nothing to merge; use it as it is")
    model = source.load(kind_of_run(source).head)
    merge(model)
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, source.config(), str(source))
    task = source.directory / "task.json"
    if task.exists():
        write_atomically(Path(output) / "task.json", read_bytes(task, LARGEST_TASK))
    save_checkpoint(output, model, tokenizer)
    return source.adapter.method.name
