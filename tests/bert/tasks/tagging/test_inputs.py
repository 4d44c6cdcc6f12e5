"""Each word of a sentence is looked for once, at its first piece, where it has context."""

import pytest

from bert.errors import InputError
from bert.tasks.tagging.inputs import word_windows
from bert.tasks.windows import batch_of
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = WordPieceTokenizer([*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), "."])


def first_pieces(inputs):
    """word -> (the piece that it is looked for at, its distance from the nearer end)."""
    found = {}
    for part in inputs:
        for word, position in zip(part.items, part.selected, strict=True):
            assert word not in found
            piece = TOKENIZER.vocabulary[part.input_ids[position]]
            found[word] = (piece, min(position, len(part.input_ids) - 1 - position))
    return found


def test_a_sentence_that_fits_is_one_input():
    (part,) = word_windows(TOKENIZER, ["abc", "d", "ef"], 20)
    assert part.input_ids.tolist() == TOKENIZER(["abc", "d", "ef"], is_split_into_words=True).input_ids
    assert (part.items, part.selected) == ([0, 1, 2], [1, 4, 5])
    assert not part.token_type_ids.any()


def test_in_windows_each_word_is_found_once_at_its_first_piece_with_context():
    words = [LETTERS[number % 26] + "zzz"[: number % 4] for number in range(60)]
    inputs = word_windows(TOKENIZER, words, 22)
    assert len(inputs) > 5
    assert max(map(len, inputs)) <= 22
    found = first_pieces(inputs)
    assert sorted(found) == list(range(60))
    for word, (piece, context) in found.items():
        assert piece == words[word][0]
        if 5 < word < 55:
            assert context >= 5, word


def test_a_word_without_a_piece_is_in_no_input():
    (part,) = word_windows(TOKENIZER, ["a", "\u0007", "b"], 20)
    assert part.items == [0, 2]


def test_a_text_is_split_into_words_by_the_tokenizer():
    (part,) = word_windows(TOKENIZER, "ab c.", 20)
    assert (part.items, part.selected) == ([0, 1, 2], [1, 3, 4])


def test_no_room_at_all_is_refused():
    with pytest.raises(InputError):
        word_windows(TOKENIZER, ["a", "b"], 1)


def test_in_a_batch_words_are_numbered_through_all_its_tokens():
    windows = [word_windows(TOKENIZER, words, 20)[0] for words in (["abc", "d"], [], ["e", "fg"])]
    batch = batch_of(windows)
    assert batch.selected.tolist() == [1, 4, 9, 10]
    assert [TOKENIZER.vocabulary[piece] for piece in batch.input_ids[batch.selected]] == ["a", "d", "e", "f"]
    assert batch.sequences.boundaries.tolist() == [0, 6, 8, 13]
    assert batch_of(windows[1:2]).selected.shape == (0,)
