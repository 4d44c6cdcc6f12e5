"""Each word of a sentence is looked for once, at its first piece, where it has context."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.tokenization.word_windows import word_batch, word_inputs, words_of
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = WordPieceTokenizer([*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), "."])


def first_pieces(inputs):
    """word -> (the piece that it is looked for at, its distance from the nearer end)."""
    found = {}
    for part in inputs:
        for word, position in zip(part.words, part.positions, strict=True):
            assert word not in found
            piece = TOKENIZER.vocabulary[part.input.input_ids[position]]
            found[word] = (piece, min(position, len(part.input.input_ids) - 1 - position))
    return found


def test_a_sentence_that_fits_is_one_input():
    (part,) = word_inputs(TOKENIZER, ["abc", "d", "ef"], 20)
    assert part.input.input_ids.tolist() == TOKENIZER(["abc", "d", "ef"]).input_ids
    assert (part.words, part.positions) == ([0, 1, 2], [1, 4, 5])
    assert part.input.first_length == len(part.input.input_ids)


def test_in_windows_each_word_is_found_once_at_its_first_piece_with_context():
    words = [LETTERS[number % 26] + "zzz"[: number % 4] for number in range(60)]
    inputs = word_inputs(TOKENIZER, words, 22)
    assert len(inputs) > 5
    assert max(len(part.input.input_ids) for part in inputs) <= 22
    found = first_pieces(inputs)
    assert sorted(found) == list(range(60))
    for word, (piece, context) in found.items():
        assert piece == words[word][0]
        if 5 < word < 55:
            assert context >= 5, word


def test_a_word_without_a_piece_is_in_no_input():
    (part,) = word_inputs(TOKENIZER, ["a", "\u0007", "b"], 20)
    assert part.words == [0, 2]


def test_a_text_is_split_into_words_by_the_tokenizer():
    (part,) = word_inputs(TOKENIZER, "ab c.", 20)
    assert (part.words, part.positions) == ([0, 1, 2], [1, 3, 4])


def test_no_room_at_all_is_refused():
    with pytest.raises(InputError):
        word_inputs(TOKENIZER, ["a", "b"], 1)


def test_in_a_batch_words_are_numbered_row_by_row():
    inputs = [word_inputs(TOKENIZER, words, 20)[0] for words in (["abc", "d"], [], ["e", "fg"])]
    arrays = word_batch(inputs, 0)
    assert arrays["input_ids"].shape == arrays["attention_mask"].shape == (3, 6)
    assert arrays["word_positions"].tolist() == [1, 4, 13, 14]
    found = arrays["input_ids"].flatten()[arrays["word_positions"]]
    assert [TOKENIZER.vocabulary[piece] for piece in found] == ["a", "d", "e", "f"]
    assert word_batch(inputs[1:2], 0)["word_positions"].dtype == np.int64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Visit London, (England)!", "Visit London , ( England ) !"),
        ("P. Johnson of Chester-le-Street's U.S. team", "P. Johnson of Chester-le-Street's U.S. team"),
        ('He said: "It ends."', 'He said : " It ends . "'),
        ("... a '' ( 1-0 ) -- b .", "... a '' ( 1-0 ) -- b ."),
        ("\u4ed6\u5728Rome\u3002", "\u4ed6 \u5728 Rome \u3002"),
        ("", ""),
    ],
)
def test_words_of_a_text_are_those_that_a_person_would_tag(text, words):
    assert [text[start:end] for start, end in words_of(text)] == words.split()
