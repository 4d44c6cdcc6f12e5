"""Class weights: one for each label, or balanced, or an error that says what was expected."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.tasks.classification.class_weights import choose_class_weights, read_class_weights

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"
NUMBERS = np.array([0, 0, 0, 1])


def test_flags_are_read():
    assert read_class_weights(None) is None
    assert read_class_weights(["balanced"]) == "balanced"
    assert read_class_weights(["dry=1", "a=b=2.5"]) == {"dry": 1.0, "a=b": 2.5}


@pytest.mark.parametrize("part", ["dry", "=1", "dry=0", "dry=-1", "dry=nan", "dry=inf", "dry=heavy"])
def test_what_is_no_weight_is_refused(part):
    with pytest.raises(InputError, match="LABEL=WEIGHT for each label, was expected"):
        read_class_weights([part])


def test_weights_are_in_the_order_of_the_labels():
    assert choose_class_weights(None, ["dry", "wet"], NUMBERS, SINGLE) is None
    assert choose_class_weights({"wet": 2.0, "dry": 1.0}, ["dry", "wet"], NUMBERS, MULTI).tolist() == [1, 2]
    assert choose_class_weights("balanced", ["dry", "wet"], NUMBERS, SINGLE) == pytest.approx([2 / 3, 2])


@pytest.mark.parametrize(
    ("asked", "problem", "message"),
    [({"wet": 2.0}, SINGLE, "given for wet, and the labels are dry, wet"), ("balanced", MULTI, "for single labels"),
     ("balanced", REGRESSION, "has no classes")],
)  # fmt: skip
def test_weights_that_do_not_fit_the_task_are_refused(asked, problem, message):
    with pytest.raises(InputError, match=message):
        choose_class_weights(asked, ["dry", "wet"], NUMBERS, problem)
