"""The vectors of new pieces are the means of the vectors of the pieces that they were cut into."""

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from pretraining.new_vectors import with_new_vectors

TOKENIZER = WordPieceTokenizer([*SPECIAL_TOKENS, "ec", "##ze", "##ma", "##s"])
PIECES = ["eczema", "##zemas", "ecs"]
MADE_OF = [[5, 6, 7], [6, 7, 8], [5, 8]]


def model_with(rows: int, tied: bool = True) -> BertForPreTraining:
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(rows, 6, 2, 2, 5, max_position_embeddings=7, tie_word_embeddings=tied))
    torch.nn.init.normal_(model.masked_language_model.bias)
    return model


@pytest.mark.parametrize("rows", [9, 11, 12, 17])  # as many as pieces, and more: a few, as many as needed, too many
def test_the_new_rows_are_means_and_the_old_rows_are_as_before(rows):
    model = model_with(rows, tied=False)
    larger = with_new_vectors(model, TOKENIZER, PIECES)
    assert larger.config == model.config.replace(vocab_size=max(rows, 12))
    head = "masked_language_model"
    for name in ("bert.embeddings.word_embeddings.weight", f"{head}.decoder.weight", f"{head}.bias"):
        before, after = (weights.state_dict()[name].numpy() for weights in (model, larger))
        np.testing.assert_array_equal(after[:9], before[:9])
        np.testing.assert_allclose(after[9:12], [np.mean(before[ids], axis=0) for ids in MADE_OF], rtol=1e-6)
        np.testing.assert_array_equal(after[12:], before[12:])


def test_all_other_weights_are_the_models_own_and_every_weight_trains():
    model = model_with(9)
    larger = with_new_vectors(model, TOKENIZER, PIECES)
    for name, weight in larger.named_parameters():
        assert weight.requires_grad
        if weight.shape == model.state_dict()[name].shape:
            assert weight.equal(model.state_dict()[name])
    logits = [each.eval()(torch.tensor([[2, 5, 6, 3]])).prediction_logits for each in (model, larger)]
    torch.testing.assert_close(logits[0], logits[1][..., :9])  # text without new pieces is read as before
