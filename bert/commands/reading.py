"""How ``bert predict`` and ``bert embed`` read a file. Flags come first, then the training settings."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bert.checkpoints.directory import load_config
from bert.errors import InputError
from bert.files.tables import table_format
from bert.files.whole import read_json_object
from bert.tasks.options import LONG_TEXTS, SUMMARY_SENTENCES, Columns, Options
from bert.tokenization.encoding import room_for_pieces

Item = TypeVar("Item")


class Reading(NamedTuple):
    """How to read a file."""

    columns: Columns
    options: Options
    trained_on_pairs: bool  # whether the training table had two columns of texts


def reading_of(run: str | Path, path: str | Path, given: dict[str, Any]) -> Reading:
    """How to read a file for a run: by the flags ``given``, else by the run's ``task.json``.

    A plain text (``.txt``) always has a single column. A flag that was not given is None. Raises an InputError if
    ``task.json`` is damaged. Also if the model cannot read so long an input.
    """
    longest = load_config(run).max_position_embeddings
    file = Path(run) / "task.json"
    saved = read_json_object(file) if file.exists() else {}
    if file.exists() and (lacking := {"columns", "max_length"} - saved.keys()):
        raise InputError(f"{file}: is damaged (no {', '.join(sorted(lacking))}); put back what fine-tuning wrote")
    columns = _columns(saved.get("columns") or {}, file)
    trained_on_pairs = columns.text_pair is not None
    if table_format(path) == "txt":
        columns = columns._replace(text="text", text_pair=None)
    names = {"text": "text_column", "text_pair": "text_pair_column", "header": "header"}
    asked = {name: given.get(flag) for name, flag in names.items()}
    columns = columns._replace(**{name: value for name, value in asked.items() if value is not None})

    values = {
        "max_length": saved.get("max_length", longest),
        "long_texts": saved.get("long_texts", "head"),
        "summary_sentences": saved.get("summary_sentences", SUMMARY_SENTENCES),
        "null_threshold": saved.get("null_threshold"),
        "fitting_tags": saved.get("fitting_tags", False),
    }
    values |= {name: given[name] for name in values if given.get(name) is not None}
    numbers = [values["max_length"], values["summary_sentences"]]
    if values["long_texts"] not in LONG_TEXTS or not all(type(number) is int for number in numbers):
        raise InputError(
            f"{file}: is damaged (long_texts, max_length, summary_sentences); give --long-texts, --max-length and "
            f"--summary-sentences"
        )
    if not isinstance(values["fitting_tags"], bool):
        raise InputError(f"{file}: is damaged (fitting_tags); true or false was expected")
    if not isinstance(values["null_threshold"], int | float | None):
        raise InputError(f"{file}: is damaged (null_threshold); give --null-threshold")
    if values["max_length"] > longest:
        raise InputError(f"--max-length {values['max_length']}: the model in {run} reads at most {longest} tokens")
    room_for_pieces(values["max_length"], is_pair=columns.text_pair is not None)  # or there is none
    return Reading(columns, Options(separator=columns.separator, **values), trained_on_pairs)


def check_segments(run: str | Path, are_pairs: bool) -> None:
    """Raises an InputError if pairs are to be read by a model that has embeddings for one segment alone."""
    segments = load_config(run).type_vocab_size
    if segments < 2 and are_pairs:
        raise InputError(
            f"{run}: the model has embeddings for {segments} kind of segments (type_vocab_size), and pairs have two; "
            f"name a model that was trained on pairs"
        )


def first_checked(items: Iterable[Item]) -> Iterator[Item]:
    """The items. The first is read at once. So its errors come before a model is loaded."""
    items = iter(items)
    return itertools.chain([next(items)], items)


def _columns(saved: Any, file: Path) -> Columns:
    are_names = isinstance(saved, dict) and all(isinstance(saved.get(name, ""), str) for name in ("text", "separator"))
    if not are_names or not isinstance(saved.get("text_pair"), str | None):
        raise InputError(f"{file}: is damaged (columns); an object with columns' names as texts was expected")
    return Columns(**{name: saved[name] for name in ("text", "text_pair", "header", "separator") if name in saved})
