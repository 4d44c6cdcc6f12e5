"""Sets of examples: a row for each window, and what is too long has several."""

from finetuning.sets import in_windows


def test_each_window_is_a_row_with_its_example():
    part = in_windows(["a", "b", "c"], [[1], [2, 3], []])
    assert part.windows() == [(1, "a"), (2, "b"), (3, "b")]
    assert part.too_long == 1
