"""Running totals of losses: their means, and that a resumed run takes them up again."""

import math

import torch

from bert.heads.loss import Loss
from bert.training.distributed import Processes
from bert.training.totals import RunningTotals

CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)


def loss(total: float, count: int, correct: int | None) -> Loss:
    return Loss(torch.tensor(total), torch.tensor(count), None if correct is None else torch.tensor(correct))


def test_a_mean_is_over_labels_not_over_batches():
    totals = RunningTotals()
    totals.add({"task": loss(3.0, 1, 1)})
    totals.add({"task": loss(3.0, 3, 0)})
    assert totals.means(ALONE) == {"task_loss": 1.5, "task_accuracy": 0.25}


def test_without_labels_there_is_no_mean():
    totals = RunningTotals()
    totals.add({"task": loss(0.0, 0, 0)})
    assert all(math.isnan(mean) for mean in totals.means(ALONE).values())


def test_totals_can_be_taken_up_again():
    totals = RunningTotals()
    totals.add({"task": loss(3.0, 1, 1), "distance": loss(2.0, 2, None)})
    again = RunningTotals.of(totals.totals(ALONE), CPU)
    for each in (totals, again):
        each.add({"task": loss(1.0, 3, 2)})
    assert again.means(ALONE) == totals.means(ALONE) == {"task_loss": 1.0, "task_accuracy": 0.75, "distance_loss": 1.0}


def test_a_loss_without_right_and_wrong_has_a_mean_and_no_accuracy():
    totals = RunningTotals()
    for total, count in ((4.0, 1), (2.0, 2)):
        totals.add({"distance": Loss(torch.tensor(total), torch.tensor(count), None)})
    assert totals.means(ALONE) == {"distance_loss": 2.0}
