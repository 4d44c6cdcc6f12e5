"""The baseline of each kind is a guess that reads no text, measured as a model is."""

import math
import random

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error

from bert.heads.classification import BertForSequenceClassification
from bert.tasks.baseline import Baseline, beats, in_quotes
from bert.tasks.choices.read import Choices
from bert.tasks.classification.read import Example
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.relations.read import MarkedText
from bert.tasks.spans.read import Question
from bert.tasks.summaries.read import Document
from bert.tasks.tagging.sentence import TaggedSentence
from bert.training.curves import BASELINES
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, make_task


def guessed(kind, training, examples, labels=(), **options):
    """The baseline's name, and its metrics on examples."""
    row, how = KINDS[kind], Options(16, **options)
    baseline = row.baseline(training, labels, how)
    assert {baseline.short, *baseline.short_of.values()} <= BASELINES.keys()  # the curves have words for it
    return baseline.name, row.measure(examples, list(map(baseline.guess, examples)), labels, how, False).metrics


def texts(labels) -> list[Example]:
    return [Example(line, "a text", None, label) for line, label in enumerate(labels)]


def test_of_one_label_it_is_the_most_frequent_as_scikit_learns_dummy_has_it():
    generator, labels, scores = random.Random(0), ["bird", "king", "stone"], set()
    for _ in range(20):
        training, dev = (generator.choices(labels, [1, generator.random(), 2], k=30) for _ in range(2))
        dummy = DummyClassifier(strategy="most_frequent").fit(training, training).predict(dev)
        name, metrics = guessed("single-label", texts(training), texts(dev), labels)
        assert name == f"always '{dummy[0]}'"
        assert metrics["accuracy"] == pytest.approx(accuracy_score(dev, dummy))
        macro_f1 = f1_score(dev, dummy, labels=labels, average="macro", zero_division=0)
        assert metrics["macro_f1"] == pytest.approx(macro_f1)
        scores.add(metrics["accuracy"])
    assert len(scores) > 5  # the control


def test_of_a_number_it_is_the_mean_of_the_training_examples_and_has_no_correlation():
    generator = np.random.default_rng(0)
    training, dev = generator.normal(2.7, 1, 70), generator.normal(2.7, 1, 50)
    dummy = DummyRegressor().fit(training, training).predict(dev)
    name, metrics = guessed("regression", texts(training), texts(dev), ["score"])
    assert name == f"always the mean, {dummy[0]:.6g}"
    assert metrics["mean_squared_error"] == pytest.approx(mean_squared_error(dev, dummy), rel=1e-5)
    assert (metrics["pearson"], metrics["spearman"]) == (0, 0)


def test_of_several_labels_it_is_those_that_most_examples_have():
    training = texts([("wet", "old"), ("wet",), ("wet", "old"), ()])
    dev = texts([("wet",), ("wet", "old")])
    name, metrics = guessed("multi-label", training, dev, ["old", "wet"])
    assert (name, metrics["accuracy"]) == ("always 'wet'", 0.5)
    assert metrics["micro_f1"] == pytest.approx(2 * 2 / (2 + 3))
    assert guessed("multi-label", texts([("wet",), ("old",), ()]), dev, ["old", "wet"])[0] == "always no label"


def test_of_tags_it_is_the_most_frequent_for_each_word():
    training = [TaggedSentence(1, ("a", "b", "c"), ("O", "B-X", "O"))]
    dev = [TaggedSentence(1, ("a", "b"), ("B-X", "O")), TaggedSentence(4, ("c", "d"), ("O", "O"))]
    name, metrics = guessed("tagging", training, dev, ["O", "B-X"])
    assert (name, metrics) == ("always 'O'", {"f1": 0, "precision": 0, "recall": 0, "accuracy": 0.75})


@pytest.mark.parametrize(("threshold", "name", "f1"), [
    (0.0, "always 'no answer'", 0.5), (9.5, "always 'no answer'", 0.5), (None, "always the whole context", 1 / 4),
])  # fmt: skip
def test_of_answers_it_is_none_or_else_all(threshold, name, f1):
    questions = [Question(0, None, "Who?", "Rio de Janeiro", (("Rio", 0),)), Question(0, None, "Who?", "Rio won", ())]
    found, metrics = guessed("spans", questions, questions, null_threshold=threshold)
    assert (found, metrics["f1"]) == (name, pytest.approx(f1))


def test_of_relations_it_is_the_most_frequent():
    relations = ["Other", "A-B(e1,e2)", "A-B(e1,e2)"]
    marked = [MarkedText(line, "a b", (0, 1), (2, 3), label) for line, label in enumerate(relations)]
    name, metrics = guessed("relations", marked, marked, ["A-B(e1,e2)", "Other"])
    assert (name, metrics["accuracy"], metrics["macro_f1"]) == ("always 'A-B(e1,e2)'", 2 / 3, pytest.approx(0.8))


def test_of_choices_it_is_the_place_that_is_right_most_often_of_those_that_there_are():
    def example(count, label):
        return Choices(1, "context", tuple("abcdefg"[:count]), label)

    training = [example(4, 2)] * 3 + [example(4, 1)] * 2
    dev = [example(4, 2), example(2, 1), example(2, 0), example(6, 2)]
    assert guessed("choices", training, dev) == ("always choice 2", {"accuracy": 3 / 4})


def test_of_summaries_it_is_the_first_sentences():
    document = Document(1, ("It rained.", "A dam broke.", "Nobody saw it."), (1,), ("A dam broke.",))
    name, metrics = guessed("summary", [document], [document], summary_sentences=2)
    assert name == "always the first 2 sentences"
    assert metrics["rouge1"] == pytest.approx(2 * 3 / (3 + 5))
    assert guessed("summary", [document], [document], summary_sentences=1)[1]["rouge1"] == 0


def test_each_kind_in_the_table_has_one():
    assert [name for name, kind in KINDS.items() if kind.baseline is None] == []


def test_it_is_learned_from_the_training_set_and_measured_on_the_others_by_the_metrics_of_a_model():
    sets = {"train": texts(["dry"] * 3 + ["wet"]), "dev": texts(["wet"] * 3 + ["dry"]), "test": texts(["dry", "wet"])}
    task = make_task("single-label", {name: ("a", each) for name, each in sets.items()}, ["dry", "wet"], max_length=8)
    assert {name: metrics["accuracy"] for name, metrics in task.baselines.items()} == {"dev": 0.25, "test": 0.5}
    torch.manual_seed(0)
    evaluation = task.evaluate(BertForSequenceClassification(CONFIG, labels=task.labels), "dev", FULL, ALONE)
    assert task.baselines["dev"].keys() == evaluation.metrics.keys()


def test_only_more_is_better_and_nothing_that_is_no_number():
    assert beats("f1", 0.6, 0.5)
    assert not any(beats("f1", value, 0.5) for value in (0.5, 0.4, math.nan, -math.inf))
    assert beats("f1", 1.0, 1.0)  # there is nothing above it


def test_less_is_better_of_a_perplexity_and_of_an_error():
    for metric in ("perplexity", "mean_squared_error"):
        assert beats(metric, 0.4, 0.5)
        assert not any(beats(metric, value, 0.5) for value in (0.5, 0.6, 1.0, math.nan, math.inf))


def test_a_guess_for_other_metrics_has_another_name_in_the_log():
    baseline = Baseline("a and b", str, "first_sentence", {"perplexity": "unigram"})
    assert baseline.in_log({"perplexity": 9.0, "rouge1": 0.1}) == {
        "unigram_perplexity": 9.0,
        "first_sentence_rouge1": 0.1,
    }
    assert Baseline("always 'a'", str).in_log({"f1": 0.5}) == {"majority_f1": 0.5}


def test_a_long_label_is_cut_in_the_name():
    assert in_quotes("x" * 90) == f"'{'x' * 39}…'"
    assert in_quotes("a'b\n") == '"a\'b\\n"'
