"""The masked language model's loss on the CPU, one slice of the vocabulary after another.

A token has a score for each piece of the vocabulary, and hundreds of tokens have a label. As one table the scores are
the largest tensor of an update: 73 MB for 600 tokens and 30,522 pieces. Cross-entropy and its gradient make two more.
A slice stays in the processor's cache from the product to the sums. What the gradient needs is kept once:

                    pieces 0 ... 1,023   1,024 ... 2,047   ...
    states (count)  [ logits        ]  [ logits      ]         each is made, reduced to its maximum and the sum of its
                      max, sum           max, sum              exponentials, and kept as exponentials for the gradient
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from bert.fast.few_shapes import is_needed, missing_rows
from bert.heads.loss import IGNORE_INDEX, Loss, cross_entropy

PIECES_TOGETHER = 64  # NVIDIA's advice for matrix products in 16 bits
SLICE = 1024  # pieces: of 256, 512, 1,024 and 2,048 the fastest, though not by much
LOWEST = torch.finfo(torch.float32).min  # stands for a maximum of -inf: -inf - -inf would be no number


def vocabulary_cross_entropy(states: Tensor, word_embeddings: Tensor, bias: Tensor, labels: Tensor) -> Loss:
    """``bert.heads.loss.vocabulary_cross_entropy``: in slices on the CPU.

    Products are in 16 bits if autocast says so, and all sums in 32. One difference: in slices a label counts as correct
    if it shares the highest score with others. In 16 bits that is frequent.

    On a GPU impossible pieces fill the vocabulary up to a multiple of 64. Its matrix units read 8 numbers of 16 bits at
    a time. 8 does not divide 30,522, which would take a slower kernel.
    """
    if states.is_cuda:
        missing = -len(bias) % PIECES_TOGETHER
        word_embeddings, bias = F.pad(word_embeddings, (0, 0, 0, missing)), F.pad(bias, (0, missing), value=-torch.inf)
        return cross_entropy(F.linear(states, word_embeddings, bias), labels)
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else states.dtype
    if dtype not in (torch.float32, torch.bfloat16) or torch.compiler.is_compiling():
        return NotImplemented
    count = (labels != IGNORE_INDEX).sum()
    if is_needed(states):
        missing = missing_rows(len(labels))
        states, labels = F.pad(states, (0, 0, 0, missing)), F.pad(labels, (0, missing), value=IGNORE_INDEX)
    with torch.autocast("cpu", enabled=False):
        total, correct = SlicedCrossEntropy.apply(
            states.to(dtype), word_embeddings.to(dtype), bias.float(), labels, SLICE, torch.is_grad_enabled()
        )
    return Loss(total, count, correct)


class SlicedCrossEntropy(torch.autograd.Function):
    """The sum of cross-entropies in nats, and how many labels have the highest score of all.

    With scores z and a label y, a token has the loss log(sum(exp(z))) - z[y]. Its gradient is softmax(z), less 1 at y.

    Takes what ``vocabulary_cross_entropy`` takes, then the pieces in a slice, and whether there will be a gradient.
    (Inside forward PyTorch no longer says.)
    """

    @staticmethod
    def forward(
        ctx, states: Tensor, word_embeddings: Tensor, bias: Tensor, labels: Tensor, size: int, has_gradient: bool
    ) -> tuple[Tensor, Tensor]:
        has_label = labels != IGNORE_INDEX
        labels = labels.where(has_label, 0)
        if ((labels < 0) | (labels >= len(bias))).any():
            raise IndexError(f"a label is outside of the vocabulary's {len(bias):,} pieces")
        exponentials, maxima, sums, at_label = [], [], [], []
        for first, weights, part_of_bias in _slices(word_embeddings, bias, size):
            logits = _plus_product(part_of_bias.expand(len(states), -1), states, weights.T)  # (count, size)
            at_label.append(logits.gather(1, (labels - first).clamp(0, len(weights) - 1)[:, None]))
            maxima.append(logits.amax(dim=1, keepdim=True).clamp_(min=LOWEST))
            sums.append(logits.sub_(maxima[-1]).exp_().sum(dim=1, keepdim=True))
            if has_gradient:
                exponentials.append(logits.to(states.dtype))
        maxima, sums, at_label = (torch.cat(each, dim=1) for each in (maxima, sums, at_label))  # (count, slices)
        highest = maxima.amax(dim=1)
        log_sum = highest + (sums * (maxima - highest[:, None]).exp()).sum(dim=1).log()
        of_label = at_label.gather(1, (labels // size)[:, None])[:, 0]
        correct = ((of_label >= highest) & has_label).sum()
        to_softmax = (maxima - log_sum[:, None]).exp()  # turns a slice's exponentials into probabilities
        ctx.save_for_backward(states, word_embeddings, labels, has_label, to_softmax, *exponentials)
        ctx.size = size
        ctx.mark_non_differentiable(correct)
        return (log_sum - of_label).where(has_label, 0).sum(), correct

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor, _):
        states, word_embeddings, labels, has_label, to_softmax, *exponentials = ctx.saved_tensors
        weight = (gradient * has_label)[:, None]  # (count, 1): 0 without a label
        at_label = (-weight * states).to(states.dtype)
        bias_gradient = weight.new_empty(len(word_embeddings))
        embedding_gradient = torch.empty_like(word_embeddings)
        states_gradient = -weight * word_embeddings.index_select(0, labels)  # float32
        slices = _slices(word_embeddings, bias_gradient, ctx.size)
        for column, (first, weights, part_of_bias) in enumerate(slices):
            scale = (to_softmax[:, column, None] * weight).to(states.dtype)
            logits_gradient = exponentials[column] * scale  # but for the label's 1
            torch.sum(logits_gradient, dim=0, dtype=bias_gradient.dtype, out=part_of_bias)
            torch.mm(logits_gradient.T, states, out=embedding_gradient[first : first + len(weights)])
            states_gradient = _plus_product(states_gradient, logits_gradient, weights)
        embedding_gradient.index_add_(0, labels, at_label)
        bias_gradient.index_add_(0, labels, -weight[:, 0])
        return states_gradient.to(states.dtype), embedding_gradient, bias_gradient, None, None, None


def _slices(word_embeddings: Tensor, bias: Tensor, size: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Of each slice: its first piece, its rows of the table, its part of the bias."""
    return zip(range(0, len(bias), size), word_embeddings.split(size), bias.split(size))


def _plus_product(summand: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """summand + a @ b, in the summand's number format. If all have the same, it is one call."""
    return torch.addmm(summand, a, b) if a.dtype == summand.dtype else summand + a @ b
