"""``python -m bert replay``: from the command's arguments to what it prints and writes."""

import contextlib
import json
from pathlib import Path

from bert.errors import InputError
from bert.files.terminal import print_line
from bert.files.whole import atomic_file
from pretraining.replay.replay import replay
from pretraining.replay.show import data_of, lines_of
from pretraining.replay.source import read_source


def run(
    directory: str, update: int, with_texts: bool = False, file: str | None = None, check: bool = True,
    device: str = "auto",
) -> int:  # fmt: skip
    """Computes an update again and shows it. Returns the exit code: 1 if a number differs from what the run has kept.

    Args:
        directory: of a run of ``train_pretrain.py``. Nothing in it changes.
        update: from 1.
        with_texts: print each example's text and predictions.
        file: the JSON file to write.
        check, device: see ``replay``.

    Raises:
        InputError: if the update cannot be computed, or the file cannot be written.
    """
    if file is not None and Path(directory).resolve() in Path(file).resolve().parents:
        raise InputError(f"--json {file}: is in the run's directory, where nothing is to change; name another place")
    source = read_source(Path(directory))
    with (
        contextlib.nullcontext() if file is None else atomic_file(file, may_be_pipe=True) as content
    ):  # before the work
        replayed = replay(source, update, device, check)
        if content is not None:
            text = json.dumps(data_of(replayed), ensure_ascii=False, indent=1) + "\n"
            content.write(text.encode("utf-8", "backslashreplace"))
    print_line(*lines_of(replayed, with_texts))
    return 0 if all(proof.is_same for proof in replayed.proofs.found) else 1
