"""The loop: one loss per update whatever its parts, late checks, requests to stop, exact resumption."""

import itertools
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bert.errors import InputError
from bert.heads.batch import Batch, sequences_of
from bert.heads.loss import cross_entropy
from bert.training.distributed import Processes
from bert.training.fitted_schedule import make_fitted_schedule
from bert.training.loop import mean_losses, train, training_step
from bert.training.optimizer import make_optimizer
from bert.training.precision import choose_precision
from bert.training.progress import Progress
from bert.training.run import Run
from bert.training.schedule import Schedule
from bert.training.settings import TrainingSettings
from bert.training.state import generator_state, restore_generator_state
from bert.training.totals import RunningTotals

CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)
FP32 = choose_precision("fp32", CPU)
SCHEDULE = Schedule(
    max_steps=6, learning_rate=0.1, warmup_steps=2, report_every=2, eval_every=3, checkpoint_every=2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a run writes its decisions into its directory
    Path("nowhere").mkdir()


class Classifier(nn.Module):
    """The smallest model that the loop can train: rows of numbers into three classes, with dropout."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Dropout(dropout), nn.Linear(7, 3))

    def losses(self, batch):
        return {"task": cross_entropy(self.layers(batch.labels["x"]), batch.labels["labels"])}

    def label_counts(self, batch):
        return {"task": len(batch.labels["labels"])}


def make_batch(rows, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return batch_of(torch.randn(rows, 5, generator=generator), torch.randint(3, (rows,), generator=generator))


def batch_of(x, labels):
    """Rows of numbers, each of which the loop counts as a token."""
    tokens = torch.zeros(len(x), dtype=torch.int64)
    return Batch(tokens, tokens, sequences_of([1] * len(x)), labels={"x": x, "labels": labels})


def rows_of(batch, part):
    return batch_of(batch.labels["x"][part], batch.labels["labels"][part])


def run_of(model, optimizer=None, progress=None, scaler=None):
    optimizer = optimizer or make_optimizer("bert-adamw", model, 0.1)
    scaler = scaler or FP32.gradient_scaler()
    return Run(Path("nowhere"), model, optimizer, FP32, ALONE, print, {}, scaler, progress=progress or Progress())


class Updates:
    """Endless updates from a position: a function of their number alone."""

    def __init__(self, start=0, broken_at=None):
        self.start, self.broken_at = start, broken_at

    def __iter__(self):
        for number in itertools.count(self.start):
            batch = make_batch(4 + number % 3, seed=number)
            if number == self.broken_at:
                batch.labels["x"][1, 2] = float("nan")
            yield SimpleNamespace(micro_batches=[batch], position=number + 1, examples=f"of update {number}")


def gradients_of(parts, counts):
    torch.manual_seed(1)
    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    training_step(run_of(model, optimizer), parts, counts, RunningTotals(), float("inf"))
    return {name: before[name] - parameter for name, parameter in model.named_parameters()}


def test_an_update_in_unequal_parts_is_the_update_in_one():
    batch = make_batch(9)
    parts = [rows_of(batch, part) for part in (slice(0, 2), slice(2, 3), slice(3, 9))]
    whole, split = gradients_of([batch], {"task": 9}), gradients_of(parts, {"task": 9})
    for name in whole:
        torch.testing.assert_close(whole[name], split[name])
    means = [gradients_of([part], {"task": len(part.input_ids)}) for part in parts]
    mean_of_means = sum(mean["layers.0.weight"] for mean in means) / 3
    assert not mean_of_means.allclose(whole["layers.0.weight"], rtol=1e-3)


def test_the_loss_of_an_update_is_that_of_all_its_parts():
    model, batch = Classifier(), make_batch(9)
    with torch.no_grad():
        expected = model.losses(batch)["task"].sum.item() / 9
    parts = [rows_of(batch, part) for part in (slice(0, 2), slice(2, 3), slice(3, 9))]
    loss, _ = training_step(run_of(model), parts, {"task": 9}, RunningTotals(), 1.0).tolist()
    assert loss == pytest.approx(expected)


def test_gradients_are_clipped_by_their_norm_over_all_parameters():
    torch.manual_seed(1)
    model = Classifier()
    before = [parameter.clone() for parameter in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    batch = make_batch(9)
    training_step(run_of(model, optimizer), [batch], {"task": 9}, RunningTotals(), 0.01)
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, model.parameters())])
    assert abs(moved.norm().item() - 0.01) < 1e-5


def run(model, progress=None, schedule=SCHEDULE, broken_at=None, on_report=None, optimizer=None, verdict=None):
    """Trains and returns what happened, as a list of (what, step) and the end."""
    progress = progress or Progress(position=0)
    optimizer = optimizer or make_optimizer("bert-adamw", model, 0.1)
    trained = run_of(model, optimizer, progress)
    happened = []

    def note(what):
        return lambda *means: happened.append((what, progress.step, *means))

    def evaluate():
        happened.append(("evaluate", progress.step))
        return verdict

    def report(means):
        happened.append(("report", progress.step, means))
        if on_report:
            on_report(progress)

    ended = train(trained, Updates(progress.position, broken_at), schedule, report, evaluate, note("checkpoint"))
    return happened, ended, optimizer


def test_reports_evaluations_and_checkpoints_come_when_they_are_due():
    happened, ended, _ = run(Classifier())
    assert ended == "finished"
    assert [(what, step) for what, step, *_ in happened] == [
        ("report", 2), ("checkpoint", 2), ("evaluate", 3), ("report", 4), ("checkpoint", 4), ("report", 6),
        ("checkpoint", 6),
    ]  # fmt: skip


class Overflow(torch.amp.GradScaler):
    """Of gradients that overflow in every update, as those of fp16 on a GPU might."""

    def unscale_(self, optimizer):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad.fill_(float("inf"))
        super().unscale_(optimizer)


def test_updates_that_are_left_out_for_ever_are_no_training():
    model, progress, reported = Classifier(), Progress(position=0), []
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    schedule = replace(SCHEDULE, max_steps=40)
    with pytest.raises(InputError, match=r"whatever the loss scale \(step 18\)"):
        overflowing = run_of(model, progress=progress, scaler=Overflow("cpu"))
        train(overflowing, Updates(progress.position), schedule, reported.append, lambda: None, lambda: None)
    assert len(reported) == 9  # the scale is 2^16, and a half of it after each update; a report comes every second
    assert all(parameter.equal(before[name]) for name, parameter in model.named_parameters())


def test_what_an_evaluation_says_ends_the_run_with_a_checkpoint():
    happened, ended, _ = run(Classifier(), verdict="stopped early")
    assert ended == "stopped early"
    assert [(what, step) for what, step, *_ in happened][-2:] == [("evaluate", 3), ("checkpoint", 3)]


def test_a_group_may_learn_at_a_part_of_the_rate():
    model, half = Classifier(), Classifier()
    half.load_state_dict(model.state_dict())
    before = model.layers[0].weight.clone()
    schedule = Schedule(1, 0.1, 0, report_every=1, eval_every=9, checkpoint_every=9)
    for each, factor in ((model, 1.0), (half, 0.5)):
        optimizer = torch.optim.SGD([{"params": each.parameters(), "learning_rate_factor": factor}], lr=0.1)
        run(each, schedule=schedule, optimizer=optimizer)
    whole_step = before - model.layers[0].weight
    assert whole_step.abs().sum() > 0
    torch.testing.assert_close(before - half.layers[0].weight, whole_step / 2)


def test_a_report_holds_the_means_since_the_one_before():
    model = Classifier()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    schedule = Schedule(4, learning_rate=0.0, warmup_steps=1, report_every=2, eval_every=9, checkpoint_every=9)
    happened, _, _ = run(model, schedule=schedule)
    for what, _, *means in happened:
        if what == "report":
            assert abs(means[0]["task_loss"] - 1.0986) < 1e-3
            assert means[0]["tokens_per_second"] > 0
    labels = torch.cat([make_batch(4 + number % 3, seed=number).labels["labels"] for number in (0, 1)])
    assert happened[0][2]["task_accuracy"] == pytest.approx((labels == 0).float().mean().item())


class Clock:
    """Stands still unless somebody lets time pass."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr("bert.training.loop.time", SimpleNamespace(perf_counter=lambda: self.now))

    def let_pass(self, seconds):
        self.now += seconds


class Slow(Classifier):
    """Takes two seconds for a batch."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def losses(self, batch):
        self.clock.let_pass(2)
        return super().losses(batch)


def slowly(clock, seconds):
    for update in Updates(0):
        clock.let_pass(seconds)
        yield update


def test_a_report_says_how_fast_it_went_and_how_long_the_data_was_waited_for(monkeypatch):
    for seconds in (6, 0):
        clock, means = Clock(monkeypatch), []
        trained = run_of(Slow(clock))
        pause = partial(clock.let_pass, 1000)  # evaluations and checkpoints are no training
        train(trained, slowly(clock, seconds), SCHEDULE, means.append, pause, pause)
        assert [each["waiting_for_data"] for each in means] == pytest.approx([seconds / (seconds + 2)] * 3)
        rows = (4 + 5, 6 + 4, 5 + 6)  # of two updates each; a row is a token
        expected = [each / (2 * (seconds + 2)) for each in rows]
        assert [each["tokens_per_second"] for each in means] == pytest.approx(expected)


def test_the_learning_rate_follows_the_schedule():
    happened, _, _ = run(Classifier())
    rates = [means[0]["learning_rate"] for what, _, *means in happened if what == "report"]
    assert rates == pytest.approx([0.1, 0.1 * (1 - 3 / 6), 0.1 * (1 - 5 / 6)])


def test_a_loss_that_is_no_number_stops_the_run_before_its_checkpoint_and_names_the_batch():
    with pytest.raises(InputError, match=r"step 4 \(examples of update 3\)"):
        run(Classifier(), broken_at=3)
    happened = []
    stopped = run_of(Classifier())
    with pytest.raises(InputError):
        train(
            stopped, Updates(0, 3), SCHEDULE, lambda means: None, lambda: None,
            lambda: happened.append(stopped.progress.step),
        )  # fmt: skip
    assert happened == [2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_is_granted_after_the_update_and_saved(number):
    before = signal.getsignal(number)
    happened, ended, _ = run(Classifier(), on_report=lambda _: os.kill(os.getpid(), number))
    assert ended == "interrupted"
    assert happened[-1][:2] == ("checkpoint", 2)
    assert signal.getsignal(number) is before


def test_the_time_limit_ends_a_run_with_a_checkpoint(monkeypatch):
    clock, happened = Clock(monkeypatch), []
    progress = Progress(position=0, seconds=500.0)  # of the sessions before, which do not count
    schedule = Schedule(10**9, 0.1, 2, report_every=10**9, eval_every=10**9, checkpoint_every=10**9, max_seconds=25)
    trained = run_of(Slow(clock), progress=progress)
    ended = train(
        trained, slowly(clock, 8), schedule, happened.append, lambda: None, lambda: happened.append("checkpoint")
    )
    assert ended == "out of time"
    assert happened == ["checkpoint"]
    assert progress.step == 2  # after 20 seconds; the third update comes after 28
    assert progress.seconds == 528


def test_a_run_in_two_sittings_is_bit_for_bit_the_run_in_one():
    torch.manual_seed(0)
    model = Classifier(dropout=0.5)
    initial = {name: weight.clone() for name, weight in model.state_dict().items()}
    torch.manual_seed(1)
    run(model)
    expected = model.state_dict()

    def two_sittings(restore_generators):
        first = Classifier(dropout=0.5)
        first.load_state_dict(initial)
        torch.manual_seed(1)
        progress = Progress(position=0)

        def interrupt_at_4(progress):
            if progress.step == 4:
                os.kill(os.getpid(), signal.SIGTERM)

        _, ended, optimizer = run(first, progress, on_report=interrupt_at_4)
        assert ended == "interrupted"
        state = {name: weight.clone() for name, weight in first.state_dict().items()}
        generators, optimizer_state = generator_state(CPU), optimizer.state_dict()
        torch.rand(17)
        second = Classifier(dropout=0.5)
        second.load_state_dict(state)
        optimizer = make_optimizer("bert-adamw", second, 0.1)
        optimizer.load_state_dict(optimizer_state)
        if restore_generators:
            restore_generator_state(generators, CPU)
        run(second, Progress(**vars(progress)), optimizer=optimizer)
        return second.state_dict()

    again = two_sittings(restore_generators=True)
    assert all(again[name].equal(weight) for name, weight in expected.items())
    without = two_sittings(restore_generators=False)
    assert not all(without[name].equal(weight) for name, weight in expected.items())


def test_evaluation_is_the_mean_over_labels_with_dropout_off_and_disturbs_nothing():
    model = Classifier(dropout=0.9).train()
    batches = [make_batch(2, seed=1), make_batch(7, seed=2)]
    before = torch.get_rng_state()
    means = mean_losses(model, batches, FP32, ALONE)
    assert torch.get_rng_state().equal(before)
    assert model.training
    model.eval()
    assert mean_losses(model, batches, FP32, ALONE) == means
    assert not model.training
    both = (torch.cat([batch.labels[name] for batch in batches]) for name in ("x", "labels"))
    loss = model.losses(batch_of(*both))["task"]
    assert means["task_loss"] == pytest.approx(loss.sum.item() / 9)
    assert means["task_accuracy"] == pytest.approx(loss.correct.item() / 9)


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_updates_and_evaluations_compute_products_in_the_precision_of_the_run(name, dtype):
    model, precision, seen = Classifier(), choose_precision(name, CPU), []
    model.layers[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    trained = replace(run_of(model), precision=precision)
    totals = RunningTotals()
    training_step(trained, [make_batch(3), make_batch(4)], {"task": 7}, totals, 1.0)
    mean_losses(model, [make_batch(5)], precision, ALONE)
    assert seen == [dtype] * 3
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_what_was_not_reported_before_a_stop_is_in_the_first_report_after_it():
    model = Classifier()
    progress = Progress(position=0, unreported={"task": [100.0, 40.0, 10.0]})
    schedule = Schedule(1, learning_rate=0.0, warmup_steps=1, report_every=1, eval_every=9, checkpoint_every=9)
    with torch.no_grad():
        loss = model.losses(make_batch(4, seed=0))["task"]
    happened, _, _ = run(model, progress, schedule)
    assert happened[0][2]["task_loss"] == pytest.approx((100 + loss.sum.item()) / 44, rel=1e-5)
    assert happened[0][2]["task_accuracy"] == pytest.approx((10 + loss.correct.item()) / 44)
    assert progress.unreported == {}


def test_what_is_not_reported_yet_is_kept_for_the_run_that_goes_on():
    model, progress = Classifier(), Progress(position=0)
    schedule = replace(SCHEDULE, report_every=4, max_steps=7)
    seen = []
    trained = run_of(model, progress=progress)
    train(
        trained, Updates(0), schedule, lambda means: None, lambda: None,
        lambda: seen.append((progress.step, progress.unreported.get("task", [0, 0])[1])),
    )  # fmt: skip
    assert seen == [(2, 4 + 5), (4, 0), (6, 5 + 6), (7, 0)]  # labels of updates 0, 1, ... : 4, 5, 6, 4, 5, 6, 4


def test_tokens_are_counted_over_all_micro_batches_and_the_counter_goes_on():
    progress = Progress(position=0, tokens=1000)
    updates = [SimpleNamespace(micro_batches=[make_batch(4), make_batch(3)], position=n, examples="") for n in range(3)]
    schedule = replace(SCHEDULE, max_steps=2)
    train(run_of(Classifier(), progress=progress), updates, schedule, lambda means: None, lambda: None, lambda: None)
    assert progress.tokens == 1000 + 2 * 7


def test_in_fp16_gradients_are_clipped_as_they_are_without_the_scale():
    torch.manual_seed(1)
    model = Classifier()
    before = [parameter.clone() for parameter in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaled = run_of(model, optimizer, scaler=torch.amp.GradScaler("cpu", init_scale=1024.0))
    training_step(scaled, [make_batch(9)], {"task": 9}, RunningTotals(), 0.01)
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, model.parameters())])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_the_schedule_says_how_far_gradients_are_clipped():
    for most in (0.01, 0.002):
        torch.manual_seed(1)
        model = Classifier()
        before = [parameter.clone() for parameter in model.parameters()]
        schedule = replace(SCHEDULE, max_steps=1, warmup_steps=0, learning_rate=1.0, max_gradient_norm=most)
        run(model, schedule=schedule, optimizer=torch.optim.SGD(model.parameters(), lr=1.0))
        moved = torch.cat([(a - b).flatten() for a, b in zip(before, model.parameters())])
        assert moved.norm().item() == pytest.approx(most, rel=1e-3)


def test_a_run_of_a_time_ends_there_with_a_rate_of_nearly_zero_and_reports_its_plan(monkeypatch, tmp_path):
    clock, reports = Clock(monkeypatch), []
    (tmp_path / "training_state").mkdir()
    settings = TrainingSettings("nowhere", report_every=7, eval_every=50, checkpoint_every=40, learning_rate=0.1)
    schedule = make_fitted_schedule(settings, 70, minutes=20)
    trained = replace(run_of(Slow(clock)), directory=tmp_path)
    pause = partial(clock.let_pass, 30)
    ended = train(trained, slowly(clock, 1), schedule, reports.append, pause, pause)
    progress = trained.progress
    assert ended == "finished"
    assert progress.seconds == pytest.approx(1200, rel=0.03)
    assert progress.step == reports[-1]["planned_steps"] == progress.leg[2]
    assert progress.step == pytest.approx(1200 / (3 + 30 / 50 + 30 / 40), rel=0.1)
    assert reports[-1]["learning_rate"] < 0.1 * 0.02
    assert "planned_steps" not in reports[0]  # of the first updates, which may have compiled


def test_a_longer_run_is_told_that_its_rate_jumps():
    said, progress = [], Progress(position=0)
    trained = replace(run_of(Classifier(), progress=progress), log=said.append)
    nothing = {"report": lambda means: None, "evaluate": lambda: None, "checkpoint": lambda: None}
    train(trained, Updates(0), SCHEDULE, **nothing)
    train(trained, Updates(6), SCHEDULE, **nothing)
    assert said == []
    train(trained, Updates(6), replace(SCHEDULE, max_steps=12), **nothing)
    assert len(said) == 1
    assert "jumps from 1.67e-02 up to 5.00e-02" in said[0]
