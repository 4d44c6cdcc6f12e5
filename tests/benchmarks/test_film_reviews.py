"""IMDb's reviews are shared out so that no measured review is in another file."""

import pytest

from benchmarks.film_reviews import evenly_spaced, read_reviews, split_reviews, texts_of
from bert.errors import InputError


@pytest.mark.parametrize("choosing", [False, True])
def test_measured_reviews_are_in_no_other_text(imdb, tmp_path, choosing):
    files = split_reviews(imdb, tmp_path, 60 if choosing else None, choosing)
    train, measured = (texts_of(read_reviews(path)) for path in (files.train, files.measured))
    lines = set(files.texts.read_text().splitlines())
    assert len(measured) > 10
    assert not train & measured
    assert not lines & measured
    assert train < lines
    assert len(read_reviews(files.train)) == 60 or not choosing
    assert not any("<br" in text for text in lines | measured)


def test_the_tenth_is_in_no_file_while_settings_are_chosen(imdb, tmp_path):
    for name in ("as it is", "to choose"):
        (tmp_path / name).mkdir()
    tenth = texts_of(read_reviews(split_reviews(imdb, tmp_path / "as it is", 60).measured))
    to_choose = split_reviews(imdb, tmp_path / "to choose", 60, choosing=True)
    everywhere = "".join(path.read_text() for path in to_choose)
    assert not any(text in everywhere for text in tenth)
    as_it_is = "".join(path.read_text() for path in (tmp_path / "as it is").iterdir())
    assert all(text in as_it_is for text in tenth)


def test_nothing_is_left_to_choose_by_if_all_reviews_have_labels(imdb, tmp_path):
    with pytest.raises(InputError, match=r"none of \d+ reviews is left to choose by"):
        split_reviews(imdb, tmp_path, None, choosing=True)


def test_evenly_spaced_items_reach_from_the_first_to_the_last():
    assert evenly_spaced(list(range(101)), 5) == [0, 25, 50, 75, 100]
    assert evenly_spaced([1, 2], 5) == [1, 2]
