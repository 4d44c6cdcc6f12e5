"""Markers stand around the entities, and stay where a text is cut."""

import random

import pytest

from bert.errors import InputError
from bert.tasks.relations.inputs import UNUSED, marked_input, marker_ids
from bert.tasks.windows import batch_of
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*LETTERS, *("##" + letter for letter in LETTERS), "."]
TOKENIZER = WordPieceTokenizer([*SPECIAL, *UNUSED, *PIECES])
SHORT = {"[unused1]": "<1", "[unused2]": "1>", "[unused3]": "<2", "[unused4]": "2>"}


def marked(text, first, second, max_length=64):
    """The input's pieces, markers written as <1 1> <2 2>."""
    result = marked_input(TOKENIZER, text, first, second, max_length)
    pieces = [TOKENIZER.vocabulary[token_id] for token_id in result.window.input_ids]
    assert [pieces[position] for position in result.window.selected] == ["[unused1]", "[unused3]"]
    assert not result.window.token_type_ids.any()
    assert len(pieces) <= max_length
    return " ".join(SHORT.get(piece, piece) for piece in pieces)


def test_markers_stand_before_and_after_each_entity():
    assert marked("a bc d ef.", (2, 4), (7, 9)) == "[CLS] a <1 b ##c 1> d <2 e ##f 2> . [SEP]"


def test_the_second_entity_may_come_first():
    assert marked("a b c", (4, 5), (0, 1)) == "[CLS] <2 a 2> b <1 c 1> [SEP]"


def test_one_entity_may_lie_in_the_other_or_touch_it():
    assert marked("a b c", (0, 5), (4, 5)) == "[CLS] <1 a b <2 c 2> 1> [SEP]"
    assert marked("a b c", (0, 1), (0, 3)) == "[CLS] <2 <1 a 1> b 2> c [SEP]"
    assert marked("a b c", (0, 1), (2, 3)) == "[CLS] <1 a 1> <2 b 2> c [SEP]"


def test_an_entity_that_begins_within_a_piece_has_all_of_it():
    tokenizer = WordPieceTokenizer([*SPECIAL, *UNUSED, *PIECES, "keyboard"])
    result = marked_input(tokenizer, "a keyboard", (0, 1), (5, 10), 64)
    pieces = [tokenizer.vocabulary[token_id] for token_id in result.window.input_ids]
    assert pieces[result.window.selected[1] :] == ["[unused3]", "keyboard", "[unused4]", "[SEP]"]


def test_without_markers_the_input_is_the_tokenizers_own():
    generator = random.Random(0)
    markers = set(marker_ids(TOKENIZER))
    for _ in range(50):
        words = ["".join(generator.choices(LETTERS, k=generator.randint(1, 4))) for _ in range(9)]
        text = " ".join(words)
        spans = [(start := text.index(word), start + len(word)) for word in generator.sample(words, 2)]
        result = marked_input(TOKENIZER, text, *spans, 64)
        rest = [token_id for token_id in result.window.input_ids.tolist() if token_id not in markers]
        assert rest == TOKENIZER(text).input_ids
        assert len(result.window.input_ids) == len(rest) + 4
        assert not result.is_cut


def test_of_a_long_text_what_is_nearest_to_the_entities_stays():
    text = " ".join(LETTERS)  # each letter's place is 2 * its number
    assert marked(text, (10, 11), (14, 15), 13) == "[CLS] d e <1 f 1> g <2 h 2> i j [SEP]"
    assert marked(text, (10, 11), (44, 45), 12) == "[CLS] e <1 f 1> g v <2 w 2> x [SEP]"
    assert marked(text, (0, 1), (50, 51), 10) == "[CLS] <1 a 1> b y <2 z 2> [SEP]"
    assert marked_input(TOKENIZER, text, (0, 1), (50, 51), 10).is_cut


def test_both_markers_and_entities_survive_any_length_that_holds_them():
    generator = random.Random(1)
    text = " ".join(LETTERS)
    for _ in range(100):
        first, second = ((2 * place, 2 * place + 3) for place in generator.sample(range(25), 2))
        for max_length in (10, 11, 17, 31):
            found = marked(text, first, second, max_length).split()
            for number, (start, _) in ((1, first), (2, second)):
                inside = found[found.index(f"<{number}") + 1 : found.index(f"{number}>")]
                assert [piece for piece in inside if len(piece) == 1] == text[start : start + 3].split()


def test_entities_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"two entities have 7 tokens, and .* room for 6; raise --max-length"):
        marked_input(TOKENIZER, "a b c d e f g h", (0, 11), (14, 15), 12)


def test_an_entity_without_a_piece_is_refused():
    with pytest.raises(InputError, match="no piece"):
        marked_input(TOKENIZER, "a \u0007 b", (2, 3), (4, 5), 12)


def test_a_vocabulary_without_unused_pieces_lends_its_last_four():
    tokenizer = WordPieceTokenizer([*SPECIAL, *PIECES])
    assert marker_ids(tokenizer) == [len(SPECIAL) + len(PIECES) - back for back in (4, 3, 2, 1)]
    assert marker_ids(WordPieceTokenizer([*PIECES, *SPECIAL])) == [len(PIECES) - back for back in (4, 3, 2, 1)]
    assert marker_ids(TOKENIZER) == [5, 6, 7, 8]
    with pytest.raises(InputError, match="none to spare"):
        marker_ids(WordPieceTokenizer([*SPECIAL, "a", "b", "c"]))


def test_no_text_is_cut_into_the_unused_pieces():
    assert not set(marker_ids(TOKENIZER)) & set(TOKENIZER.encode(" ".join(UNUSED)))


def test_in_a_batch_the_start_markers_are_found_first_entity_first():
    windows = [
        marked_input(TOKENIZER, *each, 64).window for each in (("a b", (2, 3), (0, 1)), ("a b c", (0, 1), (2, 3)))
    ]
    batch = batch_of(windows)
    names = [TOKENIZER.vocabulary[token_id] for token_id in batch.input_ids[batch.selected]]
    assert names == ["[unused1]", "[unused3]"] * 2
    assert batch.selected.tolist() == [4, 1, 9, 12]
