"""Checks of the loss: beside NumPy, on tokens of which some have no label."""

from types import ModuleType

import numpy as np
import torch

from bert.exercises.checks.compare import require, require_equal, require_tensor, require_tuple

CLASSES = 5
LABELS = [2, -100, 0, 4, -100, 4, -100]  # -100 is IGNORE_INDEX


def check_the_sum_and_the_count(module: ModuleType) -> None:
    logits, labels = 2 * torch.randn(len(LABELS), CLASSES), torch.tensor(LABELS)
    has_label, nats = _nats(logits.numpy())
    total, count, correct = require_tuple(module.cross_entropy(logits, labels), 3, "cross_entropy")
    labelled = has_label.sum()
    own = nats[np.arange(len(LABELS)), np.where(has_label, LABELS, 0)]  # the loss of each token
    last = nats[np.arange(len(LABELS)), np.where(has_label, LABELS, -1)]
    require_equal(require_tensor(total, "the sum"), torch.tensor((own * has_label).sum()), "the sum", {
        "the first result is a mean over the labels; it must be their sum": (own * has_label).sum() / labelled,
        "the first result is a mean over all tokens, labelled or not; it must be the sum over the labels":
            (own * has_label).sum() / len(LABELS),
        "tokens without a label are in the loss, as if their label were 0": own.sum(),
        "tokens without a label are in the loss, as if their label were the last class": last.sum(),
        "the loss is averaged over all tokens, and those without a label are in it": own.mean(),
        "the sign is wrong: the loss is the negative log-likelihood": -(own * has_label).sum(),
        "the loss is in bits; it must be in nats, with the natural logarithm": (own * has_label).sum() / np.log(2),
        "these are probabilities, not their logarithms": -(np.exp(-own) * has_label).sum(),
    })  # fmt: skip
    require_equal(require_tensor(count, "the count"), torch.tensor(labelled), "the count", {
        "the count is that of all tokens; it must be that of the labels": len(LABELS),
        "the count is that of the tokens without a label": len(LABELS) - labelled,
    })  # fmt: skip
    right = (logits.numpy().argmax(-1) == LABELS).sum()
    require_equal(correct, torch.tensor(right), "the number of right guesses, correct,", {
        "correct is a share; it must be a number of labels": right / labelled,
    })  # fmt: skip


def check_no_label_at_all(module: ModuleType) -> None:
    total, count, _ = module.cross_entropy(torch.randn(3, CLASSES), torch.full((3,), -100))
    require(
        not torch.as_tensor(total).isnan(), "without any label the sum is nan; it must be 0: is something divided by 0?"
    )
    require_equal(total, 0, "without any label, the sum")
    require_equal(count, 0, "without any label, the count")


def check_16_bits_and_large_scores(module: ModuleType) -> None:
    labels = torch.tensor([1, 0, 3])
    total = module.cross_entropy(torch.tensor([[900.0, -900, 0, 0, 0]] * 3), labels)[0]
    require(torch.as_tensor(total).isfinite(), "scores of 900 give inf or nan: use log_softmax or F.cross_entropy")
    require_equal(total, 1_800 + 0 + 900, "the sum for scores of 900")
    total = module.cross_entropy(torch.randn(3, CLASSES).bfloat16(), labels)[0]
    require(total.dtype == torch.float32, "for scores of 16 bits the sum is in 16 bits; compute it in float32")


def check_class_weights(module: ModuleType) -> None:
    logits, labels = torch.randn(len(LABELS), CLASSES), torch.tensor(LABELS)
    weights = torch.tensor([0.5, 1, 2, 3, 4])
    has_label, nats = _nats(logits.numpy())
    indices = np.where(has_label, LABELS, 0)
    own, light = nats[np.arange(len(LABELS)), indices] * has_label, weights.numpy()[indices] * has_label
    total, count, _ = module.cross_entropy(logits, labels, weights)
    require_equal(total, torch.tensor((own * light).sum()), "with class_weights, the sum", {
        "class_weights change nothing; each label's loss must be multiplied by the weight of its class": own.sum(),
        "with class_weights the sum is divided by the weights; it must stay a sum": (own * light).sum() / light.sum(),
    })  # fmt: skip
    require_equal(count, has_label.sum(), "with class_weights, the count", {
        "with class_weights the count is a sum of weights; it must be the number of labels": light.sum(),
    })  # fmt: skip


def check_the_gradient(module: ModuleType) -> None:
    logits, labels = torch.randn(len(LABELS), CLASSES).requires_grad_(), torch.tensor(LABELS)
    total = module.cross_entropy(logits, labels)[0]
    require(total.requires_grad, "the sum has no gradient: is it detached, or made by item()?")
    (gradient,) = torch.autograd.grad(total, logits)
    has_label = labels != -100
    require((gradient[~has_label] == 0).all(), "tokens without a label get a gradient; it must be 0")
    expected = (logits.softmax(-1) - torch.eye(CLASSES)[labels.clamp(0)]) * has_label[:, None]
    require_equal(gradient, expected.detach(), "the gradient of the scores")


def _nats(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which tokens have a label, and the negative log-probability of each class, (tokens, classes)."""
    scores = logits.astype(np.float64)
    return np.array(LABELS) != -100, np.log(np.exp(scores).sum(-1, keepdims=True)) - scores
