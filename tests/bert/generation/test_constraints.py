"""Which pieces may come next, against the rules in plain Python."""

import math

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.generation.constraints import Constraints, SpecialPieces, completes_again
from bert.generation.decoding import Decoding
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer

VOCABULARY = 9
SPECIAL = SpecialPieces(start=2, end=3, never=(0, 1, 2, 4), vocab_size=8)


def allowed(written: list[list[int]], **values) -> list[set[int]]:
    constraints = Constraints(SPECIAL, Decoding(**values))
    logs = constraints(torch.zeros(len(written), VOCABULARY), torch.tensor(written))
    assert set(logs.unique().tolist()) <= {0.0, -math.inf}
    return [set(row.isfinite().nonzero().flatten().tolist()) for row in logs]


def test_special_pieces_and_rows_without_a_piece_are_never_written():
    assert allowed([[2], [2]]) == [{3, 5, 6, 7}] * 2


def test_the_table_is_changed_in_place_and_what_is_allowed_keeps_its_value():
    logs = torch.randn(3, VOCABULARY, generator=torch.Generator().manual_seed(0))
    before = logs.clone()
    found = Constraints(SPECIAL, Decoding(min_length=2, no_repeat_ngram=1))(
        logs, torch.tensor([[2, 5], [2, 6], [2, 7]])
    )
    assert found is logs
    is_allowed = found.isfinite()
    assert found[is_allowed].equal(before[is_allowed]) and is_allowed.sum(dim=1).tolist() == [2, 2, 2]


def test_special_pieces_are_those_of_the_tokenizer():
    special = SpecialPieces.of(WordPieceTokenizer([*SPECIAL_TOKENS, "a", "b"]))
    assert special == SpecialPieces(start=2, end=3, never=(0, 1, 2, 4), vocab_size=7)


def test_no_output_ends_before_its_minimum():
    assert allowed([[2, 5]], min_length=2) == [{5, 6, 7}]
    assert allowed([[2, 5, 5]], min_length=2) == [{3, 5, 6, 7}]


def test_every_output_ends_at_its_maximum():
    assert allowed([[2, 5], [2, 6]], max_length=1) == [{3}, {3}]
    assert allowed([[2, 5]], max_length=2) == [{3, 5, 6, 7}]


def test_an_output_without_any_other_piece_ends_before_its_minimum():
    assert allowed([[2, 5, 6, 7], [2, 5, 6, 6]], no_repeat_ngram=1, min_length=10) == [{3}, {7}]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("length", range(1, 10))
def test_a_piece_is_forbidden_just_if_it_would_complete_a_run_again(n, length):
    rows = np.random.default_rng((n, length)).integers(5, 8, (20, length)).tolist()
    forbidden = completes_again(torch.tensor(rows), n, VOCABULARY)
    for row, of_row in zip(rows, forbidden.tolist(), strict=True):
        runs = {tuple(row[place : place + n]) for place in range(len(row) - n + 1)}
        for piece in range(VOCABULARY):
            assert of_row[piece] == ((*row[len(row) - n + 1 :], piece) in runs), (row, piece)


@pytest.mark.parametrize("pieces", [["[PAD]", "[UNK]", "[MASK]", "[SEP]", "a"]])
def test_a_vocabulary_without_a_start_is_refused(pieces):
    with pytest.raises(InputError, match=r"lacks \[CLS\]"):
        SpecialPieces.of(WordPieceTokenizer(pieces))
