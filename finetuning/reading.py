"""From files to a task: its files, their examples, the validation set and the metric."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from bert.errors import InputError
from bert.files.reading import require_file
from bert.tasks.classification.class_weights import read_class_weights
from bert.tasks.classification.distillation import DistilledTask
from bert.tasks.cloze.patterns import read_patterns
from bert.tasks.cloze.task import ClozeTask
from bert.tasks.kinds import IN_WINDOWS, KINDS
from bert.tasks.options import Columns, Options
from bert.tasks.task import Kind, Task
from bert.tokenization.tokenizer import Tokenizer
from bert.training.script import Log
from data.text.python_docs import read_named_python_docs
from finetuning.built_in import library_examples
from finetuning.built_in_search import search_sets
from finetuning.built_in_summaries import summary_sets
from finetuning.continuing import extended_labels, later_task, read_earlier
from finetuning.generation_start import find_tokenizers
from finetuning.known_tasks import KnownTask, find_file, find_test_file, known_task
from finetuning.settings import FinetuningSettings, kind_of
from finetuning.teachers import read_teachers, teacher_logits
from finetuning.unlabelled import read_beside, read_unlabelled

CPU = torch.device("cpu")
Sets = dict[str, tuple[str, list[Any]]]  # "train", "dev" and perhaps "test": (source, examples)


@dataclass(frozen=True)
class Reading:
    """A task, and what its files decide."""

    task: Task
    metric: str  # selects the best epoch
    columns: Columns  # of the files that the model will predict for
    validation: dict[str, Any] | None = None  # the validation file, and how it was read; None: there is none


def read_task(
    settings: FinetuningSettings, tokenizer: Tokenizer | None, log: Log, device: torch.device = CPU
) -> Reading:
    """Reads the examples of the task, and makes the model's inputs of them.

    Args:
        tokenizer: the checkpoint's. None: it is learned from the task's texts.
        device: on which teachers label texts.

    Raises:
        InputError: if a file or a flag does not fit the task.
    """
    kind = kind_of(settings.problem, settings.task)
    if "patterns" in kind.flags and settings.patterns is None:
        raise InputError("--problem cloze needs patterns: name their file, --patterns FILE.toml (docs/few_labels.md)")
    check_metric_of_kind(settings.metric, kind)
    known = known_task(settings.task, settings.data) if settings.task else None
    columns = columns_of(settings, known)
    patterns = None if settings.patterns is None else read_patterns(settings.patterns)
    teachers = [] if settings.distil_from is None else read_teachers(settings.distil_from)
    class_weights = read_class_weights(settings.class_weights)
    sets = read_sets(settings, kind, known, columns, log)
    # Labels are found before examples are held out. One of them may have a label that no other has.
    source, examples = sets["train"]
    later = settings.takes_model_over
    labels = None if kind.find_labels is None or teachers or later else kind.find_labels(examples, source)
    earlier = read_earlier(settings, kind, columns) if later else None
    groups = earlier and extended_labels(earlier.groups, kind, examples, source)
    if groups is not None:
        labels = list(groups.labels)
    elif teachers:
        labels = list(teachers[0].labels)  # the texts have none
    elif patterns is not None:
        labels = list(patterns.words)  # also one that no training example has
    elif labels is not None and not isinstance(columns.label, str):
        labels = list(columns.label)  # also one that no training example has
    validation = validation_file(settings, sets, columns)
    if "dev" not in sets:
        training, dev = kind.hold_out(examples)
        sets["train"], sets["dev"] = (source, training), (source, dev)
        log(f"There is no --dev file: {len(dev):,} of the {len(examples):,} training examples are held out for it.")
    writing = None
    if "target_vocab" in kind.flags:
        tokenizer, writing = find_tokenizers(settings, tokenizer, sets["train"][1], log)
    assert tokenizer is not None, "only generation begins without a checkpoint"
    usual = known.metric if known is not None and kind is KINDS[known.problem] else None
    metric = check_metric(settings.metric, kind, labels, usual)
    options = Options(
        settings.max_length,
        settings.long_texts,
        settings.workers,
        columns.separator,
        class_weights,
        settings.summary_sentences,
        settings.null_threshold if "null_threshold" in kind.flags else None,
        settings.text,
        patterns=patterns,
        pool=settings.pool,
        masked_lm_weight=settings.masked_lm_weight,
        writing=writing,
        temperature=settings.temperature,
    )
    if teachers:
        logits = teacher_logits(teachers, examples, source, device)
        identity = {"teachers": [(teacher.weights, teacher.share) for teacher in teachers]}
        task = DistilledTask(kind, sets, labels, tokenizer, options, logits, settings.temperature, identity)
        log(f"Teachers: {len(teachers)}. They have labelled {len(logits):,} texts.")
    elif earlier is not None and groups is not None:
        task = later_task(settings, kind, sets, earlier, groups, columns, tokenizer, options)
    else:
        task = kind.task(kind, sets, labels, tokenizer, options)
    for name, part in task.sets.items():
        if part.too_long and not (name == "train" and settings.zero_shot):  # dev's, once more
            fate = IN_WINDOWS if settings.long_texts == "windows" else f"are cut ({settings.long_texts} kept)"
            flags = "--max-length" if kind.long_text_handling else "--max-length, --long-texts"
            log(
                f"Note: {part.too_long:,} of the {len(part.examples):,} {name} texts are longer than "
                f"{settings.max_length} tokens and {kind.long_text_handling or fate}; see {flags}."
            )
    for note in task.notes:
        log(f"Note: {note}")
    if isinstance(task, ClozeTask):
        for note in read_beside(task, settings, columns):
            log(note)
    return Reading(task, metric, kind.predict_columns or columns, validation)


def validation_file(settings: FinetuningSettings, sets: Sets, columns: Columns) -> dict[str, Any] | None:
    """What reads the validation set once more (``bert.commands.validation``). None: it is of no file.

    ``held_out`` says that it is a part of the training file.
    """
    name = "dev" if "dev" in sets else "train"
    file, _ = sets[name]
    if not os.path.exists(file):  # the built-in task
        return None
    columns = columns._replace(targets=getattr(settings, f"{name}_targets"))
    return {"file": file, "held_out": name == "train", "columns": columns._asdict()}


def fingerprint(examples: Iterable[Any]) -> str:
    """The same for the same examples. A resumed run learns from it whether its data have changed."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(repr(example).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def columns_of(settings: FinetuningSettings, known: KnownTask | None) -> Columns:
    """The columns of a table: by the flags, else by the known task."""
    columns = (known.columns if known else None) or Columns()
    given = {
        "text": settings.text_column, "text_pair": settings.text_pair_column, "label": _one_or_several(settings),
        "header": settings.header, "separator": settings.label_separator, "bad_rows": settings.bad_rows,
        "word": settings.word_column, "tag": settings.tag_column, "history": settings.history,
        "query": settings.query_column, "negatives": settings.negatives_column,
    }  # fmt: skip
    return columns._replace(**{name: value for name, value in given.items() if value is not None})


def _one_or_several(settings: FinetuningSettings) -> str | tuple[str, ...] | None:
    names = settings.label_column
    return names[0] if names is not None and len(names) == 1 else names and tuple(names)


def read_sets(settings: FinetuningSettings, kind: Kind, known: KnownTask | None, columns: Columns, log: Log) -> Sets:
    """The examples of the files that the flags or the known task name. Without any, of the built-in task."""
    files = {}
    if known is not None:
        for name, file in (("train", known.train), ("dev", known.dev)):
            if file is not None and settings.data is not None and getattr(settings, name) is None:
                files[name] = find_file(settings.data, file)
        if settings.data is not None and (test := find_test_file(settings.data, known)):
            files["test"] = test
    files |= {name: path for name in ("train", "dev", "test") if (path := getattr(settings, name)) is not None}
    if not settings.measure_test:
        files.pop("test", None)
    if settings.distil_from is not None:
        files.pop("train", None)
        if "dev" not in files:
            raise InputError("--distil-from needs labelled texts that select the best epoch: --dev FILE")
    if settings.zero_shot:  # no update reads the training examples
        if settings.train is not None and "dev" in files:
            log("Note: --zero-shot trains nothing, so the --train file is not read.")
        files |= {"train": files["dev"]} if "dev" in files else {"dev": files["train"]} if "train" in files else {}
    if files:
        if "train" not in files and settings.distil_from is None:
            raise InputError("--train names the training examples' file; or name a --task and its --data")
        targets = {name: getattr(settings, f"{name}_targets") for name in files}
        others = (settings.unlabelled, settings.old_train, settings.old_dev)
        for path in (*files.values(), *targets.values(), *others):  # a long file must not be read before one is missed
            if path is not None and not os.path.isdir(path):
                require_file(path)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sets = {
                name: (str(path), list(kind.read(path, columns._replace(targets=targets[name]), True)))
                for name, path in files.items()
            }
            if settings.distil_from is not None and settings.unlabelled is not None:
                sets["train"] = (settings.unlabelled, read_unlabelled(settings.unlabelled, columns))
            sets = kind.settle(sets)
        for warning in caught:
            log(f"Note: {warning.message}.")
        return sets
    if "target_vocab" in kind.flags:
        return summary_sets(log, settings.workers)
    if kind is KINDS["retrieval"]:
        return search_sets(log, settings.workers)
    log("Which library does a passage of documentation come from? Reading the passages.")
    training, dev = library_examples(read_named_python_docs(settings.workers))
    return {"train": ("the built-in task", training), "dev": ("the built-in task", dev)}


def check_metric_of_kind(asked: str | None, kind: Kind) -> None:
    """Raises an InputError if no task of this kind has the metric asked for, whatever its labels are."""
    of_other_labels = kind.metrics_of_labels(("a",)) if kind.metrics_of_labels else ()  # entities have others
    metrics = dict.fromkeys((*kind.metrics, *kind.metrics_of_two_labels, *of_other_labels))
    if asked is not None and asked not in metrics:
        raise InputError(f"--metric {asked}: of such a task, {', '.join(metrics)} can be measured")


def check_metric(asked: str | None, kind: Kind, labels: Sequence[str] | None, usual: str | None = None) -> str:
    """The metric that selects the best epoch: the one asked for, or the known task's usual one, or the kind's first.

    Raises:
        InputError: if the task has no such metric.
    """
    of_two = kind.metrics_of_two_labels if labels is not None and len(labels) == 2 else ()
    by_labels = labels is not None and kind.metrics_of_labels
    metrics = (*(by_labels(labels) if by_labels else kind.metrics), *of_two)
    if asked is not None and asked not in metrics:
        raise InputError(f"--metric {asked}: of this task, {', '.join(metrics)} are measured")
    return asked or (usual if usual in metrics else metrics[0])
