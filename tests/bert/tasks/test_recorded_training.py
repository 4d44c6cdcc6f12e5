"""Every kind of task: a few updates and an evaluation give the numbers that were recorded when the code was reviewed.

A change of meaning anywhere on the way (windows, batches, dropout, loss, optimizer, schedule, predictions, metrics)
gives other numbers. If the change is meant, run ``python -m tests.bert.tasks.test_recorded_training`` and put in
what it prints.
"""

import itertools

import pytest
import torch

from bert.tasks.batches import TaskBatches
from bert.tasks.classification.read import Example
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.kinds import KINDS
from bert.training.loop import training_step
from bert.training.optimizer import make_optimizer
from bert.training.schedule import linear_schedule
from bert.training.totals import RunningTotals
from tests.bert.tasks.choices.test_task import examples as choices
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, make_task
from tests.bert.tasks.relations.test_task import LABELS as RELATIONS
from tests.bert.tasks.relations.test_task import marked_texts
from tests.bert.tasks.spans.test_task import questions
from tests.bert.tasks.summaries.test_task import documents
from tests.bert.tasks.tagging.test_task import LABELS as TAGS
from tests.bert.tasks.tagging.test_task import sentences
from tests.bert.training.test_loop import run_of
from tests.conftest import make_documents
from tests.recorded import draw_alike

CLOZE = {"patterns": ["{text} near the [MASK].", "[MASK] . {text}"], "words": {"wet": ["ship", "song"], "dry": "road"}}
UPDATES, BATCH_SIZE, PEAK = 60, 8, 5e-3


def labelled(label):
    """A training and a validation set of texts of two sentences."""
    texts = [[" ".join(document[:2]).lower() for document in make_documents(30, seed)] for seed in (1, 2)]
    examples = [[Example(number, text, None, label(text)) for number, text in enumerate(each)] for each in texts]
    return {"train": ("a", examples[0]), "dev": ("b", examples[1])}


def of_one(text):
    return "wet" if "river" in text or "ship" in text else "dry"


def of_several(text):
    return tuple(sorted(word for word in ("bird", "king", "stone") if word in text))


TASKS = {
    "single-label": lambda: make_task(
        "single-label", labelled(of_one), ["dry", "wet"], max_length=14, long_texts="windows", class_weights="balanced"
    ),
    "multi-label": lambda: make_task(
        "multi-label", labelled(of_several), ["bird", "king", "stone"], max_length=16, long_texts="head+tail",
        class_weights={"bird": 1.0, "king": 2.0, "stone": 3.0},
    ),
    "regression": lambda: make_task(
        "regression", labelled(lambda text: len(text) / 50), ["score"], max_length=16, long_texts="tail"
    ),
    "cloze": lambda: make_task(
        "cloze", labelled(of_one), ["wet", "dry"], max_length=20, long_texts="tail", patterns=patterns_of(CLOZE, "c"),
    ),
    "tagging": lambda: make_task(
        "tagging", {"train": ("a", sentences(1)), "dev": ("b", sentences(2))}, TAGS, max_length=8
    ),
    "spans": lambda: make_task(
        "spans", {"train": ("a", questions(1)), "dev": ("b", questions(2))}, max_length=16, null_threshold=0.5
    ),
    "relations": lambda: make_task(
        "relations", {name: (name, marked_texts()) for name in ("train", "dev")}, RELATIONS, max_length=20
    ),
    "choices": lambda: make_task("choices", {name: (name, choices()) for name in ("train", "dev")}, max_length=14),
    "summary": lambda: make_task(
        "summary", {name: (name, documents()) for name in ("train", "dev")}, max_length=40, summary_sentences=2
    ),
}  # fmt: skip


def numbers_of(kind: str) -> dict[str, float]:
    """The training loss and then the losses and metrics on the validation set."""
    task = TASKS[kind]()
    torch.manual_seed(0)
    model = KINDS[kind].head(CONFIG, **task.model_arguments).train()
    trained = run_of(model, make_optimizer("bert-adamw", model, PEAK))
    batches = TaskBatches(
        task.row_lengths(), task.make_batch, BATCH_SIZE, seed=1, accumulate=2, by_length=not task.labels_per_item
    )
    totals = RunningTotals()
    for step, update in enumerate(itertools.islice(batches, UPDATES)):
        for group in trained.optimizer.param_groups:
            group["lr"] = linear_schedule(step, PEAK, 3, UPDATES)
        counts = [model.label_counts(batch) for batch in update.micro_batches]
        sums = {name: sum(count[name] for count in counts) for name in counts[0]}
        training_step(trained, update.micro_batches, sums, totals, 1.0)
    measured = task.evaluate(model, "dev", FULL, ALONE)
    (loss,) = (value for name, value in totals.means(ALONE).items() if name.endswith("_loss"))
    return {"training_loss": loss} | {f"dev_{name}": each for name, each in measured.losses.items()} | measured.metrics


RECORDED: dict[str, dict[str, float]] = {
    "single-label": {
        "training_loss": 0.73002,
        "dev_classification_loss": 0.72593,
        "dev_classification_accuracy": 0.63333,
        "accuracy": 0.63333,
        "macro_f1": 0.62963,
        "weighted_f1": 0.62963,
        "matthews": 0.27217,
        "f1": 0.59259,
    },
    "multi-label": {
        "training_loss": 0.66643,
        "dev_classification_loss": 1.13774,
        "dev_classification_accuracy": 0.71111,
        "accuracy": 0.33333,
        "micro_f1": 0.27778,
        "macro_f1": 0.18889,
        "weighted_f1": 0.25556,
    },
    "regression": {
        "training_loss": 0.31070,
        "dev_regression_loss": 0.13087,
        "pearson": 0.00503,
        "spearman": 0.02003,
        "mean_squared_error": 0.13087,
    },
    "cloze": {
        "training_loss": 0.44485,
        "dev_cloze_loss": 0.31524,
        "dev_cloze_accuracy": 0.90000,
        "accuracy": 0.90000,
        "macro_f1": 0.89989,
        "weighted_f1": 0.89989,
        "matthews": 0.80178,
        "f1": 0.90323,
    },
    "tagging": {
        "training_loss": 0.13198,
        "dev_tagging_loss": 0.00382,
        "dev_tagging_accuracy": 1.00000,
        "f1": 1.00000,
        "precision": 1.00000,
        "recall": 1.00000,
        "accuracy": 1.00000,
    },
    "spans": {
        "training_loss": 0.33529,
        "dev_span_loss": 0.11331,
        "dev_span_accuracy": 0.97297,
        "f1": 1.00000,
        "exact_match": 1.00000,
    },
    "relations": {
        "training_loss": 1.16184,
        "dev_relation_loss": 0.79151,
        "dev_relation_accuracy": 0.82759,
        "macro_f1": 0.78049,
        "accuracy": 0.82759,
    },
    "choices": {
        "training_loss": 0.76157,
        "dev_choice_loss": 0.25680,
        "dev_choice_accuracy": 0.86957,
        "accuracy": 0.86957,
    },
    "summary": {
        "training_loss": 0.58743,
        "dev_sentence_loss": 0.47397,
        "dev_sentence_accuracy": 0.80537,
        "rouge1": 0.67379,
        "rouge2": 0.60208,
    },
}


@pytest.mark.parametrize("kind", TASKS)
def test_a_few_updates_give_the_recorded_numbers(kind, monkeypatch):
    draw_alike(monkeypatch)
    found = numbers_of(kind)
    assert {name: found[name] for name in RECORDED[kind]} == pytest.approx(RECORDED[kind], rel=2e-3, abs=2e-3)


if __name__ == "__main__":
    draw_alike(pytest.MonkeyPatch())
    for kind in TASKS:
        print(f'    "{kind}": {{')
        for name, value in numbers_of(kind).items():
            print(f'        "{name}": {value:.5f},')
        print("    },")
