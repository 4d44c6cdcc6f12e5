"""Accuracy of choices, and the mistakes that the report shows."""

import numpy as np
import pytest

from bert.tasks.choices.measure import measure_choices
from bert.tasks.choices.read import Choices
from bert.tasks.options import Options


def test_the_highest_score_is_the_choice_and_the_surest_mistake_is_shown_first():
    examples = [Choices(7 + number, f"context {number}", ("one", "two", "three"), 1) for number in range(4)]
    logits = [np.array(each, np.float32) for each in ([0, 3, 0], [2, 0, 0], [9, 0, 0], [0, 0.5, 0])]
    found = measure_choices(examples, logits, (), Options(16), True)
    assert found.metrics == {"accuracy": 0.5}
    assert [row[:3] for row in found.rows] == [[7, 1, 1], [8, 1, 0], [9, 1, 0], [10, 1, 1]]
    assert found.rows[1][3] == pytest.approx(np.exp(2) / (np.exp(2) + 2))
    assert [row[4] for row in found.rows] == ["two", "one", "one", "two"]
    ((_, page, _),) = found.sections
    assert page.index("context 2") < page.index("context 1")
    assert "context 0" not in page and "context 3" not in page
