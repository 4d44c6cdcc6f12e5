"""Shares: the items of all processes come back in order, and the mean of a loss is that over its labels."""

import math
from dataclasses import dataclass

import pytest
import torch

from bert.heads.loss import Loss, cross_entropy
from bert.tasks.task import in_shares
from bert.training.distributed import Processes
from bert.training.precision import choose_precision
from bert.training.totals import mean_of

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Together(Processes):
    """One of several processes that each double their share of some numbers."""

    numbers: tuple[int, ...] = ()

    def gather(self, value):
        shares = [[2 * number for number in self.numbers[rank :: self.world_size]] for rank in range(self.world_size)]
        assert shares[self.rank] == value
        return shares


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_each_process_computes_its_share_and_has_all_in_order(count):
    numbers = tuple(range(10, 10 + count))
    model, precision = torch.nn.Linear(1, 1), choose_precision("fp32", CPU)
    for rank in range(3):
        seen = []

        def compute(share, seen=seen):
            assert share  # some kinds cannot predict nothing
            model.eval()
            seen += share
            return [2 * number for number in share]

        processes = Together(rank, 3, CPU, numbers)
        assert in_shares(compute, numbers, model, precision, processes) == [2 * number for number in numbers]
        assert seen == list(numbers[rank::3])
        assert model.training


def test_the_mean_of_a_loss_is_over_its_labels():
    loss = cross_entropy(torch.tensor([[0.0, 0.0], [0.0, 50.0]]), torch.tensor([0, 1]))
    assert mean_of("tagging", *loss) == pytest.approx({"tagging_loss": math.log(2) / 2, "tagging_accuracy": 1.0})
    assert mean_of("regression", *Loss(6.0, 4, None)) == {"regression_loss": 1.5}
    assert all(math.isnan(value) for value in mean_of("tagging", *Loss(0.0, 0, 0)).values())


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_set_is_measured_in_the_precision_of_the_run(name, dtype):
    model, seen = torch.nn.Linear(3, 2), []

    def compute(share):
        seen.append(model(torch.ones(1, 3)).dtype)
        return share

    in_shares(compute, [1, 2], model, choose_precision(name, CPU), Processes(0, 1, CPU))
    assert seen == [dtype]
    assert model(torch.ones(1, 3)).dtype == torch.float32  # not afterwards
