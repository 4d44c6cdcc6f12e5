"""A loss is a sum and a count."""

import math

import torch

from bert.heads.loss import cross_entropy


def test_it_adds_up_negative_log_likelihoods_and_counts():
    logits, labels = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    loss = cross_entropy(logits, labels)
    probabilities = logits.double().exp() / logits.double().exp().sum(-1, keepdim=True)
    expected = -sum(math.log(probabilities[row, label]) for row, label in enumerate(labels))
    assert math.isclose(loss.sum.item(), expected, rel_tol=1e-5)
    assert loss.count == 5
    assert loss.correct == sum(int(logits[row].argmax()) == label for row, label in enumerate(labels))


def test_parts_of_unequal_size_add_up_to_the_whole_where_means_do_not():
    logits, labels = torch.randn(7, 3), torch.randint(3, (7,))
    whole, few, many = (cross_entropy(logits[part], labels[part]) for part in (slice(7), slice(2), slice(2, 7)))
    torch.testing.assert_close(few.sum + many.sum, whole.sum)
    assert few.count + many.count == whole.count
    mean_of_means = (few.sum / few.count + many.sum / many.count) / 2
    assert not torch.isclose(mean_of_means, whole.sum / whole.count)


def test_no_labels_are_a_sum_of_zero_with_a_gradient_of_zero():
    logits = torch.randn(0, 3, requires_grad=True)
    loss = cross_entropy(logits, torch.zeros(0, dtype=torch.int64))
    loss.sum.backward()
    assert loss.sum == loss.count == loss.correct == 0


def test_sixteen_bit_logits_are_added_up_in_float32():
    logits, labels = torch.randn(1000, 7).bfloat16(), torch.randint(7, (1000,))
    loss = cross_entropy(logits, labels)
    assert loss.sum.dtype == torch.float32
    torch.testing.assert_close(loss.sum, cross_entropy(logits.float(), labels).sum)
