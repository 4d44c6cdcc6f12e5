"""Examples laid out by hand: where each piece stands, and that masks can be undone."""

from types import SimpleNamespace

import numpy as np
import pytest

from bert.errors import InputError
from data.pretraining.layout import InputLayout
from data.pretraining.sentence_pairs import EXAMPLE

PAD, CLS, SEP, MASK = 0, 1, 2, 3
TOKENIZER = SimpleNamespace(
    vocab_size=120, pad_token_id=PAD, cls_token_id=CLS, sep_token_id=SEP, mask_token_id=MASK, continues_word=None
)
SHARDS = SimpleNamespace(tokens=np.arange(10, 110), vocab_size=120)  # the token at place n is n + 10


def examples(*rows):
    made = np.zeros(len(rows), EXAMPLE)
    for each, (a_start, a_end, b_start, b_end, is_random) in zip(made, rows):
        each["chunk"], each["a_start"], each["a_end"] = a_start, a_start, a_end
        each["b_start"], each["b_end"], each["is_random"] = b_start, b_end, is_random
    return made


def unmasked(batch) -> list[list[int]]:
    ids = batch.input_ids.clone()
    ids[batch.selected] = batch.labels["masked_labels"]
    return [part.tolist() for part in ids.split(batch.sequences.lengths.tolist())]


def test_pairs_stand_between_cls_and_sep_one_after_another():
    layout = InputLayout(SHARDS, TOKENIZER, whole_word_masking=False, nsp=True)
    batch = layout.batch(examples((0, 2, 2, 3, 0), (20, 24, 50, 53, 1)), seed=0, epoch=0)
    assert unmasked(batch) == [[CLS, 10, 11, SEP, 12, SEP], [CLS, 30, 31, 32, 33, SEP, 60, 61, 62, SEP]]
    assert batch.token_type_ids.tolist() == [0] * 4 + [1] * 2 + [0] * 6 + [1] * 4
    assert batch.sequences.boundaries.tolist() == [0, 6, 16]
    assert batch.sequences.longest == 10
    assert batch.labels["next_sentence_labels"].tolist() == [0, 1]
    assert not set(batch.labels["masked_labels"].tolist()) & {PAD, CLS, SEP}


def test_a_single_segment_has_one_sep_and_no_label_for_the_pair():
    layout = InputLayout(SHARDS, TOKENIZER, whole_word_masking=False, nsp=False)
    batch = layout.batch(examples((5, 8, 0, 0, 0)), seed=0, epoch=0)
    assert unmasked(batch) == [[CLS, 15, 16, 17, SEP]]
    assert not batch.token_type_ids.any()
    assert list(batch.labels) == ["masked_labels"]
    assert len(batch.labels["masked_labels"]) == len(batch.selected) == 1


def test_another_vocabulary_than_that_of_the_shards_is_refused():
    with pytest.raises(InputError, match="made with a vocabulary of 121 pieces, and this one has 120"):
        InputLayout(SimpleNamespace(tokens=SHARDS.tokens, vocab_size=121), TOKENIZER, False, True)
