"""Learning without forgetting: the divergence from old scores."""

import numpy as np
import torch

from bert.continual.lwf import lwf_loss


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_it_is_the_divergence_of_the_old_labels_alone_in_each_group():
    generator = np.random.default_rng(0)
    logits, old = generator.normal(size=(5, 7)), generator.normal(size=(5, 4))
    for groups in ([[0, 1, 2, 3]], [[0, 2], [1, 2, 3]]):
        expected = 0.0
        for group in groups:
            teacher, student = softmax(old[:, group] / 2), softmax(logits[:, group] / 2)
            expected += 3 * (teacher * np.log(teacher / student)).sum()
        loss = lwf_loss(torch.from_numpy(logits), torch.from_numpy(old), groups, temperature=2, weight=3)
        np.testing.assert_allclose(loss.sum, expected, rtol=1e-5)
        assert loss.count == 5


def test_its_gradient_is_the_papers_and_new_labels_have_none():
    logits, old = torch.randn(3, 5, requires_grad=True), torch.randn(3, 2)
    lwf_loss(logits, old, [[0, 1]], temperature=2, weight=1).sum.backward()
    assert logits.grad is not None
    # of the cross-entropy -sum y' log softmax(z / 2): (softmax(z / 2) - y') / 2
    expected = ((logits[:, :2] / 2).softmax(dim=-1) - (old / 2).softmax(dim=-1)) / 2
    torch.testing.assert_close(logits.grad[:, :2], expected)
    assert logits.grad[:, 2:].count_nonzero() == 0
    with torch.no_grad():
        same = lwf_loss(torch.cat([old, torch.randn(3, 3)], dim=1), old, [[0, 1]], temperature=2, weight=1)
        torch.testing.assert_close(same.sum, torch.tensor(0.0), atol=1e-6, rtol=0)
