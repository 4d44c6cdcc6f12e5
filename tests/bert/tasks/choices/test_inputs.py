"""A context stands beside each choice."""

import pytest

from bert.errors import InputError
from bert.tasks.choices.inputs import choice_inputs
from bert.tasks.choices.read import Choices
from bert.tasks.options import Options
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])


def inputs_of(context, choices, max_length, long_texts="head"):
    """The windows of an example, and whether one of them is cut."""
    example = Choices(1, context, tuple(choices), None)
    (windows,), too_long = choice_inputs(TOKENIZER, [example], Options(max_length, long_texts))
    return windows, too_long


def test_each_choice_is_a_pair_with_the_context():
    inputs, is_cut = inputs_of("a b", ["c", "d e f"], 16)
    for input, choice in zip(inputs, ["c", "d e f"], strict=True):
        encoding = TOKENIZER("a b", choice)
        assert input.input_ids.tolist() == encoding.input_ids
        assert input.token_type_ids.tolist() == encoding.token_type_ids
    assert not is_cut


def test_what_is_too_long_is_cut_and_said():
    inputs, is_cut = inputs_of("a b c d e f", ["g", "h"], 7, "tail")
    assert is_cut
    assert [TOKENIZER.decode(input.input_ids.tolist()) for input in inputs] == ["d e f g", "d e f h"]
    with pytest.raises(InputError, match="--long-texts windows"):
        inputs_of("a", ["b", "c"], 7, "windows")
