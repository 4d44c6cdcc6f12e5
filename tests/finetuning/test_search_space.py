"""The space of a search: what --space may say, and what is drawn from it."""

import math

import numpy as np
import pytest

from bert.errors import InputError
from finetuning.flags import make_parser
from finetuning.search_space import PAPERS_GRID, as_flags, draw, grid, read_space

SPACE = ["learning-rate=1e-5..1e-3:log batch-size=16,32", "epochs=2..5", "pool=cls,mean"]


def test_what_is_drawn_is_in_the_space_and_evenly_spread():
    space = read_space(SPACE)
    drawn = [draw(space, 0, number) for number in range(500)]
    assert all(settings[part.name] in part for settings in drawn for part in space)
    for name, value in (("epochs", 2), ("epochs", 5), ("batch_size", 16), ("pool", "mean")):
        share = sum(settings[name] == value for settings in drawn) / len(drawn)
        assert share == pytest.approx(1 / (4 if name == "epochs" else 2), abs=0.07)
    logarithms = np.log10([settings["learning_rate"] for settings in drawn])
    assert np.quantile(logarithms, (0.25, 0.5, 0.75)) == pytest.approx([-4.5, -4, -3.5], abs=0.12)


def test_the_same_name_draws_the_same_and_another_does_not():
    space = read_space(SPACE)
    assert draw(space, 3, 1) == draw(space, 3, 1)
    assert len({str(draw(space, 3, number)) for number in range(20)}) == 20


def test_what_is_drawn_is_read_back_as_it_is():
    """The run that a trial starts has the settings that the search remembers."""
    settings = draw(read_space([*SPACE, "layer-decay=0.5..1", "warmup-steps=10..1000:log"]), 0, 0)
    assert vars(make_parser(None).parse_args(as_flags(settings))) == settings


def test_the_papers_grid_has_each_combination_once_in_a_random_order():
    space = read_space(PAPERS_GRID)
    combinations = grid(space, 0)
    assert len({tuple(settings.values()) for settings in combinations}) == 24
    assert combinations != grid(space, 1)
    assert sorted(map(str, combinations)) == sorted(map(str, grid(space, 1)))


def test_integers_make_a_grid_and_other_ranges_do_not():
    assert sorted(settings["epochs"] for settings in grid(read_space(["epochs=2..5"]), 0)) == [2, 3, 4, 5]
    with pytest.raises(InputError, match="--learning-rate is a range, and a grid needs lists"):
        grid(read_space(SPACE), 0)


def test_the_ends_of_a_range_can_be_drawn_and_nothing_beyond():
    for text in ("warmup-steps=1..3:log", "epochs=1..3", "layer-decay=0.5..1"):
        [part] = read_space([text])
        values = [part.at(fraction) for fraction in (0.0, 0.5, math.nextafter(1.0, 0.0))]
        assert (values[0], values[-1]) == (part.low, part.high)


@pytest.mark.parametrize(
    "text, said",
    [
        ("epochs", "FLAG=LOW..HIGH or FLAG=VALUE,VALUE was expected"),
        ("", "is empty"),
        ("epochs=5..2", "the lower end of a range comes first"),
        ("epochs=2,2", "a value is there twice"),
        ("epochs=2..3 epochs=4", "--epochs is there twice"),
        ("epochs=0..3", "0 is not at least 1"),
        ("dropout=0..0.2:log", "a lower end above 0"),
        ("epochs=2..5:exp", "only :log was expected"),
        ("pool=cls,top", "invalid choice: 'top'"),
        ("checkpoint=a..b", "a range has a number at each end"),
        ("fresh=head", "takes several values at once"),
        ("compile=yes", "ignored explicit argument"),
        ("nothing=1", "unrecognized arguments"),
        ("seed=1,2", "--seed is the same for all trials"),
        ("test=a,b", "--test is the same for all trials"),
    ],
)
def test_what_is_no_space_is_one_sentence(text, said):
    with pytest.raises(InputError) as caught:
        read_space([text])
    assert said in str(caught.value)
    assert str(caught.value).startswith("--space")
