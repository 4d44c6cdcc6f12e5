"""From files to a task: which files there are, what they hold, what dev is, and by which measure the best is chosen."""

import hashlib
import warnings
from collections.abc import Iterable, Set
from types import SimpleNamespace

from bert.errors import InputError
from data.tasks.classification import Columns
from data.tasks.documentation import library_examples
from data.tasks.known import KNOWN_TASKS, KnownTask, find_file
from data.text.python_docs import read_named_python_docs
from finetuning.kinds import IN_WINDOWS, KINDS, Kind


def kind_of(problem: str | None, task: str | None) -> Kind:
    """The kind of task that --problem names, else that of the known --task, else one label of several."""
    return KINDS[problem or (KNOWN_TASKS[task].problem if task else "single-label")]


def read_task(settings: SimpleNamespace, tokenizer, say):
    """The task: its examples, read, numbered and tokenized.

    Fills in the settings that the task decides: ``metric``, and ``columns``, where predictions find their texts.

    Args:
        settings: the script's; its flags about the task are read here.
        say: takes sentences for the user.

    Raises:
        InputError: where a file is not what the task needs, or a flag has no meaning for it.
    """
    kind, known = kind_of(settings.problem, settings.task), KNOWN_TASKS.get(settings.task)
    columns = columns_of(settings, known)
    sets = read_sets(settings, kind, known, columns, say)
    # Labels are found before examples are held out, which may have one that no other has.
    source, examples = sets["train"]
    labels = None if kind.find_labels is None else kind.find_labels(examples, source=source)
    if "dev" not in sets:
        training, dev = kind.hold_out(examples)
        sets["train"], sets["dev"] = (source, training), (source, dev)
        say(f"There is no --dev file: {len(dev):,} of the {len(examples):,} training examples are held out for it.")
    settings.metric = check_metric(settings.metric or (known.metric if known else None), kind, labels)
    settings.columns = (kind.predict_columns or columns)._asdict()
    task = kind.make_task(sets, labels, tokenizer, settings)
    for name, texts in task.sets.items():
        if texts.too_long:
            fate = IN_WINDOWS if settings.long_texts == "windows" else f"are cut ({settings.long_texts} kept)"
            flags = "--max-length" if kind.long_text_handling else "--max-length, --long-texts"
            say(
                f"Note: {texts.too_long:,} of the {len(texts.examples):,} {name} texts are longer than "
                f"{settings.max_length} tokens and {kind.long_text_handling or fate}; see {flags}."
            )
    return task


def fingerprint(examples: Iterable) -> str:
    """The same for the same examples, by which a resumed run knows whether its data are what they were."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(repr(example).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def check_flags(given: Set[str], kind: Kind) -> None:
    """Refuses what this kind of task would pass over in silence.

    Args:
        given: the names of the flags that were given.

    Raises:
        InputError: where one of them is heeded by other kinds alone.
    """
    of_some_kinds = set().union(*(other.flags for other in KINDS.values()))
    for name in sorted(given & of_some_kinds - kind.flags):
        raise InputError(f"--{name.replace('_', '-')}: it would change nothing in this kind of task; leave it out")
    if "long_texts" in given and kind.long_text_handling is not None:
        raise InputError(f"--long-texts: in this kind of task, texts too long {kind.long_text_handling}; leave it out")


def columns_of(settings: SimpleNamespace, known: KnownTask | None) -> Columns:
    """Where in a table texts and labels stand: as the flags say, else as the known task has them."""
    columns = (known.columns if known else None) or Columns()
    given = {
        "text": settings.text_column, "text_pair": settings.text_pair_column, "label": settings.label_column,
        "header": settings.header, "separator": settings.label_separator,
    }  # fmt: skip
    return columns._replace(**{name: value for name, value in given.items() if value is not None})


def read_sets(
    settings: SimpleNamespace, kind: Kind, known: KnownTask | None, columns: Columns, say
) -> dict[str, tuple[str, list]]:
    """(source, examples) of "train", and of "dev" and "test" where there are files of them: those that the flags name,
    those of the known task's directory, or else the built-in task's.
    """
    files = {}
    if known is not None:
        if settings.data is None and settings.train is None:
            raise InputError(f"--task {settings.task} needs --data, the directory with its files")
        for name, file in (("train", known.train), ("dev", known.dev)):
            if file is not None and settings.data is not None and getattr(settings, name) is None:
                files[name] = find_file(settings.data, file)
    files |= {name: path for name in ("train", "dev", "test") if (path := getattr(settings, name)) is not None}
    if files:
        if "train" not in files:
            raise InputError("--train names the training examples' file; or name a --task and its --data")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sets = {name: (str(path), kind.read(path, columns)) for name, path in files.items()}
        for warning in caught:
            say(f"Note: {warning.message}.")
        return sets
    say("Which library does a passage of documentation come from? Reading the passages.")
    training, dev = library_examples(read_named_python_docs(settings.workers))
    return {"train": ("the built-in task", training), "dev": ("the built-in task", dev)}


def check_metric(asked: str | None, kind: Kind, labels: list[str] | None) -> str:
    """The measure by which the best epoch is chosen: the one asked for, or the first of those of the kind.

    Raises:
        InputError: where the task has no such measure.
    """
    of_two = kind.metrics_of_two_labels if labels is not None and len(labels) == 2 else ()
    metrics = (*kind.metrics, *of_two)
    if asked is not None and asked not in metrics:
        raise InputError(f"--metric {asked}: of this task, {', '.join(metrics)} are measured")
    return asked or metrics[0]
