"""The average of the weights against NumPy, and what a run does with it."""

import numpy as np
import pytest
import torch
from torch import nn

from bert.training.average import Average
from bert.training.loop import train
from bert.training.precision import choose_precision
from bert.training.run import Run
from bert.training.schedule import Schedule
from tests.bert.training.test_companion import CPU, Model, Update
from tests.bert.training.test_loop import ALONE


def averaged(model, updates, steps):
    """The average after each of so many updates of random weights, and these weights."""
    average, generator, history = Average(model, updates), torch.Generator().manual_seed(3), []
    for step in range(1, steps + 1):
        model.weight.data = torch.randn(model.weight.shape, generator=generator)
        average.after_step(step)
        history.append((average.tensors["weight"].clone(), model.weight.detach().clone()))
    return history


def test_it_is_the_mean_of_all_weights_so_far_and_then_moves_with_the_horizon():
    found = averaged(Model(), updates=4, steps=9)
    weights = np.stack([weight.numpy() for _, weight in found])
    expected = weights[0]
    for step, (average, _) in enumerate(found, start=1):
        expected = weights[:step].mean(axis=0) if step <= 4 else 0.75 * expected + 0.25 * weights[step - 1]
        np.testing.assert_allclose(average.numpy(), expected, rtol=1e-5, atol=1e-6)
        assert step == 1 or not np.allclose(average.numpy(), weights[step - 1], rtol=1e-2)


def test_the_initial_weights_do_not_count():
    first, second = Model(), Model()
    second.weight.data += 1e6
    for (one, _), (other, _) in zip(averaged(first, 3, 5), averaged(second, 3, 5), strict=True):
        assert one.equal(other)


def test_before_the_first_update_it_is_the_initial_weights():
    model = Model()
    model.weight.data += 7.0
    assert Average(model, 3).tensors["weight"].tolist() == [7.0, 7.0]


def test_frozen_weights_are_not_averaged():
    model = nn.Linear(3, 2)
    model.weight.requires_grad_(False)
    assert Average(model, 3).tensors.keys() == {"bias"}


def test_in_its_block_the_model_has_the_average_and_after_it_its_own_weights_whatever_happened():
    model, average = Model(), None
    average = Average(model, 4)
    for step in (1, 2, 3):
        model.weight.data = torch.randn(2) / 3
        average.after_step(step)
    own, mean = model.weight.detach().clone(), average.tensors["weight"].clone()
    assert not own.equal(mean)
    with pytest.raises(KeyboardInterrupt), average.in_place():
        assert model.weight.equal(mean)
        raise KeyboardInterrupt
    assert model.weight.equal(own)
    assert average.tensors["weight"].equal(mean)


def make_run(directory, updates):
    directory.mkdir(exist_ok=True)
    model, precision = Model(), choose_precision("fp32", CPU)
    average = Average(model, updates) if updates else None
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    return Run(directory, model, optimizer, precision, ALONE, print, {}, precision.gradient_scaler(),
               companions=(average,) if average else (), average=average)  # fmt: skip


def trained(run, steps):
    schedule = Schedule(9, 1.0, 0, report_every=9, eval_every=9, checkpoint_every=9)
    seen = []

    def evaluate():
        with run.evaluation():
            seen.append(run.model.weight.detach().clone())

    updates = [Update() for _ in range(steps - run.progress.step)]
    for update in updates:
        update.position = (0, 1)
    train(run, updates, schedule, lambda means: None, lambda: None, run.save)
    evaluate()
    return run.model.weight.detach().clone(), run.weights()["weight"], seen[0]


def test_a_run_trains_its_own_weights_and_evaluates_and_keeps_the_average(tmp_path):
    (own, kept, seen), (plain, plain_kept, plain_seen) = (
        trained(make_run(tmp_path / str(updates), updates), 5) for updates in (3, None)
    )
    assert own.equal(plain)  # training knows nothing of the average
    assert kept.equal(seen)
    assert not kept.equal(own)
    assert plain_kept.equal(plain)
    assert plain_seen.equal(plain)


def test_kept_weights_stay_as_they_were_when_training_goes_on(tmp_path):
    run = make_run(tmp_path, 3)
    _, kept, _ = trained(run, 2)
    before = kept.clone()
    run.average.after_step(3)
    run.model.weight.data += 1
    assert kept.equal(before)


def test_a_resumed_run_has_the_average_of_one_that_never_stopped(tmp_path):
    expected = trained(make_run(tmp_path / "never stopped", 3), 6)
    trained(make_run(tmp_path / "stopped", 3), 4)
    for loses_it in (False, True):
        run = make_run(tmp_path / "stopped", 3)
        run.resume("its data")
        if loses_it:  # the control
            run.average.tensors["weight"].zero_()
        found = trained(run, 6)
        assert found[0].equal(expected[0])
        assert found[1].equal(expected[1]) != loses_it
        (tmp_path / "stopped" / "training_state" / "step-00000006").rename(tmp_path / f"{loses_it}")
