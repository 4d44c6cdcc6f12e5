"""Examples laid out by hand: the place of each token; masks can be undone."""

import string
from dataclasses import replace

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import BertModel
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


def test_joined_examples_are_the_same_tokens_and_masks_in_longer_sequences():
    four = examples((0, 9, 0, 0, 0), (20, 24, 0, 0, 0), (30, 37, 0, 0, 0), (50, 53, 0, 0, 0))
    apart = InputLayout(CORPUS, TOKENIZER, whole_word_masking=False, nsp=False).batch(four, seed=0, epoch=0)
    joined = InputLayout(CORPUS, TOKENIZER, False, False, joined=2).batch(four, seed=0, epoch=0)
    assert apart.sequences.boundaries.tolist() == [0, 11, 17, 26, 31]
    assert joined.sequences.boundaries.tolist() == [0, 17, 31]
    assert joined.sequences.positions(joined.input_ids).tolist() == [*range(17), *range(14)]
    for ours, theirs in ((joined.input_ids, apart.input_ids), (joined.selected, apart.selected),
                         (joined.labels["masked_labels"], apart.labels["masked_labels"])):  # fmt: skip
        assert ours.equal(theirs)
    assert joined.input_ids[11] == CLS


def test_a_joined_example_changes_what_its_neighbour_becomes_and_a_separate_one_does_not():
    torch.manual_seed(0)
    config = BertConfig.of_size(1, 64, vocab_size=len(PIECES), initializer_range=0.2)
    model = BertModel(config).eval()

    def states(joined, neighbour):
        layout = InputLayout(CORPUS, TOKENIZER, False, False, joined=joined)
        batch = layout.batch(examples((0, 9, 0, 0, 0), (neighbour, neighbour + 8, 0, 0, 0)), seed=0, epoch=0)
        with torch.no_grad():
            return model(batch.input_ids, batch.token_type_ids, sequences=batch.sequences).last_hidden_state[:11]

    torch.testing.assert_close(states(1, 20), states(1, 60))
    assert (states(2, 20) - states(2, 60)).abs().max() > 0.01


def test_a_vocabulary_other_than_the_corpuss_is_refused():
    larger = replace(CORPUS, training_counts=np.zeros(len(PIECES) + 1, np.int64))
    with pytest.raises(InputError, match=f"tokenized with a vocabulary of {len(PIECES) + 1} pieces, and this one has"):
        InputLayout(larger, TOKENIZER, whole_word_masking=False, nsp=True)
