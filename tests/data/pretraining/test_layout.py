"""Examples laid out by hand: the place of each token; masks can be undone."""

import string
from dataclasses import replace

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.tokenization.wordpiece import WordPieceTokenizer
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.layout import InputLayout
from data.pretraining.sentence_pairs import EXAMPLE

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(a + b for a in "abcde" for b in string.ascii_lowercase)]
TOKENIZER = WordPieceTokenizer(PIECES)
CLS, SEP = TOKENIZER.cls_token_id, TOKENIZER.sep_token_id
CORPUS = TokenizedCorpus(
    tokens=np.arange(10, 110),  # the token with index n has the id n + 10
    sentence_starts=np.array([0, 100]),
    document_starts=np.array([0, 1]),
    held_out=np.zeros(0, np.int64),
    training_counts=np.zeros(len(PIECES), np.int64),
)


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
    layout = InputLayout(CORPUS, TOKENIZER, whole_word_masking=False, nsp=True)
    batch = layout.batch(examples((0, 2, 2, 3, 0), (20, 24, 50, 53, 1)), seed=0, epoch=0)
    assert unmasked(batch) == [
        [CLS, 10, 11, SEP, 12, SEP],
        [CLS, 30, 31, 32, 33, SEP, 60, 61, 62, SEP],
    ]
    assert batch.token_type_ids.tolist() == [*[0] * 4, *[1] * 2, *[0] * 6, *[1] * 4]
    assert batch.sequences.boundaries.tolist() == [0, 6, 16]
    assert batch.sequences.longest == 10
    assert batch.labels["next_sentence_labels"].tolist() == [0, 1]
    assert not set(batch.labels["masked_labels"].tolist()) & {CLS, SEP}
    tensors = [batch.input_ids, batch.token_type_ids, batch.selected, *batch.labels.values()]
    assert all(values.dtype == torch.int64 for values in tensors)


def test_a_single_segment_has_one_sep_and_no_label_for_the_pair():
    layout = InputLayout(CORPUS, TOKENIZER, whole_word_masking=False, nsp=False)
    batch = layout.batch(examples((5, 14, 0, 0, 0)), seed=0, epoch=0)
    assert unmasked(batch) == [[CLS, *range(15, 24), SEP]]
    assert not batch.token_type_ids.any()
    assert "next_sentence_labels" not in batch.labels
    assert len(batch.labels["masked_labels"]) == len(batch.selected) == 2  # 15 % of 11, rounded


def test_a_vocabulary_other_than_the_corpuss_is_refused():
    larger = replace(CORPUS, training_counts=np.zeros(len(PIECES) + 1, np.int64))
    with pytest.raises(InputError, match=f"tokenized with a vocabulary of {len(PIECES) + 1} pieces, and this one has"):
        InputLayout(larger, TOKENIZER, whole_word_masking=False, nsp=True)
