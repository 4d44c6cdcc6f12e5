"""The number of threads follows the load, seldom enough, and a resumed run repeats what was chosen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bert.errors import InputError
from bert.training.decisions import Decisions, RecordedDecisions
from bert.training.distributed import Processes
from bert.training.machine_load import Load
from bert.training.optimizer import make_optimizer
from bert.training.precision import choose_precision
from bert.training.run import Run
from bert.training.threads import Choice, Threads, threads_restored

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)
TOKENS = 2_000  # of an update
# Tokens per second of a small model on two cores, by threads, when another program keeps no core busy, and one.
SMALL = {0: {1: 21_000, 2: 35_000}, 1: {1: 20_000, 2: 2_000}}


class Machine:
    """Cores, other programs that keep some of them busy, and a run that takes its time with so many threads."""

    def __init__(self, speeds, busy, cores=2):
        self.speeds, self.busy, self.cores = speeds, busy, cores  # busy: of a time, so many cores
        self.time = self.looked = self.waited = self.idle = 0.0
        self.tokens, self.threads, self.changes, self.told = 0, cores, [], []

    def look(self) -> Load:
        seconds = max(self.time - self.looked, 1e-9)
        load = Load(self.waited / seconds, self.idle / seconds)
        self.looked, self.waited, self.idle = self.time, 0.0, 0.0
        return load

    def train(self, seconds: float, choice: Choice | None = None) -> float:
        """Updates for so many seconds, in pieces of time in which the load is steady. Returns the mean speed."""
        end, tokens_before, time_before = self.time + seconds, self.tokens, self.time
        while self.time < end:
            if choice and (number := choice.decide()):
                self.threads = number
                self.changes.append((self.time, number))
            started, left = self.time, TOKENS
            while left > 1e-6:
                others = self.busy(self.time)
                speed = self.speeds[others][self.threads]
                piece = min(left / speed, 0.01)
                self.time += piece
                left -= piece * speed
                self.waited += piece * max(0, self.threads + others - self.cores)
                self.idle += piece * max(0, self.cores - self.threads - others)
            self.tokens += TOKENS
            if choice:
                choice.note(TOKENS, self.time - started)
        return (self.tokens - tokens_before) / (self.time - time_before)

    def chooses(self) -> Choice:
        return Choice(self.cores, self.threads, self.look, self.told.append)


def fixed(machine: Machine, number: int, seconds: float) -> float:
    other = Machine(machine.speeds, machine.busy, machine.cores)
    other.threads = number
    return other.train(seconds)


def test_on_a_free_machine_nothing_is_ever_tried():
    machine = Machine(SMALL, lambda time: 0)
    machine.train(3_600, machine.chooses())
    assert machine.changes == machine.told == []


def test_a_load_of_a_moment_is_let_pass():
    machine = Machine(SMALL, lambda time: int(time % 20 < 0.9))
    machine.train(600, machine.chooses())
    assert machine.changes == []


def test_beside_another_program_there_are_fewer_threads_in_ten_seconds_and_all_again_when_it_ends():
    machine = Machine(SMALL, lambda time: int(time < 60))
    choice = machine.chooses()
    machine.train(58, choice)
    assert machine.threads == 1
    assert [number for _, number in machine.changes] == [1]
    assert machine.changes[0][0] < 10
    assert machine.told == [
        "Other programs keep cores busy: going on with 1 thread (20,000 tokens/s instead of 2,000)."
    ]
    machine.train(62, choice)
    assert machine.threads == 2
    assert 60 < machine.changes[1][0] < 75
    assert machine.told[1:] == ["Cores are free again: going on with 2 threads (35,000 tokens/s instead of 21,000)."]


@pytest.mark.parametrize("seconds", [0.1, 1, 2, 5, 12, 40])
def test_a_load_that_comes_and_goes_costs_next_to_nothing_against_the_best_fixed_number(seconds):
    machine = Machine(SMALL, lambda time: int(time % (2 * seconds) < seconds))
    speed = machine.train(600, machine.chooses())
    worst, best = sorted(fixed(machine, number, 600) for number in (1, 2))
    assert speed >= 0.95 * best
    assert worst < 0.92 * best  # the control
    assert len(machine.changes) < 15


def test_if_fewer_threads_are_no_faster_they_are_tried_more_and_more_seldom():
    """A large model: even a half of the second core is worth having."""
    machine = Machine({0: {1: 1_000, 2: 1_900}, 1: {1: 1_000, 2: 1_300}}, lambda time: 1)
    speed = machine.train(1_200, machine.chooses())
    tried = [time for time, number in machine.changes if number == 1]
    assert machine.threads == 2
    assert machine.told == []
    assert 3 <= len(tried) <= 25
    assert tried[1] - tried[0] < tried[2] - tried[1] < tried[3] - tried[2]
    assert speed > 0.9 * 1_300


def test_if_more_threads_are_no_faster_they_are_tried_more_and_more_seldom():
    machine = Machine({0: {1: 21_000, 2: 21_500}, 1: {1: 20_000, 2: 2_000}}, lambda time: int(time < 20))
    machine.train(1_200, machine.chooses())
    assert machine.threads == 1
    assert len(machine.told) == 1
    assert 3 <= len([number for _, number in machine.changes if number == 2]) <= 12


@pytest.mark.parametrize("best", [7, 4, 1])
def test_of_many_threads_the_fastest_number_is_kept(best):
    busy = {number: 5_000 + 5_000 * (number == best) for number in (1, 4, 7)} | {8: 1_000}
    machine = Machine({0: {1: 6_000, 4: 20_000, 7: 35_000, 8: 40_000}, 3: busy}, lambda time: 3 * (time < 60), cores=8)
    choice = machine.chooses()
    machine.train(50, choice)
    assert machine.threads == best
    machine.train(60, choice)
    assert machine.threads == 8


def test_if_the_load_cannot_be_known_nothing_changes():
    choice = Choice(2, 2, None, print)
    choice.note(TOKENS, 1e3)
    assert [choice.decide() for _ in range(100)] == [None] * 100
    assert not choice._updates  # nor is anything kept, in a run of a million updates


# ---- the numbers of a run ----


@pytest.fixture
def numbers(monkeypatch):
    """On a machine with four cores: the numbers that are set, one after the other."""
    found = [4]
    monkeypatch.setattr(torch, "get_num_threads", lambda: found[-1])
    monkeypatch.setattr(torch, "set_num_threads", found.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return found


def chosen(monkeypatch, numbers_of_updates):
    """The choice by the load is this one, and it is told how long each update took."""
    noted = []
    monkeypatch.setattr(Choice, "decide", lambda choice: numbers_of_updates.pop(0))
    monkeypatch.setattr(Choice, "note", lambda choice, tokens, seconds: noted.append(tokens))
    return noted


def decided(folder, **made) -> Decisions:
    if made:
        (folder / "decisions.json").write_text(json.dumps(made))
    return Decisions(folder / "decisions.json", ALONE)


def written(folder) -> dict:
    return json.loads((folder / "decisions.json").read_text())


def test_each_number_is_written_down_and_a_resumed_run_repeats_it(tmp_path, numbers, monkeypatch):
    noted = chosen(monkeypatch, [None, 2, None, 1])
    threads = Threads(decided(tmp_path), 0, print)
    in_each = []
    for step in range(5):
        with threads.update(step, tokens=10 + step):
            in_each.append(numbers[-1])
    assert in_each == [4, 4, 2, 2, 1]
    assert noted == [11, 12, 13, 14]
    assert written(tmp_path) == {"threads": [[0, 4], [2, 2], [4, 1]]}

    numbers.append(4)  # another session
    chosen(monkeypatch, [3])
    threads = Threads(decided(tmp_path), 1, print)
    for step, expected in enumerate([4, 2, 2, 1, 3], start=1):
        with threads.update(step, 10):
            assert numbers[-1] == expected


def test_a_resumed_run_starts_with_the_number_that_it_had(tmp_path, numbers):
    Threads(decided(tmp_path, threads=[[0, 4], [60, 2], [90, 3]]), 70, print)
    assert numbers == [4, 2]
    assert written(tmp_path) == {"threads": [[0, 4], [60, 2], [90, 3]]}


def test_a_run_of_before_there_were_decisions_goes_on_with_all(tmp_path, numbers):
    Threads(decided(tmp_path), 500, print)
    assert numbers == [4, 4]
    assert written(tmp_path) == {"threads": [[500, 4]]}


@pytest.mark.parametrize(
    ("environment", "cores", "why"),
    [({"OMP_NUM_THREADS": "2"}, 2, "OMP_NUM_THREADS is 2"), ({}, 2, "this machine has 2")],
)
def test_the_users_number_and_the_number_of_cores_count_more_and_a_note_says_so(
    environment, cores, why, tmp_path, numbers, monkeypatch
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    numbers.append(cores)
    told = []
    Threads(decided(tmp_path, threads=[[0, 4], [90, 1]]), 70, told.append)
    assert numbers[-1] == cores
    assert told == [
        f"Note: the run had 4 threads, and now {why}: results will differ in the last bits from a run that was not "
        f"stopped."
    ]
    assert written(tmp_path) == {"threads": [[0, 4], [70, 2]]}


def test_the_users_number_never_changes_by_the_load(tmp_path, numbers, monkeypatch):
    chosen(monkeypatch, [1])  # the control: without the variable it would be taken
    for environment, expected in (("4", 4), ("", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
        threads = Threads(decided(tmp_path), 0, print)
        with threads.update(1, 10):
            assert numbers[-1] == expected


def test_a_number_of_no_threads_is_refused(tmp_path, numbers):
    with pytest.raises(InputError, match=r"decisions.json: threads holds 0"):
        Threads(decided(tmp_path, threads=[[0, 0]]), 0, print)


@pytest.mark.parametrize(
    ("processes", "compiles"),
    [(Processes(0, 2, CPU), False), (Processes(0, 1, torch.device("cuda")), False), (ALONE, True)],
)
def test_several_processes_a_gpu_and_compiled_code_are_left_alone(processes, compiles, tmp_path, numbers, monkeypatch):
    chosen(monkeypatch, [1] * 3)
    precision, model = choose_precision("fp32", CPU), torch.nn.Linear(2, 3)
    run = Run(tmp_path, model, make_optimizer("adamw", model, 0.1), precision, processes, print, {},
              precision.gradient_scaler(), compiles=compiles)  # fmt: skip
    threads = run.threads()
    for step in range(3):
        with threads.update(step, 10):
            pass
    assert numbers == [4]
    assert list(tmp_path.iterdir()) == []
    run.processes, run.compiles = ALONE, False  # the control
    with run.threads().update(1, 10):
        assert numbers[-1] == 1


def test_a_number_is_for_its_run_alone(numbers):
    with pytest.raises(KeyError), threads_restored():
        torch.set_num_threads(1)
        raise KeyError
    assert numbers[-1] == 4


REAL_RUNS = """
import itertools, sys
from pathlib import Path
from types import SimpleNamespace
import torch
from torch import nn
from bert.heads.batch import Batch, sequences_of
from bert.heads.loss import cross_entropy
from bert.training.distributed import Processes
from bert.training.loop import train
from bert.training.optimizer import make_optimizer
from bert.training.precision import choose_precision
from bert.training.run import Run
from bert.training.schedule import Schedule
from bert.training.threads import Choice

folder, ROWS, CPU = Path(sys.argv[1]), 1024, torch.device("cpu")
SCHEDULE = Schedule(8, 0.1, warmup_steps=2, report_every=9, eval_every=9, checkpoint_every=2)
torch.set_num_threads(2)

class Model(nn.Module):
    config = SimpleNamespace(hidden_size=256, to_dict=dict)
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(32, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 3))
    def losses(self, batch):
        return {"task": cross_entropy(self.layers(batch.labels["x"]), batch.labels["labels"])}
    def label_counts(self, batch):
        return {"task": ROWS}

def updates(first, killed_at):
    for step in itertools.count(first):
        if step == killed_at:
            raise KeyboardInterrupt
        generator = torch.Generator().manual_seed(step)
        x, labels = torch.randn(ROWS, 32, generator=generator), torch.randint(3, (ROWS,), generator=generator)
        ids = torch.zeros(ROWS, dtype=torch.int64)
        batch = Batch(ids, ids, sequences_of([1] * ROWS), labels={"x": x, "labels": labels})
        yield SimpleNamespace(micro_batches=[batch], position=[0, step + 1], examples="")

def trained(name, forced, killed_at=None):
    forced = iter(forced)
    Choice.decide = lambda choice: next(forced, None)
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model, precision = Model(), choose_precision("fp32", CPU)
    (folder / name).mkdir(exist_ok=True)
    run = Run(folder / name, model, make_optimizer("bert-adamw", model, 0.1), precision, Processes(0, 1, CPU),
              lambda *lines: None, {}, precision.gradient_scaler())
    run.resume("nothing")
    try:
        train(run, updates(run.progress.step, killed_at), SCHEDULE, print, lambda: None, run.save)
    except KeyboardInterrupt:
        return run.progress.step
    return torch.cat([each.detach().flatten() for each in model.parameters()])

whole = trained("whole", [None, None, 1, None, 2])
assert trained("killed", [None, None, 1, None, 2], killed_at=6) == 6
(folder / "killed/training_state/step-00000006").rename(folder / "gone")  # it goes back to update 4
assert trained("killed", [], killed_at=6) == 6
(folder / "killed/training_state/step-00000006").rename(folder / "gone again")
assert torch.equal(trained("killed", []), whole)
assert (folder / "killed/training_state/decisions.json").read_text() == '{"threads": [[0, 2], [3, 1], [5, 2]]}\\n'
trained("control", [None, None, 1, None, 2], killed_at=5)
(folder / "control/training_state/decisions.json").unlink()
assert not torch.equal(trained("control", []), whole)  # all threads, from update 4 on
"""


def test_a_run_that_was_killed_between_two_numbers_is_resumed_bit_for_bit(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    result = subprocess.run(
        [sys.executable, "-c", REAL_RUNS, str(tmp_path)], capture_output=True, text=True, timeout=120,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_a_run_that_is_computed_again_has_its_own_threads_whatever_this_machine_has(tmp_path, monkeypatch):
    (tmp_path / "decisions.json").write_text('{"threads": [[0, 5], [3, 2]]}')
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    numbers, told = [], []
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    for step, expected in ((0, [5, 2]), (3, [2, 2])):
        threads = Threads(RecordedDecisions(tmp_path / "decisions.json", ALONE), step, told.append)
        for update in range(step, 6):
            with threads.update(update, TOKENS):
                pass
        assert sorted(set(numbers), reverse=True) == sorted(set(expected), reverse=True)
        assert numbers[0] == expected[0]
        numbers.clear()
    assert not told
