"""AdamW's update, Muon's, and the learning rate's schedule, against the equations."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from bert import fast
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.selftest.equations import muon
from bert.selftest.equations.adamw import AdamW, is_decayed, trained
from bert.selftest.equations.schedule import learning_rates
from bert.selftest.rows import DOUBLE, EXACT, Row, check, largest_error, largest_of
from bert.training.muon import Muon
from bert.training.optimizer import BertAdamW, make_optimizer, parameter_groups
from bert.training.schedule import Schedule, linear_schedule

# Large constants show each term. With BERT's own a wrong decay would hide behind rounding.
CONSTANTS = AdamW(rate=0.1, beta1=0.8, beta2=0.9, epsilon=1e-3, decay=0.3)
UPDATES = 4
SCHEDULES = ((1e-4, 10, 100), (3.0, 0, 7), (1.0, 5, 6), (2e-5, 1, 1))  # peak, updates of warm-up, all updates


def optimization_rows(device: torch.device) -> Iterator[Row]:
    """The rows of the optimizer and of the schedule."""
    optimizer, schedule = "bert/training/optimizer.py", "bert/training/schedule.py"
    yield check("AdamW, updates", optimizer, DOUBLE, lambda: update_error(device))
    yield check("AdamW, BERT's constants", optimizer, EXACT, constants_error)
    yield check("AdamW, what is decayed (parameters)", optimizer, EXACT, decayed_error)
    yield check("Muon, updates", "bert/training/muon.py", DOUBLE, lambda: muon_error(device))
    yield check("learning rates", schedule, DOUBLE, schedule_error)


def update_error(device: torch.device) -> float:
    """A parameter with decay and one without, after some updates of the plain form in float64."""
    random = np.random.default_rng(0)
    pairs = []
    for decay in (CONSTANTS.decay, 0.0):
        start, gradients = random.normal(size=(3, 5)), random.normal(size=(UPDATES, 3, 5))
        parameter = nn.Parameter(torch.from_numpy(start.copy()).to(device))
        betas = CONSTANTS.beta1, CONSTANTS.beta2
        optimizer = BertAdamW([parameter], CONSTANTS.rate, betas, CONSTANTS.epsilon, decay)
        for gradient in gradients:
            parameter.grad = torch.from_numpy(gradient).to(device)
            with fast.off():
                optimizer.step()
        constants = AdamW(CONSTANTS.rate, *betas, CONSTANTS.epsilon, decay)
        pairs.append((parameter, trained(start, list(gradients), constants)))
    return largest_of(pairs)


def muon_error(device: torch.device) -> float:
    """A wide and a tall matrix, after some updates of the plain form in float64."""
    random, pairs = np.random.default_rng(0), []
    for shape in ((3, 5), (5, 3)):
        start, gradients = random.normal(size=shape), random.normal(size=(UPDATES, *shape))
        parameter = nn.Parameter(torch.from_numpy(start.copy()).to(device))
        group = {"params": [parameter], "weight_decay": CONSTANTS.decay, "orthogonal": True}
        optimizer = Muon([group], CONSTANTS.rate, torch.float64)
        for gradient in gradients:
            parameter.grad = torch.from_numpy(gradient).to(device)
            with fast.off():
                optimizer.step()
        pairs.append((parameter, muon.trained(start, list(gradients), CONSTANTS.rate, CONSTANTS.decay)))
    return largest_of(pairs)


def tiny_model() -> BertForPreTraining:
    """A model with every kind of parameter."""
    with torch.random.fork_rng(devices=[]):
        return BertForPreTraining(
            BertConfig(vocab_size=7, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=5)
        )


def constants_error() -> float:
    """The constants of the optimizer that a run gets."""
    groups = make_optimizer("bert-adamw", tiny_model(), 0.25).param_groups
    right = AdamW(rate=0.25)
    expected = [right.rate, right.beta1, right.beta2, right.epsilon]
    found = [[group["lr"], *group["betas"], group["eps"]] for group in groups]
    decays = sorted({group["weight_decay"] for group in groups})
    return largest_of([(found, [expected] * len(groups)), (decays, [0.0, right.decay])])


def decayed_error() -> float:
    """How many parameters are in the wrong group, or in none."""
    model = tiny_model()
    decay_of = {id(each): group["weight_decay"] for group in parameter_groups(model) for each in group["params"]}
    wrong = [
        name
        for name, parameter in model.named_parameters()
        if id(parameter) not in decay_of or (decay_of[id(parameter)] > 0) != is_decayed(name)
    ]
    return float(len(wrong))


def schedule_error() -> float:
    """Every update's rate, as a share of the peak."""
    pairs = []
    for peak, warmup, last in SCHEDULES:
        expected = np.array(learning_rates(peak, warmup, last)) / peak
        schedule = Schedule(last, peak, warmup, report_every=1, eval_every=1, checkpoint_every=1)
        for rate in (schedule.learning_rate_at, lambda step: linear_schedule(step, peak, warmup, last)):  # noqa: B023
            pairs.append((np.array([rate(step) for step in range(last)]) / peak, expected))
    return max(largest_error(*pair) for pair in pairs)
