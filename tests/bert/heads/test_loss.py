"""A loss is a sum and a count."""

import math

import pytest
import torch
from torch.nn import functional as F

from bert.heads.loss import (
    IGNORE_INDEX,
    binary_cross_entropy,
    cross_entropy,
    distillation,
    smooth_labels,
    squared_error,
    vocabulary_cross_entropy,
)


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


def test_what_has_no_label_is_not_counted():
    logits, labels = torch.randn(5, 3), torch.tensor([0, IGNORE_INDEX, 1, IGNORE_INDEX, 2])
    some, all_that_have = cross_entropy(logits, labels), cross_entropy(logits[::2], labels[::2])
    assert some.count == 3
    torch.testing.assert_close(some.sum, all_that_have.sum)
    assert some.correct == all_that_have.correct


def test_a_class_weighs_in_the_sum_as_its_weight_says_and_in_the_count_as_one():
    logits, labels, weights = torch.randn(4, 3), torch.tensor([0, 1, 1, 2]), torch.tensor([2.0, 1.0, 0.5])
    each = [cross_entropy(logits[row : row + 1], labels[row : row + 1]).sum for row in range(4)]
    loss = cross_entropy(logits, labels, weights)
    torch.testing.assert_close(loss.sum, 2 * each[0] + each[1] + each[2] + 0.5 * each[3])
    assert loss.count == 4


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_smoothed_labels_are_pytorchs_without_a_table_of_scores_and_count_as_before(smoothing):
    generator = torch.Generator().manual_seed(1)
    states, embeddings, bias = (torch.randn(*size, generator=generator) for size in ((7, 5), (11, 5), (11,)))
    labels = torch.tensor([0, 10, IGNORE_INDEX, 3, 3, IGNORE_INDEX, 7])
    inputs = [each.requires_grad_() for each in (states, embeddings, bias)]
    loss = vocabulary_cross_entropy(*inputs, labels)
    smoothed = smooth_labels(loss, *inputs, labels, smoothing)
    expected = F.cross_entropy(
        F.linear(*inputs), labels, ignore_index=IGNORE_INDEX, label_smoothing=smoothing, reduction="sum"
    )
    torch.testing.assert_close(smoothed.sum, expected)
    torch.testing.assert_close(torch.autograd.grad(smoothed.sum, inputs), torch.autograd.grad(expected, inputs))
    assert smoothed.count == 5 and smoothed.correct == loss.correct


def test_smoothed_labels_are_added_up_in_float32():
    states, embeddings, bias = torch.randn(500, 5).bfloat16(), torch.randn(11, 5).bfloat16(), torch.randn(11)
    labels = torch.randint(11, (500,))
    nothing = cross_entropy(torch.zeros(500, 11), labels)
    ours = smooth_labels(nothing, states, embeddings, bias, labels, 0.5).sum
    expected = smooth_labels(nothing, states.float(), embeddings.float(), bias, labels, 0.5).sum
    torch.testing.assert_close(ours, expected)


def test_each_yes_or_no_is_a_label():
    logits = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 4.0, -0.1]])
    labels = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    loss = binary_cross_entropy(logits, labels)
    expected = sum(
        math.log1p(math.exp(-logit if label else logit))
        for logit, label in zip(logits.flatten().tolist(), labels.flatten().tolist())
    )
    assert math.isclose(loss.sum.item(), expected, rel_tol=1e-6)
    assert (loss.count, loss.correct) == (6, 5)
    heavier = binary_cross_entropy(logits, labels, torch.tensor([2.0, 3.0, 1.0]))
    extra = math.log1p(math.exp(-2.0))  # of the first class's yes; its no weighs as before
    extra += 2 * (math.log1p(math.exp(1.0)) + math.log1p(math.exp(-4.0)))
    assert math.isclose(heavier.sum.item(), expected + extra, rel_tol=1e-6)


def test_a_number_is_missed_by_the_square_of_the_distance():
    loss = squared_error(torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1.0, 4.0, 4.0]))
    assert (loss.sum, loss.count, loss.correct) == (5.0, 3, None)


def test_a_yes_is_guessed_if_it_is_more_probable_than_a_no():
    logits = torch.tensor([0.01, -0.01, 0.3, -0.3])
    assert binary_cross_entropy(logits, torch.tensor([1.0, 0.0, 0.0, 1.0])).correct == 2
    assert binary_cross_entropy(logits, torch.tensor([1.0, 0.0, 1.0, 0.0])).correct == 4


def test_distillation_is_the_divergence_of_the_teachers_probabilities_times_the_temperature_squared():
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    for temperature in (1.0, 2.0, 5.0):
        p, q = ((scores / temperature).softmax(dim=-1) for scores in (teacher, student))
        expected = temperature**2 * (p * (p / q).log()).sum()
        loss = distillation(student, teacher, temperature)
        assert math.isclose(loss.sum.item(), expected.item(), rel_tol=1e-4)
        assert loss.count == 5
    assert math.isclose(distillation(teacher + 7, teacher, 2.0).sum.item(), 0, abs_tol=1e-5)  # a shift says nothing
    assert distillation(teacher, teacher, 2.0).correct == 5


def test_with_a_sharp_teacher_distillation_moves_the_weights_as_labels_do():
    labels = torch.tensor([0, 2, 1])
    gradients = []
    for loss in (
        lambda logits: cross_entropy(logits, labels),
        lambda logits: distillation(logits, 1e4 * torch.nn.functional.one_hot(labels), 1.0),
    ):
        logits = torch.randn(3, 3, generator=torch.Generator().manual_seed(2), requires_grad=True)
        loss(logits).sum.backward()
        gradients.append(logits.grad)
    torch.testing.assert_close(*gradients)
