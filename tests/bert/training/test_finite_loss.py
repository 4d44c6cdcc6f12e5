"""An update's loss is looked at later, once, and what is not a finite number ends the run."""

import re
from types import SimpleNamespace

import pytest
import torch

from bert.errors import InputError
from bert.training.distributed import Processes
from bert.training.finite_loss import FiniteLossCheck, check_scale
from tests.processes import ends_of

ALONE = Processes(0, 1, torch.device("cpu"))
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def test_before_an_update_all_is_well():
    FiniteLossCheck().check(ALONE)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("loss", [(float("nan"), 1.0), (1.0, float("inf"))])
def test_the_first_update_that_is_not_finite_is_named(device, loss):
    check = FiniteLossCheck()
    for step, numbers in enumerate([(1.5, 2.5), loss, (float("nan"), 1.0), (1.0, 1.0)], start=3):
        check.note(step, f"of file {step}", torch.tensor(numbers, device=device))
        assert check.failed == (step > 4)  # each is read when the next one has been launched
        check.read()
    with pytest.raises(InputError, match=r"not a finite number at step 4 \(examples of file 4\).*--learning-rate"):
        check.check(ALONE)


# Two processes train. At an update one of them has a number that is not finite.
PROGRAM = """
import itertools
import sys
from dataclasses import replace
from types import SimpleNamespace
import torch
from torch import nn
from bert.errors import InputError
from bert.heads.batch import Batch, sequences_of
from bert.heads.loss import cross_entropy
from bert.training.loop import train
from bert.training.precision import Precision
from bert.training.run import assemble
from bert.training.schedule import Schedule
from bert.training.script import run_script
from bert.training.settings import TrainingSettings
torch.set_num_threads(1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 3)
        self.config = SimpleNamespace(hidden_size=256, to_dict=dict)

    def losses(self, batch):
        return {"task": cross_entropy(self.layer(batch.labels["x"]), batch.labels["labels"])}

    def label_counts(self, batch):
        return {"task": len(batch.labels["labels"])}


def updates(rank, accumulate, broken):
    for number in itertools.count(1):
        batches = []
        for part in range(accumulate):
            x, tokens = torch.full((2, 5), 0.5), torch.zeros(2, dtype=torch.int64)
            if (number, rank, part) == broken:
                x[0, 0] = float("nan")
            batches.append(Batch(tokens, tokens, sequences_of([1, 1]), labels={"x": x, "labels": tokens}))
        yield SimpleNamespace(micro_batches=batches, position=(0, number), examples=f"of {number} in {rank}")


def attempt(processes, precision, shard, accumulate, step, every):
    settings = TrainingSettings("nowhere", precision="fp32", optimizer="adamw", learning_rate=0.1, shard=shard)
    run = assemble(settings, Classifier(), processes, print, {})
    run.precision = Precision(precision, "cpu", "a test")
    run.scaler = run.precision.gradient_scaler()
    batches = updates(processes.rank, accumulate, (step, 1, accumulate - 1))
    schedule = Schedule(6, 0.1, 1, report_every=9, eval_every=every, checkpoint_every=9)
    train(run, batches, schedule, lambda means: None, lambda: None, lambda: None)


def do(settings, processes):
    for precision in ("fp32", "bf16", "fp16"):
        for shard, accumulate, step, every in (
            (False, 1, 3, 9), (True, 2, 3, 9), (False, 2, 6, 9), (False, 1, 3, 3), (False, 1, 3, 4)
        ):
            try:
                attempt(processes, precision, shard, accumulate, step, every)
            except InputError as error:
                assert processes.is_main_process
                assert f"at step {step} (examples of {step} in 1);" in str(error), error
            except SystemExit as ending:
                assert (processes.rank, ending.code) == (1, 2)
            else:
                raise AssertionError((precision, shard, accumulate, step, every))
    attempt(processes, "fp16", False, 1, 3, 9)


sys.exit(run_script("a.py", [], lambda line: SimpleNamespace(device="cpu", plain=False), do))
"""


def test_a_loss_that_is_not_finite_in_one_process_ends_all_with_one_sentence_that_names_its_examples():
    (code, said), (code_of_second, said_by_second) = ends_of(PROGRAM, "", 2)
    assert (code, code_of_second, said_by_second) == (2, 2, ""), (said, said_by_second)
    assert re.fullmatch(r"a.py: error: the loss or its gradient .* at step 3 \(examples of 3 in 1\); .*\n", said)


def test_a_scale_that_went_to_nothing_ends_the_run_and_others_do_not():
    def scaler(scale, enabled=True):
        return SimpleNamespace(is_enabled=lambda: enabled, get_scale=lambda: scale)

    check_scale(scaler(1.0), 5)
    check_scale(scaler(0.5, enabled=False), 5)
    with pytest.raises(InputError, match=r"step 5.*--precision bf16"):
        check_scale(scaler(0.5), 5)
