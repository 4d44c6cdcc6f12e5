"""AdaLoRA's budget: the total rank follows its schedule, and the faults of other implementations are not here."""

import copy

import numpy as np
import pytest
import torch

from bert.adaptation.adalora import LOSS, AdaLora, adalora_matrices, ranks
from bert.adaptation.adapt import adapt
from bert.adaptation.budget import AVERAGING, Allocator, Budget
from bert.adaptation.files import load_adapter, save_adapter
from bert.adaptation.lora import Lora
from bert.errors import InputError
from bert.training.optimizer import make_optimizer
from tests.bert.adaptation.models import BATCH, make_model

SETTINGS = AdaLora(initial_rank=5, target_rank=2, initial_share=0.2, final_share=0.3)
MATRICES = 18


class Training:
    """A few lines of a training loop."""

    def __init__(self, settings=SETTINGS, max_steps=20):
        self.model, self.max_steps = make_model().train(), max_steps
        adapt(self.model, settings)
        self.allocator, self.step = Allocator(self.model), 0
        self.allocator.begin(max_steps)
        self.optimizer = make_optimizer("bert-adamw", self.model, 1e-2)

    def update(self, batches=(BATCH,), scale=1.0):
        for batch in batches:
            (scale * sum(loss.sum for loss in self.model.losses(batch).values()) / len(batches)).backward()
        self.finish()

    def finish(self, skipped=False):
        if not skipped:
            self.optimizer.step()
        self.step += 1
        self.allocator.after_step(self.step)
        self.optimizer.zero_grad()

    @property
    def rank(self):
        return sum(ranks(self.model).values())

    def numbers(self):
        return {name: each.clone() for name, each in (self.model.state_dict() | self.allocator.tensors).items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)


def test_the_total_rank_follows_the_schedule_and_ends_at_the_target():
    training, expected = Training(), []
    for step in range(1, 21):
        training.update()
        left = 1 - (step - 4) / (20 - 4 - 6)
        expected.append(90 if step <= 4 else 36 if step >= 14 else int(36 + (90 - 36) * left**3))
        assert training.rank == expected[-1] == training.allocator.budget.at(step)
    assert training.rank == 2 * MATRICES
    assert len(set(expected)) > 8
    assert len(set(ranks(training.model).values())) > 1  # dealt out, not cut evenly


def test_without_the_call_nothing_is_cut():
    """The control: what happens in peft if nobody calls update_and_allocate."""
    training = Training()
    training.allocator.after_step = lambda step: None
    for _ in range(20):
        training.update()
    assert training.rank == 5 * MATRICES


def test_between_cuts_lambdas_learn_on_and_may_come_back():
    training = Training(AdaLora(5, 2, initial_share=0.2, final_share=0.3, every=4))
    found = []
    for _ in range(20):
        training.update()
        found.append(training.rank)
    budget = training.allocator.budget
    assert [step for step in range(1, 21) if budget.is_cut_at(step)] == [8, 12, *range(14, 21)]
    assert [found[step - 1] for step in (8, 12, 14, 20)] == [budget.at(step) for step in (8, 12, 14, 20)]
    assert found[8] == found[9] == 90


def test_ranks_that_need_not_fall_stay():
    """peft's kthvalue is out of range here."""
    training = Training(AdaLora(3, 3))
    for _ in range(20):
        training.update()
        assert training.rank == 3 * MATRICES


def test_after_the_end_of_the_schedule_the_target_stays():
    training = Training(max_steps=10)
    for _ in range(13):
        training.update()
    assert training.rank == 2 * MATRICES


@torch.no_grad()
def test_importance_is_what_numpy_computes():
    training = Training()
    module = adalora_matrices(training.model)["bert.encoder.layers.1.attention.key"]
    before = {}
    rng = np.random.default_rng(5)
    for step in range(1, 4):
        scores = np.zeros(5)
        for part, axis in (("lora_E", 1), ("lora_A", 1), ("lora_B", 0)):
            parameter = getattr(module, part)
            gradient = rng.standard_normal(tuple(parameter.shape)).astype(np.float32)
            importance = np.abs(parameter.numpy() * gradient)
            mean, spread = before.get(part, (0.0, 0.0))
            mean = 0.85 * mean + 0.15 * importance
            spread = 0.85 * spread + 0.15 * np.abs(importance - mean)
            before[part] = mean, spread
            scores += (mean * spread).mean(axis=axis)
            parameter.grad = torch.from_numpy(gradient)
        for other in training.allocator.matrices.values():
            for part in ("lora_A", "lora_E", "lora_B"):
                if other is not module:
                    getattr(other, part).grad = torch.zeros_like(getattr(other, part))
        training.allocator.after_step(step)
        found = training.allocator._scores("bert.encoder.layers.1.attention.key").numpy()
        np.testing.assert_allclose(found, scores, rtol=1e-4)
        module.lora_E += 0.1
    assert AVERAGING == 0.85


@torch.no_grad()
def test_the_least_important_triplets_of_all_matrices_are_cut():
    training = Training()
    for number, (name, module) in enumerate(adalora_matrices(training.model).items()):
        module.lora_E += 1.0
        for part in ("lora_A", "lora_E", "lora_B"):
            averages = training.allocator.averages[f"{name}.{part}"]
            averages.uncertainty.fill_(1.0)
        training.allocator.averages[f"{name}.lora_E"].importance.fill_(float(number))
    training.allocator._cut(12, torch.tensor(True))
    assert list(ranks(training.model).values()) == [0] * 15 + [2, 5, 5]
    kept = adalora_matrices(training.model)["bert.encoder.layers.2.feed_forward.output"]
    assert kept.lora_A.all() and kept.lora_B.all()


def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit():
    whole, first = Training(), Training()
    for _ in range(12):
        whole.update()
    for _ in range(7):
        first.update()
    saved, optimizer = copy.deepcopy((first.numbers(), first.optimizer.state_dict()))
    resumed, forgetful = Training(), Training()
    for run in (resumed, forgetful):
        run.model.load_state_dict({name: saved[name] for name in run.model.state_dict()})
        run.optimizer.load_state_dict(copy.deepcopy(optimizer))
        run.step = 7
    for name, tensor in resumed.allocator.tensors.items():
        tensor.copy_(saved[name])
    for _ in range(5):
        resumed.update()
        forgetful.update()
    assert_same(resumed.numbers(), whole.numbers())
    assert any(not forgetful.numbers()[name].equal(each) for name, each in whole.numbers().items())


def test_several_micro_batches_are_one_update():
    one, two = Training(), Training()
    for _ in range(8):
        one.update()
        two.update(batches=(BATCH, BATCH))
    assert one.rank == two.rank == one.allocator.budget.at(8)
    for name, average in one.allocator.tensors.items():
        torch.testing.assert_close(two.allocator.tensors[name], average, rtol=1e-3, atol=1e-7)


def test_an_update_that_gradient_scaling_skipped_changes_nothing():
    training = Training()
    for _ in range(6):
        training.update()
    before = training.numbers()
    sum(loss.sum for loss in training.model.losses(BATCH).values()).backward()
    training.model.classifier.weight.grad[0, 0] = float("inf")  # not of the adapter: clipping makes its own 0
    for parameter in training.model.parameters():
        if parameter.grad is not None and parameter is not training.model.classifier.weight:
            parameter.grad.zero_()
    training.finish(skipped=True)
    assert_same(training.numbers(), before)
    training.update()
    assert training.rank == training.allocator.budget.at(8)


def test_a_matrix_of_rank_0_is_saved_and_loaded(tmp_path):
    training = Training(AdaLora(2, 1, initial_share=0.0, final_share=0.3), max_steps=6)
    names = list(adalora_matrices(training.model))
    for _ in range(6):
        training.update()
    with torch.no_grad():
        training.model.get_submodule(names[0]).lora_E.zero_()
    found = ranks(training.model)
    assert found[names[0]] == 0
    save_adapter(tmp_path, training.model.eval())
    model = make_model()
    load_adapter(tmp_path, model)
    assert ranks(model) == found
    assert model.get_submodule(names[0]).lora_A.shape == (0, 22)
    loss, expected = (each.losses(BATCH)["classification"].sum for each in (model, training.model))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_orthogonality_is_the_weighted_mean_of_the_norms_and_falls_under_its_own_gradient():
    model = make_model().train()
    adapt(model, SETTINGS)
    norms = []
    for module in adalora_matrices(model).values():
        p, q = module.lora_B.detach().numpy(), module.lora_A.detach().numpy()
        norms += [np.linalg.norm(p.T @ p - np.eye(5)), np.linalg.norm(q @ q.T - np.eye(5))]
    loss = model.losses(BATCH)[LOSS]
    assert loss.sum.item() == pytest.approx(0.1 * np.mean(norms), rel=1e-5)
    assert loss.count == 1 == model.label_counts(BATCH)[LOSS]
    assert model.label_counts(BATCH)["classification"] == 4
    optimizer = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], lr=0.03)
    for _ in range(20):
        optimizer.zero_grad()
        model.losses(BATCH)[LOSS].sum.backward()
        optimizer.step()
    assert model.losses(BATCH)[LOSS].sum < 0.5 * loss.sum
    assert LOSS not in model.eval().losses(BATCH)  # the loss on a validation set is the task's


def test_orthogonality_is_computed_in_float32_under_autocast():
    model = make_model().train()
    adapt(model, SETTINGS)
    expected = model.losses(BATCH)[LOSS].sum
    with torch.autocast("cpu", torch.bfloat16):
        assert model.losses(BATCH)[LOSS].sum.equal(expected)


@pytest.mark.parametrize(
    ("settings", "max_steps"), [(AdaLora(initial_share=0.5, final_share=0.5), 8), (AdaLora(initial_share=0.9), 4)]
)
def test_a_schedule_without_time_to_lower_ranks_is_refused(settings, max_steps):
    with pytest.raises(InputError, match=r"AdaLoRA's schedule is too short: of \d updates"):
        Budget.of(settings, MATRICES, max_steps)


def test_even_the_shortest_run_ends_at_the_target():
    for max_steps in range(1, 9):
        budget = Budget.of(AdaLora(5, 2), MATRICES, max_steps)
        assert budget.at(max_steps) == 2 * MATRICES
        assert budget.is_cut_at(max_steps)


def test_only_a_model_with_adalora_has_a_budget():
    model = make_model()
    adapt(model, Lora())
    with pytest.raises(InputError, match="adapted with lora; AdaLoRA's budget needs adalora"):
        Allocator(model)
    with pytest.raises(InputError, match="already"):  # so there is no second one either
        adapt(model, AdaLora())
