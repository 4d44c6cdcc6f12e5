"""A loss is a sum and a count. The training loop adds up micro-batches and processes, and divides once, at the end.

The mean of two means is not the mean of all if the counts differ. They do: one batch has 71 masked tokens, the next 68.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from bert import fast

IGNORE_INDEX = -100  # stands for no label: no loss is computed there


class Loss(NamedTuple):
    """A loss added up over labels.

    Attributes:
        sum: () float32, with gradient: nats in a cross-entropy, squared units of the labels in a regression.
        count: () integer, the number of labels.
        correct: () integer, how many were guessed; None if a label is a number.
    """

    sum: Tensor
    count: Tensor
    correct: Tensor | None


def cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Loss:
    """The negative log-likelihood of ``labels`` under softmax(``logits``), added up, in float32.

    Args:
        logits: (count, classes) of any float type.
        labels: (count,) integers below classes. IGNORE_INDEX stands for no label and is not counted. Without any label
            the sum and the count are 0.
        class_weights: (classes,) the weight of each class in the sum. The count stays the number of labels, so a batch
            of light labels weighs little. (torch's weighted mean divides by the weights instead.)
    """
    total = F.cross_entropy(logits.float(), labels, class_weights, ignore_index=IGNORE_INDEX, reduction="sum")
    correct = (logits.detach().argmax(dim=-1) == labels).sum()
    return Loss(total, (labels != IGNORE_INDEX).sum(), correct)


def distillation(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Loss:
    """The divergence KL(teacher || student) of softmax(scores / temperature), times temperature squared, in float32.

    The square keeps the gradients as large as those of labels. Source: Hinton et al. 2015, "Distilling the Knowledge
    in a Neural Network", section 2.

    Args:
        logits, teacher_logits: (count, classes) of any float type.
    """
    student, teacher = ((scores.float() / temperature).log_softmax(dim=-1) for scores in (logits, teacher_logits))
    total = F.kl_div(student, teacher, reduction="sum", log_target=True) * temperature**2
    correct = (logits.detach().argmax(dim=-1) == teacher_logits.argmax(dim=-1)).sum()
    return Loss(total, torch.full((), len(logits), device=logits.device), correct)


@fast.sooner("vocabulary_loss:vocabulary_cross_entropy")
def vocabulary_cross_entropy(states: Tensor, word_embeddings: Tensor, bias: Tensor, labels: Tensor) -> Loss:
    """``cross_entropy`` of the scores of every piece of the vocabulary.

    Args:
        states: (count, hidden_size)
        word_embeddings: (vocab_size, hidden_size)
        bias: (vocab_size,)
        labels: (count,) integers below vocab_size, or IGNORE_INDEX.
    """
    return cross_entropy(F.linear(states, word_embeddings, bias), labels)


def smooth_labels(
    loss: Loss, states: Tensor, word_embeddings: Tensor, bias: Tensor, labels: Tensor, label_smoothing: float
) -> Loss:
    """The loss of ``vocabulary_cross_entropy``, if a share of each label's probability goes to all pieces alike.

    With scores z, a label y and V pieces, the smoothed cross-entropy is

        -(1 - s) log p[y]  -  s / V sum(log p)  =  -log p[y]  +  s (z[y] - mean(z))

    The mean score is the state's product with the mean piece, so this needs no second table of scores. Source: Szegedy
    et al. 2016, "Rethinking the Inception Architecture", section 7; Vaswani et al. 2017, section 5.4 (s = 0.1).

    Args:
        loss, states, word_embeddings, bias, labels: what ``vocabulary_cross_entropy`` gave and took.
        label_smoothing: s, from 0 to below 1.
    """
    if not label_smoothing:
        return loss
    has_label = labels != IGNORE_INDEX
    pieces = labels.where(has_label, 0)
    difference = word_embeddings.float()[pieces] - word_embeddings.float().mean(dim=0)  # (count, hidden_size)
    surplus = (states.float() * difference).sum(dim=-1) + bias.float()[pieces] - bias.float().mean()
    return loss._replace(sum=loss.sum + label_smoothing * (surplus * has_label).sum())


def binary_cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Loss:
    """The negative log-likelihood of yes-or-no labels under sigmoid(``logits``), added up, in float32.

    Args:
        logits: (count, classes), or (count,) of a single class.
        labels: the same shape, 1 for yes and 0 for no. Each of them counts.
        class_weights: (classes,) how much more a yes of each class weighs than a no.
    """
    total = F.binary_cross_entropy_with_logits(
        logits.float(), labels.float(), pos_weight=class_weights, reduction="sum"
    )
    correct = ((logits.detach() > 0) == (labels > 0.5)).sum()
    return Loss(total, _count_of(labels), correct)


def squared_error(predictions: Tensor, labels: Tensor) -> Loss:
    """The squared distance of predictions from their labels, added up, in float32.

    Args:
        predictions, labels: (count,)
    """
    total = F.mse_loss(predictions.float(), labels.float(), reduction="sum")
    return Loss(total, _count_of(labels), None)


def _count_of(labels: Tensor) -> Tensor:
    """(), the number of labels, made on their device: a copy from the host would synchronise."""
    return torch.full((), labels.numel(), device=labels.device)
