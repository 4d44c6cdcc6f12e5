"""A companion acts once per update, around the optimizer's step, and its tensors are part of the training state."""

import pytest
import torch
from torch import nn

from bert.heads.batch import Batch, sequences_of
from bert.heads.loss import Loss
from bert.training.loop import train
from bert.training.precision import choose_precision
from bert.training.run import Run
from bert.training.schedule import Schedule
from tests.bert.training.test_loop import ALONE, CPU


class Model(nn.Module):
    """(w . x) summed over the rows: the gradient is the sum of the rows."""

    config = None

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))

    def losses(self, batch):
        return {"task": Loss((batch.labels["x"] @ self.weight).sum(), torch.tensor(1), None)}

    def label_counts(self, batch):
        return {"task": 1}


class Update:
    position, examples = (0, 1), "some"

    def __init__(self):
        tokens = torch.zeros(1, dtype=torch.int64)
        self.micro_batches = [
            Batch(tokens, tokens, sequences_of([1]), labels={"x": torch.tensor([[2.0, 4.0]])}) for _ in range(2)
        ]


class Recorder:
    def __init__(self, model):
        self.model, self.calls, self.seen = model, [], torch.zeros(1)

    @property
    def tensors(self):
        return {"seen": self.seen}

    def begin(self, max_steps):
        self.calls.append(("begin", max_steps))

    def before_step(self):
        self.seen += 1
        self.calls.append(("before", self.model.weight.grad.tolist(), self.model.weight.tolist()))
        self.model.weight.grad[1] = 0.0

    def after_step(self, step):
        self.calls.append(("after", step, self.model.weight.grad.tolist(), self.model.weight.tolist()))


@pytest.fixture
def run(tmp_path):
    model, precision = Model(), choose_precision("fp32", CPU)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    return Run(tmp_path, model, optimizer, precision, ALONE, print, {}, precision.gradient_scaler(),
               companions=(Recorder(model),))  # fmt: skip


def train_for(run, steps):
    schedule = Schedule(steps, 1.0, 0, report_every=9, eval_every=9, checkpoint_every=9, max_gradient_norm=1.0)
    return train(run, [Update() for _ in range(9)], schedule, lambda means: None, lambda: None, run.save)


def test_it_acts_on_whole_gradients_before_they_are_clipped_and_on_weights_after_the_step(run):
    train_for(run, 1)
    begin, before, after = run.companions[0].calls
    assert begin == ("begin", 1)
    assert before == ("before", [2.0, 4.0], [0.0, 0.0])  # the mean over two equal micro-batches
    step, gradient, weight = after[1:]
    assert step == 1
    assert gradient == pytest.approx([1.0, 0.0], abs=1e-5)  # clipped after the change
    assert weight == pytest.approx([-1.0, 0.0], abs=1e-5)


def test_its_tensors_are_resumed(run):
    train_for(run, 3)
    assert run.companions[0].seen.item() == 3
    run.companions[0].seen.zero_()
    run.resume("its data")
    assert run.companions[0].seen.item() == 3
