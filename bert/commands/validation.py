"""The validation set of a run, read once more: ``task.json`` says which file it was, and how it was read."""

from pathlib import Path
from typing import Any, NamedTuple

from bert.adaptation.loading import Source
from bert.commands.reading import COLUMNS, TRUTH
from bert.commands.writing import REMEDY
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import ANYTHING, Rule, Schema, check
from bert.tasks.options import Columns
from bert.tasks.task import Kind

TEXT = Rule(lambda value: isinstance(value, str), "a text")
OPTIONAL_TEXT = Rule(lambda value: isinstance(value, str | None), "a text or null")
SAVED: Schema = {
    "file": TEXT,
    "held_out": TRUTH,
    "columns": Rule(lambda value: isinstance(value, dict), "an object with columns' names"),
}
# What a prediction file's columns do not have.
TRAINING_COLUMNS: Schema = {
    **COLUMNS,
    "label": Rule(
        lambda value: isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value)),
        "a text or texts",
    ),
    "bad_rows": TEXT, "no_label": OPTIONAL_TEXT, "loose_tabs": TRUTH, "tag": OPTIONAL_TEXT, "targets": OPTIONAL_TEXT,
    "is_table": Rule(lambda value: isinstance(value, bool | None), "true, false or null"),
}  # fmt: skip


class Validation(NamedTuple):
    """Where a run's validation set is.

    Attributes:
        held_out: whether it is the part of the training file that was held out.
    """

    file: str
    held_out: bool
    columns: Columns

    def read(self, kind: Kind) -> list[Any]:
        """The examples with their labels. Raises an InputError as the kind's reader does."""
        return read_labelled(kind, self.file, self.columns, self.held_out)


def validation_of(source: Source) -> Validation | None:
    """The validation set of a run. None if ``task.json`` names none, as in runs of the built-in task.

    Raises an InputError if ``task.json`` is damaged.
    """
    file = source.directory / "task.json"
    saved = read_json_object(file).get("validation") if file.exists() else None
    if saved is None:
        return None
    where = f"{file}: validation"
    if not isinstance(saved, dict):
        raise InputError(f"{where} is {str(saved)[:80]}; an object was expected; {REMEDY}")
    check(saved, SAVED, where, REMEDY, required=tuple(SAVED), others=ANYTHING)
    return Validation(saved["file"], saved["held_out"], columns_from(saved["columns"], where))


def columns_from(saved: dict[str, Any], where: str) -> Columns:
    """Columns as a file has them. Raises an InputError if one is of another type."""
    check(saved, TRAINING_COLUMNS, f"{where}: columns", REMEDY, others=ANYTHING)
    label = saved.get("label", Columns().label)
    values: dict[str, Any] = saved | {"label": tuple(label) if isinstance(label, list) else label}
    return Columns(**{name: value for name, value in values.items() if name in Columns._fields})


def read_labelled(kind: Kind, path: str | Path, columns: Columns, held_out: bool = False) -> list[Any]:
    """The examples of a file with their labels, or those of them that training holds out."""
    examples = list(kind.read(path, columns, True))
    examples = kind.settle({"train": (str(path), examples)})["train"][1]
    return kind.hold_out(examples)[1] if held_out else examples
