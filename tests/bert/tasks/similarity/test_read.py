"""Pairs with a score."""

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.similarity.read import read_scored_pairs


def test_a_pair_has_two_texts_and_a_number(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("text\ttext_pair\tlabel\na road\tthe road\t4.5\na king\ta ship\t0\n")
    found = list(read_scored_pairs(path, Columns(), True))
    assert [(each.first, each.second, each.label) for each in found] == [
        ("a road", "the road", 4.5),
        ("a king", "a ship", 0.0),
    ]
    assert [each.label for each in read_scored_pairs(path, Columns(text_pair="text_pair"), False)] == [None, None]


def test_a_single_text_and_a_word_as_the_score_are_refused(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"text": "a road", "text_pair": null, "label": 1}\n')
    with pytest.raises(InputError, match="line 1: has one text; a pair of texts was expected"):
        list(read_scored_pairs(path, Columns(), True))
    path.write_text('{"text": "a road", "text_pair": "a king", "label": "near"}\n')
    with pytest.raises(InputError, match="the label 'near' is not a number"):
        list(read_scored_pairs(path, Columns(), True))
