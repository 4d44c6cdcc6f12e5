"""Flags: a number out of bounds is refused."""

import argparse

import pytest

from bert.training.flags import above_zero, at_least_zero, fraction, positive, probability, seed, whole, workers


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [(whole, "0", "-1"), (positive, "1", "0"), (above_zero, "0.5", "0"), (above_zero, "1", "inf"),
     (above_zero, "1", "nan"), (at_least_zero, "0", "-0.1"), (at_least_zero, "1", "nan"), (at_least_zero, "1", "inf"),
     (probability, "0", "1"), (fraction, "1", "0"), (fraction, "0.5", "1.5"), (fraction, "1", "nan"),
     (workers, "256", "257"), (workers, "1", "0")],
)  # fmt: skip
def test_numbers_out_of_bounds_are_refused(kind, good, bad):
    assert kind(good) == float(good)
    with pytest.raises(argparse.ArgumentTypeError, match=bad):
        kind(bad)


def test_numbers_that_no_library_takes_are_refused():
    assert whole(str(2**31 - 1)) == 2**31 - 1
    for kind in (whole, positive):
        with pytest.raises(argparse.ArgumentTypeError, match="above 2,147,483,647"):
            kind(str(2**64))


@pytest.mark.parametrize("kind", [whole, positive, seed, workers, above_zero, at_least_zero, probability, fraction])
def test_what_is_no_number_is_refused_without_the_name_of_a_function(kind):
    with pytest.raises(argparse.ArgumentTypeError, match=r"^'x' is not a (whole )?number$"):
        kind("x")
