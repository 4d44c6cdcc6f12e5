from itertools import pairwise, product

import pytest

from bert.errors import InputError
from bert.tokenization.encoding import (
    Pieces,
    join_pair,
    lengths_after_truncation,
    truncated,
    window_bounds,
    windows_over_pair,
)


def pieces(length: int, first_id: int = 10) -> Pieces:
    ids = list(range(first_id, first_id + length))
    return Pieces(ids, [(index, index + 1) for index in range(length)], list(range(length)))


def test_a_pair_is_joined_as_in_the_papers_figure():
    encoding = join_pair(pieces(2), pieces(3, 20), cls_token_id=2, sep_token_id=3)
    assert encoding.input_ids == [2, 10, 11, 3, 20, 21, 22, 3]
    assert encoding.token_type_ids == [0, 0, 0, 0, 1, 1, 1, 1]
    assert encoding.sequence_ids == [None, 0, 0, None, 1, 1, 1, None]
    assert encoding.offsets == [None, (0, 1), (1, 2), None, (0, 1), (1, 2), (2, 3), None]
    assert encoding.word_ids == [None, 0, 1, None, 0, 1, 2, None]
    assert len(encoding) == 8


def test_an_empty_text_is_two_special_tokens_and_an_empty_pair_three():
    assert join_pair(pieces(0), None, 2, 3).input_ids == [2, 3]
    assert join_pair(pieces(0), pieces(0), 2, 3).input_ids == [2, 3, 3]


def test_longest_first_takes_nothing_from_the_shorter_before_both_are_half():
    for first, second, room in product(range(14), range(14), range(14)):
        kept = lengths_after_truncation(first, second, room, "longest_first")
        assert sum(kept) == min(room, first + second)
        assert all(0 <= length <= whole for length, whole in zip(kept, (first, second)))
        if min(first, second) <= room // 2:
            assert min(kept) == min(first, second, room - max(kept))
        if kept != (first, second):
            assert max(kept) - min(kept) <= 1 or min(kept) == min(first, second)


def test_only_the_named_text_is_cut():
    assert lengths_after_truncation(10, 5, 9, "only_first") == (4, 5)
    assert lengths_after_truncation(10, 5, 12, "only_second") == (10, 2)
    assert lengths_after_truncation(3, 5, 9, "only_first") == (3, 5)


def test_a_pair_that_cutting_one_text_cannot_make_fit_is_an_input_error():
    with pytest.raises(InputError, match="10 and 5 pieces, but there is room for 5"):
        lengths_after_truncation(10, 5, 5, "only_first")
    with pytest.raises(InputError, match=r"\[CLS\] and \[SEP\] alone take 3"):
        truncated(pieces(1), pieces(1), 2, "longest_first")
    with pytest.raises(ValueError, match="longest_first"):
        lengths_after_truncation(10, 5, 5, "shortest_first")


def test_windows_cover_everything_and_share_what_they_should():
    for length, size in product(range(20), range(1, 9)):
        for overlap in range(size):
            bounds = window_bounds(length, size, overlap)
            assert bounds[0][0] == 0 and bounds[-1][1] == length
            assert all(end - start <= size for start, end in bounds)
            assert all(before[1] - after[0] == overlap for before, after in pairwise(bounds))


def test_each_window_holds_the_whole_question_and_points_into_the_whole_context():
    question, context = pieces(3), pieces(20, 50)
    windows = windows_over_pair(question, context, max_length=3 + 3 + 6, overlap=2)
    assert [window[0] for window in windows] == [question] * 5
    assert [window[1].ids[0] for window in windows] == [50, 54, 58, 62, 66]
    assert windows[1][1].offsets == [(4, 5), (5, 6), (6, 7), (7, 8), (8, 9), (9, 10)]


def test_windows_that_cannot_move_on_are_an_input_error():
    for max_length, overlap in ((12, 6), (12, 7), (6, 0), (4, 0), (12, -1)):
        with pytest.raises(InputError, match="more than it shares"):
            windows_over_pair(pieces(3), pieces(20), max_length, overlap)
    assert len(windows_over_pair(pieces(3), pieces(6), 12, 6)) == 1  # it fits: nothing need move
    for size in (0, -1):
        with pytest.raises(InputError, match="room for 0 pieces"):
            window_bounds(5, size, 0)


@pytest.mark.peers
@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
def test_truncation_is_rusts(strategy):
    tokenizers = pytest.importorskip("tokenizers")
    rust = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    rust.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    compared = 0
    for first, second, room in product(range(9), range(9), range(1, 12)):
        rust.enable_truncation(room, strategy=strategy)
        try:
            ids = rust.encode(" ".join("a" * first), " ".join("b" * second)).ids
        except Exception:  # Rust's error for a text too short to be cut; a pyo3 exception has no class of its own
            with pytest.raises(InputError):
                lengths_after_truncation(first, second, room, strategy)
            continue
        kept = (ids.count(0), ids.count(1))
        if sum(kept) > room or (strategy != "longest_first" and 0 in kept and first + second > room):
            continue  # Rust leaves a text of nothing or overlong; here it is an error or the same
        assert lengths_after_truncation(first, second, room, strategy) == kept
        compared += first + second > room
    assert compared > 50


@pytest.mark.peers
def test_windows_are_rusts():
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {str(number): number for number in range(40)} | {"[UNK]": 40}
    rust = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    rust.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    for length, size in product(range(1, 21), range(2, 8)):
        for overlap in range(size):
            rust.enable_truncation(size, stride=overlap)
            whole = rust.encode(" ".join(map(str, range(length))))
            theirs = [window.ids for window in [whole, *whole.overflowing]]
            assert [list(range(*bounds)) for bounds in window_bounds(length, size, overlap)] == theirs
