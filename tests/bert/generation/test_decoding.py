"""The settings of decoding refuse what is out of range, and what contradicts itself, in a sentence."""

import math

import pytest

from bert.errors import InputError
from bert.generation.decoding import Decoding


@pytest.mark.parametrize("name, value, expected", [
    ("max_length", 0, "max_length is 0; a whole number from 1 to"),
    ("min_length", -1, "min_length is -1; a whole number from 0 to"),
    ("no_repeat_ngram", 2.5, "no_repeat_ngram is 2.5; a whole number"),
    ("beams", 0, "beams is 0; a whole number from 1"),
    ("beams", True, "beams is True; a whole number"),
    ("length_penalty", math.nan, "length_penalty is nan; a finite number"),
    ("temperature", 0, "temperature is 0; a positive number"),
    ("temperature", math.inf, "temperature is inf; a positive number"),
    ("top_p", 0.0, "top_p is 0.0; a share"),
    ("top_p", 1.5, "top_p is 1.5; a share"),
    ("seed", 0.5, "seed is 0.5; a whole number"),
])  # fmt: skip
def test_a_value_out_of_its_range_is_refused(name, value, expected):
    with pytest.raises(InputError, match=expected):
        Decoding(**{name: value})


@pytest.mark.parametrize("settings, expected", [
    ({"min_length": 9, "max_length": 8}, "min_length is 9 and max_length 8"),
    ({"sample": True, "beams": 4}, "sample is on and beams is 4"),
    ({"length_penalty": 1.0}, "length_penalty is 1.0, but one beam compares no lengths"),
    ({"temperature": 0.7}, "temperature is 0.7, but nothing is drawn at random"),
    ({"top_p": 0.9, "beams": 4}, "top_p is 0.9, but nothing is drawn at random"),
    ({"seed": 1}, "seed is 1, but nothing is drawn at random"),
])  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(settings, expected):
    with pytest.raises(InputError, match=expected):
        Decoding(**settings)


def test_an_output_fits_into_the_decoders_positions():
    Decoding(max_length=31).check_positions(32)
    with pytest.raises(InputError, match=r"max_length is 32, but the decoder has 32 positions.*use at most 31"):
        Decoding(max_length=32).check_positions(32)
