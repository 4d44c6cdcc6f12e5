"""The kinds of tasks, in a table: what reads each, what its labels are, and what trains and measures a model on it.

Whoever adds a kind writes its reader (data/tasks/), its task (here, a file of its own, like ``finetuning.tagging``) and
a row of ``KINDS``; the script knows none of them by name. A task is what the script trains on and measures with:

    labels, sets, tokenizer           its labels, () where there are none; its examples by set ("train", "dev", "test")
    model_class, model_arguments      the model, and what its constructor takes besides the configuration
    head                              the name of the part of the model that starts untrained
    row_lengths(), make_batch(...)    the rows that are trained on: how long each is, and some of them as tensors
    batches_by_length                 whether rows of about one length go into a batch (see ``TaskBatches``)
    evaluate(...)                     the measures on a set
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

from bert.errors import InputError
from bert.heads.sequence import PROBLEM_TYPES
from data.tasks.choices import read_labelled_choices
from data.tasks.classification import Columns, find_labels, hold_out, read_examples
from data.tasks.relations import find_relations, read_relations
from data.tasks.spans import hold_out_articles, read_answered_questions
from data.tasks.summaries import read_summaries
from data.tasks.tagging import find_tags, read_tagged_sentences
from finetuning import choices, classification, relations, spans, summaries, tagging
from finetuning.class_weights import read_class_weights

SINGLE, MULTI, REGRESSION = PROBLEM_TYPES


class Kind(NamedTuple):
    """A kind of task.

    read: (path, columns) -> examples.
    find_labels: (examples, source) -> the labels in the order of the model's outputs; None where there are none.
    hold_out: examples -> (training, dev), where there is no file for dev.
    make_task: (sets, labels, tokenizer, settings) -> the task, its examples numbered and tokenized; sets are (source,
        examples) by name.
    metrics: by which the best epoch may be chosen; the first is the one that is.
    metrics_of_two_labels: those that there are besides where there are just two labels.
    flags: of the flags that not every kind heeds, those that this one does (but --long-texts: see
        long_text_handling).
    long_text_handling: what becomes of texts that are too long, where --long-texts does not decide it.
    max_length: the default of --max-length, where it is not that of the other kinds.
    predict_columns: where ``python -m bert predict`` finds texts, unless told; None: where the training table has them.
    predict_file: the form of file that it reads.
    """

    read: Callable
    find_labels: Callable | None
    hold_out: Callable
    make_task: Callable
    metrics: tuple[str, ...]
    metrics_of_two_labels: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    long_text_handling: str | None = None
    max_length: int | None = None
    predict_columns: Columns | None = None
    predict_file: str = "FILE.tsv"


def make_classification(sets, labels: list[str], tokenizer, settings: SimpleNamespace, problem_type: str):
    """Texts or pairs of texts, each with a label, several, or a number."""
    return classification.ClassificationTask(
        sets, labels, problem_type, tokenizer, settings.max_length, settings.long_texts, settings.workers,
        read_class_weights(settings.class_weights), settings.columns["separator"],
    )  # fmt: skip


def make_tagging(sets, labels: list[str], tokenizer, settings: SimpleNamespace) -> tagging.TaggingTask:
    """Sentences whose words have a tag each."""
    return tagging.TaggingTask(sets, labels, tokenizer, settings.max_length)


def make_spans(sets, labels: None, tokenizer, settings: SimpleNamespace) -> spans.SpanTask:
    """Questions with a text that has the answer; "no answer" is one where a training question has none."""
    some_have_none = any(not question.answers for question in sets["train"][1])
    if settings.null_threshold != 0 and not some_have_none:
        raise InputError("--null-threshold: every training question has an answer; leave it out")
    null_threshold = settings.null_threshold if some_have_none else None
    return spans.SpanTask(sets, tokenizer, settings.max_length, null_threshold)


def make_relations(sets, labels: list[str], tokenizer, settings: SimpleNamespace) -> relations.RelationTask:
    """Texts with two marked entities, whose relation is the label."""
    return relations.RelationTask(sets, labels, tokenizer, settings.max_length)


def make_choices(sets, labels: None, tokenizer, settings: SimpleNamespace) -> choices.ChoiceTask:
    """Contexts with several choices, one of which is right."""
    return choices.ChoiceTask(sets, tokenizer, settings.max_length, settings.long_texts)


def make_summaries(sets, labels: None, tokenizer, settings: SimpleNamespace) -> summaries.SummaryTask:
    """Documents of sentences, some of which are the summary."""
    return summaries.SummaryTask(sets, tokenizer, settings.max_length, settings.summary_sentences)


IN_WINDOWS = "go in windows"
OF_TABLES = frozenset({"text_column", "text_pair_column", "label_column", "header"})
# By the names that --problem has.
KINDS = {
    "single-label": Kind(
        read=partial(read_examples, problem_type=SINGLE),
        find_labels=partial(find_labels, problem_type=SINGLE),
        hold_out=hold_out,
        make_task=partial(make_classification, problem_type=SINGLE),
        metrics=("accuracy", "macro_f1", "weighted_f1", "matthews"),
        metrics_of_two_labels=("f1",),
        flags=OF_TABLES | {"class_weights", "workers"},
    ),
    "multi-label": Kind(
        read=partial(read_examples, problem_type=MULTI),
        find_labels=partial(find_labels, problem_type=MULTI),
        hold_out=hold_out,
        make_task=partial(make_classification, problem_type=MULTI),
        metrics=("micro_f1", "macro_f1", "weighted_f1", "accuracy"),
        flags=OF_TABLES | {"label_separator", "class_weights", "workers"},
    ),
    "regression": Kind(
        read=partial(read_examples, problem_type=REGRESSION),
        find_labels=partial(find_labels, problem_type=REGRESSION),
        hold_out=hold_out,
        make_task=partial(make_classification, problem_type=REGRESSION),
        metrics=("pearson", "spearman"),
        flags=OF_TABLES | {"workers"},
    ),
    "tagging": Kind(
        read=lambda path, columns: read_tagged_sentences(path),
        find_labels=find_tags,
        hold_out=hold_out,
        make_task=make_tagging,
        metrics=("f1", "precision", "recall", "accuracy"),
        long_text_handling=IN_WINDOWS,
    ),
    "spans": Kind(
        read=lambda path, columns: read_answered_questions(path),
        find_labels=None,
        hold_out=hold_out_articles,
        make_task=make_spans,
        metrics=("f1", "exact_match"),
        flags=frozenset({"null_threshold"}),
        long_text_handling=IN_WINDOWS,
        max_length=384,  # google-research/bert run_squad.py
        predict_columns=Columns("question", "context"),  # of a table: SQuAD's form is read as well
    ),
    "relations": Kind(
        read=lambda path, columns: read_relations(path),
        find_labels=find_relations,
        hold_out=hold_out,
        make_task=make_relations,
        metrics=("macro_f1", "accuracy"),
        long_text_handling="lose what is farthest from both entities",
        predict_file="FILE.txt",
    ),
    "choices": Kind(
        read=lambda path, columns: read_labelled_choices(path),
        find_labels=None,
        hold_out=hold_out,
        make_task=make_choices,
        metrics=("accuracy",),
        predict_file="FILE.jsonl",
    ),
    "summary": Kind(
        read=lambda path, columns: read_summaries(path),
        find_labels=None,
        hold_out=hold_out,
        make_task=make_summaries,
        metrics=("rouge1", "rouge2", "rougeL"),
        flags=frozenset({"summary_sentences"}),
        predict_file="FILE.jsonl",
        long_text_handling=f"{IN_WINDOWS} of whole sentences, in which a still longer sentence loses its end",
        max_length=512,  # Liu 2019, section 3.2
    ),
}
