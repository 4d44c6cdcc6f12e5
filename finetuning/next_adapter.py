"""``--method adapters``: each task has an adapter and a head of its own on one frozen body.

    RUN2/
        adapter_model.safetensors ...       the new task's, trained as any run with --adapt
        adapters/task-1/                    the first run's, byte for byte
        adapters/task-2/ ...                the next run's

Nothing that an earlier task computes with is trained, so nothing is forgotten. The task must be known at prediction.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from bert.adaptation.files import CONFIG, WEIGHTS, load_adapted, read_adapter
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.reading import read_bytes
from bert.files.whole import write_atomically
from finetuning.adaptation_flags import METHODS, TARGETS

FOLDER = "adapters"
# What a prediction needs. The configuration comes last: an adapter that has one is whole.
COPIED = ("task.json", "vocab.txt", "spm.model", "tokenizer.json", "tokenizer_config.json", WEIGHTS, CONFIG)
LARGEST = 1 << 34  # bytes of a file


def settings_of_adapter(run: str) -> dict[str, Any]:
    """The settings with which the next adapter begins: the body and the method of a run's adapter.

    Raises:
        InputError: if the run has no adapter, or a damaged one, or one that names no body.
    """
    if not (Path(run) / CONFIG).exists():
        raise InputError(
            f"--method adapters: {run} holds no adapter ({CONFIG}); begin the sequence with one: --adapt lora"
        )
    adapter = read_adapter(run)
    method = adapter.method
    name, row = next((name, row) for name, row in METHODS.items() if row.method is type(method))
    settings = {flag: getattr(method, field) for flag, field in row.fields.items()}
    if "targets" in settings:
        settings["targets"] = next((each for each, names in TARGETS.items() if names == settings["targets"]), None)
    body = read_json_object(Path(run) / CONFIG).get("base_model_name_or_path")
    if not isinstance(body, str):
        raise InputError(f"--method adapters: the adapter in {run} names no body; train it again")
    pool = {} if adapter.pool is None else {"pool": adapter.pool}
    return settings | pool | {"adapt": name, "checkpoint": body}


def settings_of_model(run: str) -> dict[str, Any]:
    """The settings with which a run goes on from a whole model. Raises an InputError if there is an adapter instead."""
    if (Path(run) / CONFIG).exists():
        raise InputError(
            f"--continue-from {run}: holds an adapter; train another one beside it (--method adapters), or merge it "
            f"into a whole model first: python -m bert merge {run} OUT"
        )
    return {"checkpoint": run}


def check_body(run: str, checkpoint: str, head: type[nn.Module]) -> None:
    """Raises an InputError if a checkpoint is not the body of a run's adapter, or the adapter is damaged."""
    load_adapted(checkpoint, run, head)


def copy_adapters(run: str, output: Path) -> None:
    """Copies a run's adapter, and the earlier ones beside it, into another run's folder.

    Raises an InputError if a file cannot be read or written.
    """
    for number, source in enumerate(adapters_of(Path(run)), start=1):
        for name in COPIED:
            if (source / name).exists():
                write_atomically(output / FOLDER / f"task-{number}" / name, read_bytes(source / name, LARGEST))


def adapters_of(run: Path) -> Iterator[Path]:
    """The folders of a run's adapters, in the order of the tasks. Its own is the last."""
    number = 1
    while (earlier := run / FOLDER / f"task-{number}" / CONFIG).exists():
        yield earlier.parent
        number += 1
    yield run
