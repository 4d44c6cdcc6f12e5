"""A context stands beside each choice, and rows are filled up."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.tokenization.choice_inputs import choice_inputs, pad_choices
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])


def test_each_choice_is_a_pair_with_the_context():
    inputs, is_cut = choice_inputs(TOKENIZER, "a b", ["c", "d e f"], 16)
    for input, choice in zip(inputs, ["c", "d e f"], strict=True):
        encoding = TOKENIZER("a b", choice)
        assert input.input_ids.tolist() == encoding.input_ids
        assert input.first_length == encoding.token_type_ids.count(0)
    assert not is_cut


def test_what_is_too_long_is_cut_and_said():
    inputs, is_cut = choice_inputs(TOKENIZER, "a b c d e f", ["g", "h"], 7, "tail")
    assert is_cut
    assert [TOKENIZER.decode(input.input_ids.tolist()) for input in inputs] == ["d e f g", "d e f h"]
    with pytest.raises(InputError, match="--long-texts windows"):
        choice_inputs(TOKENIZER, "a", ["b", "c"], 7, "windows")


def test_fewer_choices_than_others_are_filled_up_with_nothing():
    examples = [choice_inputs(TOKENIZER, "a b", choices, 16).inputs for choices in (["c", "d e"], ["f", "g", "h"])]
    arrays = pad_choices(examples, TOKENIZER.pad_token_id)
    assert {values.shape for values in arrays.values()} == {(2, 3, 7)}
    assert arrays["attention_mask"].sum(axis=-1).tolist() == [[6, 7, 0], [6, 6, 6]]
    assert arrays["token_type_ids"].sum(axis=-1).tolist() == [[2, 3, 0], [2, 2, 2]]
    assert not arrays["input_ids"][0, 2].any()
    for row, inputs in enumerate(examples):
        for place, input in enumerate(inputs):
            np.testing.assert_array_equal(arrays["input_ids"][row, place, : len(input.input_ids)], input.input_ids)
