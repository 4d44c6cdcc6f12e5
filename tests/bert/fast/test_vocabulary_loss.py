"""The loss in slices of the vocabulary is the loss over all of it."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn import functional as F

from bert.fast.vocabulary_loss import SLICE, SlicedCrossEntropy
from bert.heads.loss import IGNORE_INDEX, cross_entropy, vocabulary_cross_entropy

COUNT, HIDDEN, VOCAB = 11, 5, 23


def inputs(vocab=VOCAB, scale=1.0, dtype=torch.float32):
    """States, word embeddings, bias and labels; the third token has no label, and the fifth and last are guessed."""
    generator = torch.Generator().manual_seed(5)
    states, table, bias = (
        (scale * torch.randn(shape, generator=generator, dtype=dtype)).requires_grad_()
        for shape in ((COUNT, HIDDEN), (vocab, HIDDEN), (vocab,))
    )
    labels = torch.randint(vocab, (COUNT,), generator=generator)
    labels[2] = IGNORE_INDEX
    guesses = F.linear(states, table, bias).argmax(dim=1)
    labels[4], labels[-1] = guesses[4], guesses[-1]
    return states, table, bias, labels


def with_gradients(loss, parameters):
    return loss, torch.autograd.grad(3 * loss, parameters, retain_graph=True)


@pytest.mark.parametrize("size", [1, 4, 22, 23, 100])
@pytest.mark.parametrize("scale", [1.0, 10.0])  # scores of hundreds, whose exponentials no float32 holds
def test_slices_of_any_size_give_the_loss_and_the_gradients_of_the_whole(size, scale):
    *parameters, labels = inputs(scale=scale)
    whole = cross_entropy(F.linear(*parameters), labels)
    total, correct = SlicedCrossEntropy.apply(*parameters, labels, size, True)
    ours, plain = with_gradients(total, parameters), with_gradients(whole.sum, parameters)
    torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5 * scale**2)
    assert correct == whole.correct
    assert correct >= 2


@pytest.mark.parametrize("impossible", [slice(0, 4), slice(8, 12), slice(4, 16), slice(20, 23), slice(1, 23)])
def test_a_slice_of_impossible_pieces_has_no_part_in_the_loss(impossible):
    states, table, bias, labels = inputs()
    possible = torch.ones(VOCAB, dtype=torch.bool)
    possible[impossible] = False
    bias = bias.detach().masked_fill(~possible, -torch.inf).requires_grad_()
    labels = torch.where(possible[labels.clamp(0)] | (labels < 0), labels, possible.int().argmax())
    parameters = (states, table, bias)
    plain = F.cross_entropy(F.linear(*parameters), labels, ignore_index=IGNORE_INDEX, reduction="sum")
    total, _ = SlicedCrossEntropy.apply(*parameters, labels, 4, True)
    assert plain.isfinite()
    torch.testing.assert_close(with_gradients(total, parameters), with_gradients(plain, parameters))


def test_an_impossible_label_has_an_infinite_loss():
    states, table, bias, labels = inputs()
    bias = bias.detach().index_fill(0, labels[:1], -torch.inf)
    total, _ = SlicedCrossEntropy.apply(states, table, bias, labels, 4, True)
    assert total == torch.inf


def test_its_gradients_are_those_of_finite_differences():
    *parameters, labels = inputs(dtype=torch.float64)
    assert gradcheck(lambda *each: SlicedCrossEntropy.apply(*each, labels, 7, True)[0], parameters)


def test_the_gradient_can_be_taken_twice():
    *parameters, labels = inputs()
    total, _ = SlicedCrossEntropy.apply(*parameters, labels, 7, True)
    torch.testing.assert_close(with_gradients(total, parameters), with_gradients(total, parameters))


def test_a_token_without_a_label_has_no_loss_and_no_gradient():
    states, table, bias, labels = inputs()
    loss = vocabulary_cross_entropy(states, table, bias, labels)
    kept = labels != IGNORE_INDEX
    torch.testing.assert_close(loss.sum, vocabulary_cross_entropy(states[kept], table, bias, labels[kept]).sum)
    assert loss.count == COUNT - 1
    (gradient,) = torch.autograd.grad(loss.sum, states)
    assert (gradient.abs().sum(dim=1) > 0).tolist() == kept.tolist()


@pytest.mark.parametrize("count", [0, 3])
def test_no_labels_at_all_are_a_sum_of_zero_with_a_gradient_of_zero(count):
    states, table, bias, _ = inputs()
    loss = vocabulary_cross_entropy(states[:count], table, bias, torch.full((count,), IGNORE_INDEX))
    assert loss.sum == loss.count == loss.correct == 0
    assert all(not gradient.any() for gradient in torch.autograd.grad(loss.sum, (states, table, bias)))


@pytest.mark.parametrize("label", [VOCAB, -1])
def test_a_label_outside_of_the_vocabulary_is_refused(label):
    states, table, bias, labels = inputs()
    labels[0] = label
    with pytest.raises(IndexError):
        vocabulary_cross_entropy(states, table, bias, labels)


def test_on_the_cpu_the_table_of_scores_is_never_in_one_piece():
    *parameters, labels = inputs(vocab=3 * SLICE + 1)
    largest = []

    def see(tensor):
        largest.append(tensor.shape[-1] if tensor.dim() == 2 and len(tensor) == COUNT else 0)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor):
        vocabulary_cross_entropy(*parameters, labels)
        assert max(largest) == SLICE
        assert sum(size >= SLICE for size in largest) == 3  # and each slice is kept once
        cross_entropy(F.linear(*parameters), labels)  # the control
        assert max(largest) == 3 * SLICE + 1


def test_without_a_gradient_no_slice_is_kept(monkeypatch):
    *parameters, labels = inputs()
    kept = []
    monkeypatch.setattr(torch.autograd.function.FunctionCtx, "save_for_backward", lambda _, *each: kept.append(each))
    loss = vocabulary_cross_entropy(*parameters, labels)
    with torch.no_grad():
        assert vocabulary_cross_entropy(*parameters, labels).sum == loss.sum
    assert len(kept[0]) == len(kept[1]) + 1


def test_a_token_without_a_label_is_never_right():
    states, table, bias, labels = inputs()
    with torch.no_grad():
        bias[0] += 1000  # the piece that stands in for a missing label
    assert (labels != 0).all()
    assert vocabulary_cross_entropy(states, table, bias, labels).correct == 0


def test_compiled_and_in_half_precision_it_is_computed_as_it_is_written():
    *parameters, labels = inputs()
    expected = vocabulary_cross_entropy(*parameters, labels)
    compiled = torch.compile(vocabulary_cross_entropy, backend="eager", fullgraph=True)
    torch.testing.assert_close(list(compiled(*parameters, labels)), list(expected))
    with torch.autocast("cpu", torch.float16):
        loss = vocabulary_cross_entropy(*parameters, labels)
        torch.testing.assert_close(loss.sum, cross_entropy(F.linear(*parameters), labels).sum, rtol=0, atol=0)


def test_in_bfloat16_products_are_rounded_and_sums_are_not():
    *parameters, labels = inputs()
    exact = with_gradients(vocabulary_cross_entropy(*parameters, labels).sum, parameters)
    with torch.autocast("cpu", torch.bfloat16):
        loss = vocabulary_cross_entropy(*parameters, labels)
        plain = cross_entropy(F.linear(*parameters), labels)
    ours, theirs = with_gradients(loss.sum, parameters), with_gradients(plain.sum, parameters)
    assert loss.sum.dtype == torch.float32
    assert loss.correct >= plain.correct  # in 16 bits several pieces may have the highest score
    assert [each.dtype for each in ours[1]] == [torch.float32] * 3
    torch.testing.assert_close(ours[0], exact[0], rtol=0.02, atol=0)

    def error(gradients):
        return sum(float((each - true).norm()) for each, true in zip(gradients, exact[1]))

    assert 0 < error(ours[1]) < 2 * error(theirs[1])


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


def test_on_a_gpu_the_pieces_that_fill_the_vocabulary_up_are_impossible():
    *parameters, labels = inputs()
    expected = cross_entropy(F.linear(*parameters), labels)
    seen = []
    linear = F.linear

    def see(*arguments):
        seen.append(linear(*arguments))
        return seen[-1]

    states, table, bias = parameters
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(F, "linear", see)
        loss = vocabulary_cross_entropy(states.as_subclass(OnGpu), table, bias, labels)
    torch.testing.assert_close([loss.sum.item(), loss.correct.item()], [expected.sum.item(), expected.correct.item()])
    assert loss.count == COUNT - 1
    assert seen[0].shape == (COUNT, 64)  # a multiple of 64, since 23 is none
