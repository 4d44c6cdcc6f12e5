"""The head for cloze questions: words are scored as a hand would, and the loss moves what it should and no more."""

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.cloze import BertForCloze, label_scores, margin_loss, word_scores

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29, initializer_range=0.1)
SHORT = {"words": np.array([[17], [3], [29]]), "label_of_word": np.array([1, 0, 1])}
LONG = {"words": np.array([[17, 4], [3, -1], [29, 3]]), "label_of_word": np.array([1, 0, 1])}


def make_model(**arguments):
    torch.manual_seed(3)
    return BertForCloze(CONFIG, **arguments).eval()


def make_batch(words, masked_labels=None):
    """Four texts of seven tokens. The blank is at the second and third one, or at the second alone."""
    masks = words["words"].shape[1]
    rows = np.random.default_rng(5).integers(5, 101, (4, 7))
    unlabelled = [] if masked_labels is None else [20, 23]
    selected = [7 * row + 1 + mask for row in range(4) for mask in range(masks)] + unlabelled
    labels = {"labels": np.array([0, 1, 1, 0]), "blanks": np.arange(4 * masks).reshape(4, masks), **words}
    if masked_labels is not None:
        labels["masked_labels"] = np.array([-100] * 4 * masks + masked_labels)
    return Batch.of(list(rows), [np.zeros(7, int)] * 4, selected, **labels)


def test_a_word_of_one_piece_scores_its_logit():
    logits = torch.randn(5, 1, 31, generator=torch.Generator().manual_seed(1))
    scores = word_scores(logits, torch.tensor([[7], [2], [11]]))
    assert torch.equal(scores, logits[:, 0, [7, 2, 11]])


def test_a_word_of_several_pieces_scores_the_product_of_their_probabilities():
    logits = torch.randn(5, 3, 31, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    words = [[7, 2, 9], [11], [3, 4]]
    scores = word_scores(logits, torch.tensor([word + [-1] * (3 - len(word)) for word in words]))
    probabilities = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=-1, keepdims=True)
    for row in range(5):
        for number, word in enumerate(words):
            expected = np.prod([probabilities[row, mask, piece] for mask, piece in enumerate(word)])
            assert scores[row, number].exp().item() == pytest.approx(expected, rel=1e-4)


def test_a_label_scores_the_mean_of_its_words():
    scores = torch.tensor([[1.0, 5.0, 2.0], [0.0, 1.0, 7.0]])
    assert label_scores(scores, torch.tensor([1, 0, 1]), 2).tolist() == [[5.0, 1.5], [1.0, 3.5]]


def test_under_autocast_the_scores_keep_their_digits():
    scores = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = label_scores(scores, torch.tensor([1, 0, 1]), 2)
    torch.testing.assert_close(found, label_scores(scores, torch.tensor([1, 0, 1]), 2), rtol=1e-6, atol=1e-6)


def test_the_margin_loss_is_the_papers_sum():
    scores = torch.tensor([[2.0, 1.5, -3.0], [0.0, 0.0, 4.0]])
    loss = margin_loss(scores, torch.tensor([0, 1]))
    assert loss.sum.item() == pytest.approx((1 - 2 + 1.5) + 0 + (1 - 0 + 0) + (1 - 0 + 4))
    assert (int(loss.count), int(loss.correct)) == (2, 1)


def test_only_the_biases_of_the_words_are_moved():
    model = make_model()
    model.losses(make_batch(SHORT))["cloze"].sum.backward()
    gradient = model.masked_language_model.bias.grad
    assert set(gradient.nonzero().flatten().tolist()) == {3, 17, 29}
    assert gradient.sum().item() == pytest.approx(0, abs=1e-6)  # what one label gains the other loses


def test_with_unlabelled_texts_the_others_biases_move_too():
    model = make_model(masked_lm_weight=0.3)
    losses = model.losses(make_batch(SHORT, [8, 9]))
    sum(loss.sum for loss in losses.values()).backward()
    assert (model.masked_language_model.bias.grad != 0).all()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_weight_is_of_the_gradients_and_the_log_has_both_losses_as_they_are(weight):
    def gradients(model, names):
        losses = model.losses(make_batch(SHORT, [8, 9]))
        sum(losses[name].sum for name in names).backward()
        return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}, losses

    alone, plain = gradients(make_model(masked_lm_weight=0.0), ["cloze"])
    masked, _ = gradients(make_model(masked_lm_weight=1.0), ["masked_lm"])
    both, weighted = gradients(make_model(masked_lm_weight=weight), ["cloze", "masked_lm"])
    for name, gradient in both.items():
        expected = (1 - weight) * alone[name] + weight * masked[name]
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-6)
    for name, loss in weighted.items():
        torch.testing.assert_close(loss.sum, plain[name].sum)


@pytest.mark.parametrize("words", [SHORT, LONG])
def test_it_overfits_one_batch_and_counts_its_labels(words):
    model, batch = make_model(), make_batch(words)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        model.losses(batch)["cloze"].sum.backward()
        optimizer.step()
        optimizer.zero_grad()
    loss = model.losses(batch)["cloze"]
    assert {"cloze": int(loss.count)} == model.label_counts(batch) == {"cloze": 4}
    assert loss.correct == 4
    assert loss.sum / loss.count < 0.05


def test_each_loss_counts_its_own_labels():
    batch = make_batch(SHORT, [8, -100])
    found = {name: int(loss.count) for name, loss in make_model().losses(batch).items()}
    assert found == BertForCloze.label_counts(batch) == {"cloze": 4, "masked_lm": 1}
