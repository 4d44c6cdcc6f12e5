"""How the commands read a file of texts. Flags come first, then the training settings."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bert.adaptation.loading import Source, source_of
from bert.commands.writing import REMEDY, WRITING, writing_of_run
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import ANYTHING, Rule, Schema, check, is_count, is_number
from bert.generation.model import BertForConditionalGeneration
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.options import LONG_TEXTS, SUMMARY_SENTENCES, Columns, Options
from bert.tokenization.encoding import room_for_pieces

Item = TypeVar("Item")

# What task.json may say. An entry of a later version is passed over.
TRUTH = Rule(lambda value: isinstance(value, bool), "true or false")
COUNT = Rule(lambda value: is_count(value, 2**31) and value > 0, "a whole number from 1")
COLUMNS: Schema = {
    "text": Rule(lambda value: isinstance(value, str), "a text"),
    "text_pair": Rule(lambda value: isinstance(value, str | None), "a text or null"),
    "header": TRUTH,
    "separator": Rule(lambda value: isinstance(value, str) and value != "", "a text that is not empty"),
    "word": Rule(lambda value: isinstance(value, str | None), "a text or null"),
    "history": COUNT,
    "query": Rule(lambda value: isinstance(value, str), "a text"),
}
SETTINGS: Schema = {
    "columns": Rule(lambda value: isinstance(value, dict | None), "an object with columns' names"),
    "max_length": COUNT,
    "long_texts": Rule(lambda value: isinstance(value, str) and value in LONG_TEXTS, f"one of {', '.join(LONG_TEXTS)}"),
    "summary_sentences": COUNT,
    "null_threshold": Rule(lambda value: value is None or is_number(value), "a finite number or null"),
    "fitting_tags": TRUTH,
    "score_range": Rule(
        lambda value: isinstance(value, list) and len(value) == 2 and all(map(is_number, value)), "two finite numbers"
    ),
    **WRITING,
}


class Reading(NamedTuple):
    """How to read a file."""

    columns: Columns
    options: Options
    trained_on_pairs: bool  # whether the training table had two columns of texts


def reading_of(
    run: str | Path | Source, path: str | Path, given: dict[str, Any], usual: Columns | None = None
) -> Reading:
    """How to read a file for a run: by the flags ``given``, else by the run's ``task.json``, else by ``usual``.

    A plain text (``.txt``) always has a single column. A flag that was not given is None. Raises an InputError if
    ``task.json`` is damaged. Also if the model cannot read so long an input.
    """
    run = source_of(run)
    longest = run.config().max_position_embeddings
    file = run.directory / "task.json"
    saved = _saved_settings(file) if file.exists() else {}
    remembered = saved.get("columns")
    if remembered:
        columns = Columns(**{name: value for name, value in remembered.items() if name in COLUMNS})
    else:
        columns = usual or Columns()
    trained_on_pairs = columns.text_pair is not None
    if ".txt" in map(str.lower, Path(path).suffixes[-2:]):
        columns = columns._replace(text="text", text_pair=None)
    names = {
        "text": "text_column", "text_pair": "text_pair_column", "header": "header", "word": "word_column",
        "query": "query_column",
    }  # fmt: skip
    asked = {name: given.get(flag) for name, flag in names.items()}
    columns = columns._replace(**{name: value for name, value in asked.items() if value is not None})
    of_table = [f"--{names[name].replace('_', '-')}" for name in ("text", "header") if asked[name] is not None]
    if of_table and asked["word"] is not None:
        raise InputError(f"{of_table[0]} is about a table of texts, and --word-column about words; leave one out")
    if of_table or asked["word"] is not None:
        columns = columns._replace(is_table=bool(of_table))

    values = {
        "max_length": saved.get("max_length", longest),
        "long_texts": saved.get("long_texts", "head"),
        "summary_sentences": saved.get("summary_sentences", SUMMARY_SENTENCES),
        "null_threshold": saved.get("null_threshold"),
        "text": True,
        "fitting_tags": saved.get("fitting_tags", False),
        "score_range": tuple(saved.get("score_range", Options.score_range)),
    }
    values |= {name: given[name] for name in values if given.get(name) is not None}
    if values["max_length"] > longest:
        raise InputError(f"--max-length {values['max_length']}: the model in {run} reads at most {longest} tokens")
    room_for_pieces(values["max_length"], is_pair=columns.text_pair is not None)  # or there is none
    patterns = None
    if "patterns" in saved or "words" in saved:
        patterns = patterns_of({name: saved[name] for name in ("patterns", "words") if name in saved}, str(file))
    writing = None
    if run.is_of(BertForConditionalGeneration):
        writing = writing_of_run(run.directory, saved, str(file), given)
    options = Options(separator=columns.separator, patterns=patterns, writing=writing, **values)
    return Reading(columns, options, trained_on_pairs)


def check_segments(run: str | Path | Source, are_pairs: bool) -> None:
    """Raises an InputError if pairs are to be read by a model that has embeddings for one segment alone."""
    segments = source_of(run).config().type_vocab_size
    if segments < 2 and are_pairs:
        raise InputError(
            f"{run}: the model has embeddings for {segments} kind of segments (type_vocab_size), and pairs have two; "
            f"name a model that was trained on pairs"
        )


def first_checked(items: Iterable[Item]) -> Iterator[Item]:
    """The items. The first is read at once. So its errors come before a model is loaded."""
    items = iter(items)
    return itertools.chain([next(items)], items)


def _saved_settings(file: Path) -> dict[str, Any]:
    """What fine-tuning wrote to ``task.json``. Raises an InputError if it is damaged."""
    saved = read_json_object(file)
    check(saved, SETTINGS, str(file), REMEDY, required=("columns", "max_length"), others=ANYTHING)
    check(saved["columns"] or {}, COLUMNS, f"{file}: columns", REMEDY, others=ANYTHING)
    return saved
