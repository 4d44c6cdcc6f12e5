"""The examples that a run keeps of its tasks, in its directory: ``buffer.jsonl``.

{"labels": ["bad", "good"], "tasks": 1}
{"task": 0, "label": "good", "text": "A fine film.", "text_pair": null}

The first line says to which labels the examples belong. The others hold an example each, of all tasks so far.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert.continual.label_groups import LabelGroups
from bert.continual.replay import reservoir
from bert.continual.task import Kept
from bert.errors import InputError
from bert.files.json_objects import parse_json_object
from bert.files.lines import read_lines
from bert.files.schema import Rule, Schema, check, is_count
from bert.files.whole import write_atomically
from bert.tasks.classification.read import Example

BUFFER = "buffer.jsonl"
KEEP = 0.1  # of the training examples; d'Autume et al. 2019 try 0.01 to 1
_TEXT = Rule(lambda value: isinstance(value, str), "a text")
_COUNT = Rule(is_count, "a whole number from 0")
_FIRST: Schema = {
    "labels": Rule(lambda value: isinstance(value, list) and all(map(_TEXT.holds, value)), "a list of texts"),
    "tasks": _COUNT,
}
_EXAMPLE: Schema = {
    "task": _COUNT, "label": _TEXT, "text": _TEXT,
    "text_pair": Rule(lambda value: value is None or isinstance(value, str), "a text or null"),
}  # fmt: skip
_REMEDY = "put back what the run wrote"


def kept_of(examples: Sequence[Example], share: float, task: int, seed: int) -> list[Kept]:
    """A share of a task's examples, at least one, drawn with equal chances."""
    return [
        Kept(examples[index], task) for index in reservoir(len(examples), max(1, round(share * len(examples))), seed)
    ]


def write_buffer(directory: str | Path, kept: Sequence[Kept], groups: LabelGroups) -> None:
    """Writes the buffer, whole or not at all. Raises an InputError if it cannot be written."""
    lines: list[dict[str, Any]] = [{"labels": groups.labels, "tasks": len(groups.groups)}]
    for (_, first, second, label), task in kept:
        lines.append({"task": task, "label": label, "text": first, "text_pair": second})
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_atomically(Path(directory) / BUFFER, content)


def read_buffer(directory: str | Path, groups: LabelGroups) -> list[Kept]:
    """The examples that a run has kept; none if it has no buffer.

    Args:
        groups: the labels of the run's model.

    Raises:
        InputError: if the buffer is damaged, or belongs to other labels.
    """
    path = Path(directory) / BUFFER
    if not path.exists():
        return []
    kept, first = [], True
    for number, line in read_lines(path):
        place = f"{path}: line {number}"
        values = parse_json_object(line, place)
        if first:
            check(values, _FIRST, place, _REMEDY, required=_FIRST)
            check_labels(values, groups, path)
            first = False
            continue
        check(values, _EXAMPLE, place, _REMEDY, required=_EXAMPLE)
        if values["label"] not in groups.labels or values["task"] >= len(groups.groups):
            raise InputError(f"{place}: has the label {values['label']!r} of task {values['task']}; {_REMEDY}")
        kept.append(Kept(Example(number, values["text"], values["text_pair"], values["label"]), values["task"]))
    if not kept:
        raise InputError(f"{path}: holds no examples; {_REMEDY}")
    return kept


def check_labels(first_line: dict[str, Any], groups: LabelGroups, path: Path) -> None:
    """Raises an InputError if a buffer was kept for other labels than the model's."""
    labels = first_line["labels"]
    if labels != list(groups.labels) or first_line["tasks"] != len(groups.groups):
        raise InputError(
            f"{path}: was kept for {len(labels)} labels of {first_line['tasks']} tasks ({', '.join(labels[:20])}), and "
            f"the model has {len(groups.labels)} of {len(groups.groups)} ({', '.join(groups.labels[:20])}); {_REMEDY}, "
            f"or remove the buffer and name the old examples again: --old-train FILE"
        )
