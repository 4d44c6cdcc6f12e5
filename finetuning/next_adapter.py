"""``--method adapters``: each task has an adapter and a head of its own on one frozen body.

    RUN2/
        adapter_model.safetensors ...       the new task's, trained as any run with --adapt
        adapters/task-1/                    the first run's, byte for byte
        adapters/task-2/ ...                the next run's

Nothing that an earlier task computes with is trained, so nothing is forgotten. The task must be known at prediction.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from bert.adaptation.files import CONFIG, WEIGHTS, load_adapted, read_adapter
from bert.commands.reading import ANYTHING, COUNT
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.reading import read_bytes
from bert.files.schema import check
from bert.files.whole import write_atomically
from finetuning.adaptation_flags import METHODS, TARGETS

FOLDER = "adapters"
# What a prediction needs. The configuration comes last: an adapter that has one is whole.
COPIED = (
    "task.json", "vocab.txt", "spm.model", "tokenizer.json", "special_tokens_map.json", "tokenizer_config.json",
    WEIGHTS, CONFIG,
)  # fmt: skip
LARGEST = 1 << 34  # bytes of a file


def settings_of_adapter(run: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with which the next adapter begins: the body of a run's adapter, and its method with its sizes.

    Another method begins with its own sizes.

    Args:
        given: the flags of the next run.

    Raises:
        InputError: if the run has no adapter, or a damaged one, or one that names no body; or if no flag says which
            matrices its adapter has.
    """
    if not (Path(run) / CONFIG).exists():
        raise InputError(
            f"--method adapters: {run} holds no adapter ({CONFIG}); begin the sequence with one: --adapt lora"
        )
    adapter = read_adapter(run)
    if adapter.checkpoint is None:
        raise InputError(f"--method adapters: the adapter in {run} names no body; train it again")
    start: dict[str, Any] = {"checkpoint": adapter.checkpoint}
    start |= {} if adapter.pool is None else {"pool": adapter.pool}
    start |= {"fresh": ["pooler"]} if "bert.pooler" in adapter.also else {}  # the body has none that is trained
    name, row = next((name, row) for name, row in METHODS.items() if row.method is type(adapter.method))
    if given.get("adapt", name) != name:
        return start | {"adapt": given["adapt"]}
    settings = {flag: getattr(adapter.method, field) for flag, field in row.fields.items()}
    if "targets" in settings and "targets" not in given:
        settings["targets"] = _name_of_targets(settings["targets"], run)
    arguments = Path(run) / "arguments.json"
    if "prefix_mlp" in settings and arguments.exists():  # the adapter has what the MLP gave, and not the MLP
        settings["prefix_mlp"] = read_json_object(arguments).get("prefix_mlp")
    return start | settings | {"adapt": name}


def _name_of_targets(targets: tuple[str, ...], run: str) -> str:
    """The value of ``--targets`` that means these matrices. peft may have trained others."""
    for name, matrices in TARGETS.items():
        if set(targets) == set(matrices):
            return name
    raise InputError(
        f"--method adapters: the adapter in {run} has the matrices {', '.join(targets)}, which --targets cannot name; "
        f"say which the next one has: --targets {' or '.join(TARGETS)}"
    )


def settings_of_model(run: str) -> dict[str, Any]:
    """The settings with which a run goes on from a whole model: the model, and how long its texts may be.

    Raises an InputError if there is an adapter instead, or if ``task.json`` is damaged.
    """
    if (Path(run) / CONFIG).exists():
        raise InputError(
            f"--continue-from {run}: holds an adapter; train another one beside it (--method adapters), or merge it "
            f"into a whole model first: python -m bert merge {run} OUT"
        )
    task = Path(run) / "task.json"
    saved = read_json_object(task) if task.exists() else {}
    check(saved, {"max_length": COUNT}, str(task), "put back what the run wrote", others=ANYTHING)
    return {"checkpoint": run} | {name: saved[name] for name in ("max_length",) if name in saved}


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
