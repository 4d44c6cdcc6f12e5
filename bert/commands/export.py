"""``python -m bert export``: a run as files that other programs run, compared with the run on real texts."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bert.checkpoints.directory import config_of
from bert.checkpoints.vocabulary import save_tokenizer
from bert.commands.reading import reading_of
from bert.commands.validation import columns_from, read_labelled, validation_of
from bert.errors import InputError
from bert.export.check import Check, compare, megabytes_of
from bert.export.formats import FORMATS
from bert.export.forms import SentenceVectors
from bert.export.model import Exported, read_exported
from bert.export.parts import parts_of
from bert.export.readme import readme_of
from bert.export.subject import Subject, of_kind, of_masked_pieces, of_pairs, of_vectors
from bert.export.texts import built_in_examples, evenly_spaced
from bert.files.json_objects import read_json_object
from bert.files.whole import write_atomically
from bert.files.whole_directory import check_may_write, whole_directory
from bert.generation.directory import save_target_tokenizer
from bert.generation.model import BertForConditionalGeneration
from bert.model.bert import BertModel
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Columns, Options

MARK = "check.json"  # a directory that has it is an export
TEXTS = 256
BUILT_IN = "the documentation of Python's own library, which has no labels"


def export_run(
    run: str | Path, output: str | Path, format: str, int8: bool = False, texts: str | Path | None = None,
    count: int = TEXTS, threshold: float | None = None, overwrite: bool = False,
    log: Callable[[str], None] = lambda sentence: None,
) -> Check:  # fmt: skip
    """Writes a run's model in a format, with its tokenizer, labels and a README, and compares it with the run.

    Args:
        output: a directory that is written whole or not at all.
        texts: the file to compare with. None: the run's validation file. Without one: texts of Python's library.
        count: the most examples to compare with.
        threshold: see ``bert.export.check``.
        overwrite: whether an earlier export there is replaced.
        log: takes notes.

    Raises an InputError if the run or the texts cannot be read, or its model cannot be exported.
    """
    output, row = Path(output), FORMATS[format]
    check_may_write(output, overwrite, MARK)
    row.refuse_unless_possible(int8)
    exported = read_exported(run)
    model, tokenizer = exported.model, exported.tokenizer
    forms = {name: part.form for name, part in parts_of(model).items()}
    subject, compared, options = subject_of(exported, texts, count, log)
    with whole_directory(output, overwrite, MARK) as directory:
        running = row.write(directory, model, tokenizer, int8)
        megabytes = megabytes_of(model), sum(path.stat().st_size for path in directory.iterdir()) / 1e6
        outputs = tuple((forms["decoder"] if "decoder" in forms else forms["model"]).axes_of)
        check = compare(model, running, outputs, subject, compared, format, int8, megabytes, threshold)
        if row.suffix is not None:
            _write_beside(directory, exported, options)
            write_atomically(directory / "README.md", readme_of(format, row.suffix, forms, tokenizer))
        _write_json(directory / MARK, check.to_dict())
    return check


def _write_beside(directory: Path, exported: Exported, options: Options) -> None:
    """The tokenizer's files, ``labels.json`` and ``config.json``."""
    model, tokenizer = exported.model, exported.tokenizer
    save_tokenizer(directory, tokenizer)
    if options.writing is not None:
        save_target_tokenizer(directory, tokenizer, options.writing.tokenizer)
    names = ("labels", "problem_type")
    _write_json(directory / "labels.json", {name: getattr(model, name, None) for name in names})
    _write_json(directory / "config.json", config_of(model.bert if isinstance(model, SentenceVectors) else model))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=2) + "\n")


def subject_of(
    exported: Exported, texts: str | Path | None, count: int, log: Callable[[str], None]
) -> tuple[Subject, str, Options]:
    """What is compared, the same in words, and how the run reads texts."""
    source, kind, tokenizer = exported.source, exported.kind, exported.tokenizer
    given = {"max_length": exported.longest}
    columns, options, are_pairs = reading_of(source, texts or "", given, kind and kind.predict_columns)
    if kind is None:
        if isinstance(exported.model, SentenceVectors):
            columns = columns._replace(text_pair=None)  # also a run that was trained on pairs: each text is a vector
        examples = _plain_texts(texts, columns, count)
        if exported.prompt:
            examples = [example._replace(first=exported.prompt + example.first) for example in examples]
        compared = f"{len(examples):,} texts of {texts or BUILT_IN}"
        if hasattr(exported.model, "masked_language_model"):
            return of_masked_pieces(tokenizer, examples, options), f"{compared}, some pieces masked", options
        is_encoder = isinstance(exported.model, BertModel)
        field = "last_hidden_state" if is_encoder else "sentence_embedding"
        return of_vectors(field, tokenizer, examples, options), compared, options
    examples, labelled, where = _task_examples(exported, texts, columns, count, are_pairs, log)
    compared = f"{len(examples):,} examples of {where}"
    if isinstance(exported.model, BertForConditionalGeneration):
        return of_pairs(kind, tokenizer, examples, options, labelled), compared, options
    if labelled and not _has_metrics():
        labelled = False
        log("Note: no metric is compared, since scikit-learn is missing; pip install scikit-learn.")
    return of_kind(kind, exported.model, tokenizer, examples, options, where, labelled), compared, options


def _has_metrics() -> bool:
    """Whether the library of metrics is installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return False
    return True


def _plain_texts(texts: str | Path | None, columns: Columns, count: int) -> list[Example]:
    if texts is None:
        return built_in_examples(BertModel, count)
    return evenly_spaced(list(read_examples(texts, columns, labelled=False)), count)


def _task_examples(
    exported: Exported, texts: str | Path | None, columns: Columns, count: int, are_pairs: bool,
    log: Callable[[str], None],
) -> tuple[list[Any], bool, str]:  # fmt: skip
    """Examples of the run's kind, whether they have labels, and where they come from.

    A file that is named has labels, or is read without them. So is the run's own if it is there no more.
    """
    source, kind = exported.source, exported.kind
    assert kind is not None
    validation = validation_of(source)
    if texts is not None:
        saved = source.directory / "task.json"
        usual = columns  # as ``bert predict`` reads this file
        if validation is not None:
            columns = validation.columns
        elif saved.exists():
            columns = columns_from(read_json_object(saved).get("columns") or {}, str(saved))
        try:
            return evenly_spaced(read_labelled(kind, texts, columns), count), True, str(texts)
        except InputError as error:
            examples = evenly_spaced(list(kind.read(texts, usual, False)), count)
            log(f"Note: no metric is compared, since {error}.")
            return examples, False, str(texts)
    if validation is not None and os.path.exists(validation.file):
        return evenly_spaced(validation.read(kind), count), True, f"{validation.file}, the run's validation set"
    missing = "its task.json names no validation file" if validation is None else f"{validation.file} is there no more"
    log(f"Note: {missing}, so the texts are {BUILT_IN}. Name a file: --texts FILE.")
    return built_in_examples(kind.head, count, are_pairs), False, BUILT_IN
