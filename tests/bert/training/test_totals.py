"""Sums of losses: what they are on average, and that they can be put down and taken up again."""

import math

import torch
from bert.training.sums import Sums

from bert.heads.loss import Loss
from bert.training.distributed import Processes

CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)


def loss(total: float, count: int, correct: int | None) -> Loss:
    return Loss(torch.tensor(total), torch.tensor(count), None if correct is None else torch.tensor(correct))


def test_a_mean_is_over_labels_not_over_batches():
    sums = Sums()
    sums.add({"task": loss(3.0, 1, 1)})
    sums.add({"task": loss(3.0, 3, 0)})
    assert sums.means(ALONE) == {"task_loss": 1.5, "task_accuracy": 0.25}


def test_without_labels_there_is_no_mean():
    sums = Sums()
    sums.add({"task": loss(0.0, 0, 0)})
    assert all(math.isnan(mean) for mean in sums.means(ALONE).values())


def test_totals_can_be_taken_up_again():
    sums = Sums()
    sums.add({"task": loss(3.0, 1, 1), "distance": loss(2.0, 2, None)})
    again = Sums.of(sums.totals(ALONE), CPU)
    for each in (sums, again):
        each.add({"task": loss(1.0, 3, 2)})
    assert again.means(ALONE) == sums.means(ALONE) == {"task_loss": 1.0, "task_accuracy": 0.75, "distance_loss": 1.0}


def test_a_loss_without_right_and_wrong_has_a_mean_and_no_accuracy():
    sums = Sums()
    for total, count in ((4.0, 1), (2.0, 2)):
        sums.add({"distance": Loss(torch.tensor(total), torch.tensor(count), None)})
    assert sums.means(ALONE) == {"distance_loss": 2.0}
