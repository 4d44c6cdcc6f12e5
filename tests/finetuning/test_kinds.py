"""The table of kinds: it has what the known tasks need, and no kind leaves a choice open."""

import pytest

from bert.errors import InputError
from bert.tasks.kinds import KINDS
from finetuning.known_tasks import KNOWN_TASKS
from finetuning.reading import check_metric, check_metric_of_kind
from finetuning.settings import kind_of


def test_each_known_task_has_its_kind_and_a_metric_of_it():
    for name, known in KNOWN_TASKS.items():
        kind = kind_of(None, name)
        assert kind is KINDS[known.problem]
        assert check_metric(known.metric, kind, ["O", "B-X"]) == known.metric


def test_the_flag_goes_before_the_known_task_and_one_label_is_the_default():
    assert kind_of("tagging", "squad") is KINDS["tagging"]
    assert kind_of(None, None) is KINDS["single-label"]


@pytest.mark.parametrize("name", KINDS)
def test_the_first_metric_is_the_one_where_none_is_asked_for_and_others_are_refused(name):
    kind = KINDS[name]
    assert check_metric(None, kind, None) == kind.metrics[0]
    with pytest.raises(InputError, match=f"--metric beauty: of this task, {', '.join(kind.metrics)} are measured"):
        check_metric("beauty", kind, None)


@pytest.mark.parametrize("name", KINDS)
def test_a_metric_of_other_labels_is_not_refused_before_the_labels_are_known(name):
    kind = KINDS[name]
    for metric in (None, *kind.metrics, *kind.metrics_of_two_labels):
        check_metric_of_kind(metric, kind)
    with pytest.raises(InputError, match=f"--metric beauty: of such a task, {', '.join(kind.metrics)}"):
        check_metric_of_kind("beauty", kind)


def test_tags_may_be_entities_or_not():
    for metric in ("f1", "accuracy", "macro_f1"):
        check_metric_of_kind(metric, KINDS["tagging"])


def test_f1_of_classes_is_that_of_two():
    kind = KINDS["single-label"]
    assert check_metric("f1", kind, ["a", "b"]) == "f1"
    with pytest.raises(InputError, match="--metric f1"):
        check_metric("f1", kind, ["a", "b", "c"])
    assert check_metric("f1", KINDS["tagging"], ["O", "B-A", "B-B"]) == "f1"


def test_tags_that_are_no_entities_have_their_own_metrics_and_the_known_tasks_only_where_it_is_one():
    kind, labels = KINDS["tagging"], ["DET", "NOUN"]
    assert check_metric(None, kind, labels) == check_metric(None, kind, labels, "f1") == "accuracy"
    assert check_metric(None, kind, ["O", "B-X"], "recall") == "recall"
    assert check_metric("macro_f1", kind, labels) == "macro_f1"
    with pytest.raises(InputError, match="--metric f1: of this task, accuracy, macro_f1 are measured"):
        check_metric("f1", kind, labels)
