"""Windows over a context: offsets into it, answers in them, each piece counting once."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.tasks.spans.inputs import question_windows
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = WordPieceTokenizer([*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), "."])
CONTEXT = " ".join(LETTERS[number % 26] * (1 + number % 3) for number in range(40))


def test_what_fits_is_one_window_with_the_tokenizers_ids():
    (window,) = question_windows(TOKENIZER, "a b", "Cde f.", 20)
    encoding = TOKENIZER("a b", "Cde f.")
    assert window.input_ids.tolist() == encoding.input_ids
    assert window.token_type_ids.tolist() == encoding.token_type_ids
    assert [tuple(offset) for offset in window.offsets.tolist()][4:9] == [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6)]
    assert (window.offsets[:4] == -1).all()
    assert window.is_max_context.tolist() == [False] * 4 + [True] * 5 + [False]


def test_each_piece_of_the_context_counts_in_one_window_where_it_has_most_context():
    windows = question_windows(TOKENIZER, "q", CONTEXT, 24)
    assert len(windows) > 3
    counted = [tuple(offset) for window in windows for offset in window.offsets[window.is_max_context].tolist()]
    assert sorted(counted) == TOKENIZER.pieces(CONTEXT).offsets
    for window in windows[1:-1]:
        places = np.flatnonzero(window.is_max_context)
        assert places.min() - 3 >= 4  # [CLS] q [SEP] stand before
        assert len(window.offsets) - 2 - places.max() >= 4


def test_an_answer_is_found_at_the_pieces_that_cover_it_or_at_cls():
    windows = question_windows(TOKENIZER, "q", CONTEXT, 24)
    found = 0
    start = CONTEXT.index("uuu")
    for window in windows:
        first, last = window.positions_of(start, start + 3)
        if (first, last) != (0, 0):
            assert (window.offsets[first, 0], window.offsets[last, 1]) == (start, start + 3)
            found += 1
    assert 0 < found < len(windows)
    whole = windows[0].positions_of(1, 2)  # a part of no piece but of the word: the space goes with nothing
    assert whole == (0, 0)


def test_what_is_of_no_piece_at_an_answers_ends_makes_no_difference():
    context = "the nor\u200bmans  won e\u0301 ."
    (window,) = question_windows(TOKENIZER, "q", context, 60)

    def of(text):
        start = context.index(text)
        first, last = window.positions_of(start, start + len(text))
        return context[window.offsets[first, 0] : window.offsets[last, 1]]

    assert of("nor\u200bmans") == of(" nor\u200bmans") == of("nor\u200bmans  ") == "nor\u200bmans"
    assert of("won e\u0301") in ("won e\u0301", "won e")  # the accent is of no piece
    assert window.positions_of(3, 4) == (0, 0)  # white space alone


def test_an_answer_that_goes_on_in_the_next_window_is_not_in_this_one():
    windows = question_windows(TOKENIZER, "q", " ".join(LETTERS), 14)
    last = int(windows[0].offsets[:, 1].max())
    assert windows[0].positions_of(0, last) == windows[0].positions_of(0, last + 1) != (0, 0)  # a space is of no piece
    assert windows[0].positions_of(0, last + 2) == (0, 0)
    first = int(windows[1].offsets[windows[1].offsets[:, 0] >= 0].min())
    end = first + 5
    assert windows[1].positions_of(first - 1, end) == windows[1].positions_of(first, end) != (0, 0)
    assert windows[1].positions_of(first - 2, end) == (0, 0)


def test_a_long_question_is_cut_to_64_pieces_as_in_googles_run_squad():
    for pieces in (63, 64, 65, 200):
        (window,) = question_windows(TOKENIZER, "a " * pieces, "b", 100)
        assert window.token_type_ids.tolist().count(0) == min(pieces, 64) + 2


def test_neighbouring_windows_share_half_of_the_room_for_the_context():
    windows = question_windows(TOKENIZER, "q", " ".join(LETTERS * 4), 23)  # [CLS] q [SEP] and [SEP]: room for 19
    starts = [int(window.offsets[window.offsets[:, 0] >= 0][0, 0]) // 2 for window in windows]  # in letters
    assert starts == list(range(0, 10 * len(windows), 10))


def test_a_piece_counts_in_the_window_of_google_s_maximum_context():
    """run_squad.py, _check_is_max_context: min(left, right) + 0.01 * length of the window."""
    windows = question_windows(TOKENIZER, "q", " ".join(LETTERS[number % 26] for number in range(600)), 384)
    spans = [(window.offsets[:, 0][window.offsets[:, 0] >= 0] // 2).tolist() for window in windows]  # pieces
    spans = [(pieces[0], len(pieces)) for pieces in spans]
    assert spans[-1][1] < spans[0][1] - 150  # so that the second term decides
    for piece in range(600):
        scores = [
            min(piece - start, start + length - 1 - piece) + 0.01 * length if start <= piece < start + length else -1
            for start, length in spans
        ]
        counts = [bool(window.is_max_context[window.offsets[:, 0] == 2 * piece].any()) for window in windows]
        assert counts == [index == int(np.argmax(scores)) for index in range(len(windows))], piece


def test_a_question_that_leaves_no_room_is_refused():
    with pytest.raises(InputError, match="raise the maximum length"):
        question_windows(TOKENIZER, "a b c d e", "f g h i j", 8)
