"""A run as a service. It reads, predicts and answers as the other commands do with a file.

a fine-tuned run     the columns of ``predict``: bert/commands/predict.py
a pretraining run    the best pieces for each [MASK]: bert/commands/fill_mask.py
a bare encoder       a vector for each text: bert/commands/embed.py
"""

from collections.abc import Callable, Set
from typing import Any

import torch
from torch import nn

from bert.adaptation.loading import Source
from bert.checkpoints.directory import config_values
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.eight_bits import in_eight_bits
from bert.commands.embed import recipe_of
from bert.commands.fill_mask import Filling, blanks_of, fill_windows, load_filler
from bert.commands.predict import settings_of
from bert.commands.reading import check_segments
from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.json_values import text_of
from bert.files.lines import Lines
from bert.files.tables import read_objects
from bert.serve.requests import NAME
from bert.serve.service import Item, Service
from bert.tasks.classification.read import MULTI, REGRESSION, read_examples
from bert.tasks.kinds import KINDS
from bert.tasks.options import Columns
from bert.tasks.task import Kind

Log = Callable[[str], None]
FILLERS = {"BertForPreTraining", "BertForMaskedLM"}  # in ``config.json``
PROBLEMS: dict[str | None, str] = {MULTI: "multi-label", REGRESSION: "regression"}  # one head has three kinds
# What JSON has other values for than text.
PARSED: dict[str, dict[str, Callable[[str], Any]]] = {
    "regression": {"prediction": float},
    "similarity": {"prediction": float},
    "choices": {"probabilities": lambda cell: list(map(float, cell.split(",")))},
    "summary": {
        "prediction": lambda cell: list(map(int, cell.split(","))),
        "probabilities": lambda cell: list(map(float, cell.split(","))),
    },
}
# An input of each kind that is not a row of texts.
EXAMPLES: dict[str, dict[str, Any]] = {
    "choices": {"context": "She opens the door.", "choices": ["She walks in.", "The door sings."]},
    "relations": {"text": "The author of a keygen uses a disassembler.", "first": [4, 10], "second": [30, 42]},
    "summary": {"sentences": ["It rained.", "A dam broke.", "Two villages were flooded."]},
}


def service_of(
    source: Source,
    given: dict[str, Any],
    device: str | torch.device = "cpu",
    pooling: str | None = None,
    int8: bool = False,
    log: Log = lambda sentence: None,
) -> Service:
    """The service of a run: of its fine-tuned task, or of what it was pretrained for.

    Args:
        given: the reading settings; None for each that was not given.
        pooling: answers with vectors, whatever the run's head; None: if the run has no head, or has the modules of
            sentence-transformers. A run that compares two texts has these modules, and answers with the cosine.
        int8: whether its matrices have 8 bits, on the CPU.
        log: takes a note on what that saves.

    Raises:
        InputError: if a file of the run is damaged or missing, or a flag would change nothing.
    """
    architectures = set(_architectures(source))
    has_modules = (source.directory / "modules.json").exists()
    compares = source.is_of(KINDS["similarity"].head)
    if pooling is not None or (has_modules and not compares) or "BertModel" in architectures:
        return _service_of_vectors(source, given, device, pooling, int8, log)
    is_task = any(source.is_of(kind.head) for kind in KINDS.values())
    if source.adapter is None and architectures & FILLERS and not is_task:
        return _service_of_blanks(source, given, device, int8, log)
    return _service_of_task(source, given, device, int8, log)


def _service_of_task(
    source: Source, given: dict[str, Any], device: str | torch.device, int8: bool, log: Log
) -> Service:
    kind, columns, options = settings_of(source, NAME, given)
    columns = _named(columns, given)
    model = _at_work(source.load(kind.head), device, int8, log)
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, model.config, str(source))

    def read(lines: Lines) -> list[Item]:
        examples = list(kind.read(lines, columns, False))
        return list(map(Item, examples, kind.inputs(tokenizer, examples, options, NAME).windows))

    def answer(item: Item, prediction: Any) -> dict[str, Any]:
        cells = _as_object(kind, list(kind.rows(model, [(item.example, prediction)], options)))
        if name == "multi-label":  # a label's own name may have the separator in it
            cells["prediction"] = [label for label in model.labels if cells[f"p({label})"] > 0.5]
        return cells | {key: parse(cells[key]) for key, parse in PARSED.get(name, {}).items()}

    name = next(name for name, row in KINDS.items() if row is kind)
    name = PROBLEMS.get(getattr(model, "problem_type", None), name)
    return Service(
        run=source.directory.resolve().name,
        kind=name,
        example=_example(name, columns),
        read=read,
        predict=lambda items: kind.predict(model, [item.windows for item in items], options),
        answer=answer,
    )


def _service_of_blanks(
    source: Source, given: dict[str, Any], device: str | torch.device, int8: bool, log: Log
) -> Service:
    _refuse_others(given, frozenset(), "blanks to fill")
    model = _at_work(load_filler(source), device, int8, log)
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, model.config, str(source))

    def read(lines: Lines) -> list[Item]:
        bad = BadRows(lines, can_skip=False)
        return list(bad.good(read_objects(lines, bad), read_text, "holds no texts; a text with [MASK] was expected"))

    def read_text(place: str, line: int, values: dict[str, Any]) -> Item:
        text = text_of(values, "text", place)
        try:
            return Item(text, [blanks_of(tokenizer, text, model.config.max_position_embeddings)])
        except InputError as error:
            raise InputError(f"{place}: {error}") from None

    def answer(item: Item, blanks: list[list[Filling]]) -> dict[str, Any]:
        return {
            "fillings": [
                [{"piece": each.piece, "probability": round(each.probability, 6)} for each in fillings]
                for fillings in blanks
            ]
        }

    return Service(
        run=source.directory.resolve().name,
        kind="fill-mask",
        example={"text": "Paris is the [MASK] of France."},
        read=read,
        predict=lambda items: fill_windows(model, tokenizer, [window for item in items for window in item.windows]),
        answer=answer,
    )


def _service_of_vectors(
    source: Source, given: dict[str, Any], device: str | torch.device, pooling: str | None, int8: bool, log: Log
) -> Service:
    _refuse_others(given, {"text_column", "text_pair_column", "max_length", "long_texts"}, "vectors")
    recipe = recipe_of(source, given, pooling, log=log)
    columns, options, _ = recipe.reading(NAME)
    columns = _named(columns, given)
    check_segments(recipe.source, are_pairs=columns.text_pair is not None)
    embedder = recipe.load(options, device)
    embedder = embedder._replace(model=_at_work(embedder.model, device, int8, log))

    def read(lines: Lines) -> list[Item]:
        texts = list(read_examples(lines, columns, labelled=False))
        return list(map(Item, texts, embedder.inputs(texts)))

    return Service(
        run=source.directory.resolve().name,
        kind="vectors",
        example=_example("vectors", columns),
        read=read,
        predict=lambda items: embedder.vectors([item.windows for item in items]),
        answer=lambda item, vector: {"vector": [float(f"{value:.9g}") for value in vector.tolist()]},
    )


def _refuse_others(given: dict[str, Any], heeded: Set[str], what: str) -> None:
    """Raises an InputError if a flag was given that would change nothing."""
    for name, value in given.items():
        if value is not None and name not in heeded:
            raise InputError(f"--{name.replace('_', '-')}: it would change nothing for {what}; leave it out")


def _at_work(model: nn.Module, device: str | torch.device, int8: bool, log: Log) -> Any:
    if int8:
        in_eight_bits(model, log)
    return model.to(device).eval()


def _architectures(source: Source) -> list[str]:
    named = config_values(source.body)[1].get("architectures")
    return list(map(str, named)) if isinstance(named, list) else []


def _named(columns: Columns, given: dict[str, Any]) -> Columns:
    """The columns by names. The keys of JSON are names, though a run's table may have had numbers."""
    names = {
        name: name
        for name in ("text", "text_pair")
        if (getattr(columns, name) or "").isdecimal() and given.get(f"{name}_column") is None
    }
    return columns._replace(**names)


def _example(kind: str, columns: Columns) -> dict[str, Any]:
    if kind in EXAMPLES:
        return EXAMPLES[kind]
    if kind == "generation":
        return {"source" if columns.text == Columns().text else columns.text: "A dog runs."}
    if columns.text_pair is not None:
        return {columns.text: "Where does it rain?", columns.text_pair: "It rains in the mountains."}
    return {columns.text: "It rains in the mountains."}


def _as_object(kind: Kind, rows: list[Any]) -> dict[str, Any]:
    """The lines that ``predict`` writes of one example, as an object: a column of several lines is a list."""
    if kind.item_columns is None:
        header, row = rows
        return {name: round(cell, 6) if isinstance(cell, float) else cell for name, cell in zip(header, row)}
    width = max(map(len, rows))
    names = kind.item_columns[-width:] if width else kind.item_columns
    return {name: [row[index] for row in rows if row] for index, name in enumerate(names)}
