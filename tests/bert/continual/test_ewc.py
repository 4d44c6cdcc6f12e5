"""EWC against what is known on paper: the Fisher information of logistic regression, and a quadratic loss' optimum."""

import numpy as np
import pytest
import torch
from torch import nn

from bert.checkpoints.weights import write_weights
from bert.continual.ewc import FISHER, Penalty, added, read_fisher, squared_gradients, write_fisher
from bert.errors import InputError


def test_f_of_logistic_regression_is_its_closed_form():
    """For softmax(W x), F of W[k, j] is the mean of p_k (1 - p_k) x_j^2."""
    torch.manual_seed(0)
    model, inputs = nn.Linear(3, 4), torch.randn(3, 3)
    draws = 500
    # Random numbers at equal distances are draws without noise: each label comes as often as its probability says.
    fractions = (np.arange(draws) + 0.5) / draws
    examples = ((lambda x=x: model(x[None]), fraction) for x in inputs for fraction in fractions)
    found = {name: each / (draws * len(inputs)) for name, each in squared_gradients(model, examples).items()}
    with torch.no_grad():
        p = model(inputs).softmax(dim=-1)  # (examples, labels)
        expected = torch.einsum("nk,nj->kj", p * (1 - p), inputs.square()) / len(inputs)
        torch.testing.assert_close(found["weight"], expected, rtol=0.01, atol=3e-3)
        torch.testing.assert_close(found["bias"], (p * (1 - p)).mean(dim=0), rtol=0.01, atol=3e-3)
        # The square of the mean's gradient, as a batch would give it, is another number.
        true_labels = p.argmax(dim=-1)
        gradient = (p - nn.functional.one_hot(true_labels, 4)).mean(dim=0)
        assert not torch.allclose(gradient.square(), found["bias"], rtol=0.3)


def test_the_penalised_optimum_of_a_quadratic_loss_is_the_one_on_paper():
    """Of (a/2) (w - b)^2 + (lambda/2) F (w - w*)^2 it is (a b + lambda F w*) / (a + lambda F)."""
    a, b, strength = torch.tensor([2.0, 3.0, 0.5]), torch.tensor([1.0, -2.0, 4.0]), 5.0
    model = nn.ParameterDict({"w": nn.Parameter(torch.tensor([0.3, 0.7, -1.0]))})
    fisher = torch.tensor([0.0, 1.5, 0.2])
    before = model["w"].detach().clone()
    penalty = Penalty({"w": fisher}, dict(model.named_parameters()), strength)
    for _ in range(200):
        total = (a / 2 * (model["w"] - b).square()).sum() + penalty(model).sum
        (gradient,) = torch.autograd.grad(total, model["w"])
        model["w"].data -= 0.1 * gradient
    expected = (a * b + strength * fisher * before) / (a + strength * fisher)
    torch.testing.assert_close(model["w"].detach(), expected, rtol=1e-3, atol=1e-3)


def test_the_rows_of_new_labels_are_free_and_f_adds_up_over_tasks():
    model = nn.Linear(2, 4)
    fisher = {"weight": torch.ones(3, 2), "bias": torch.ones(3)}
    penalty = Penalty(fisher, dict(model.named_parameters()), 2.0)
    assert penalty(model).sum == 0
    with torch.no_grad():
        model.weight[3] += 100
        assert penalty(model).sum == 0
        model.weight[2] += 3
        torch.testing.assert_close(penalty(model).sum, torch.tensor(18.0))
    total = added(fisher, {"weight": torch.full((4, 2), 5.0), "bias": torch.zeros(4)}, decay=0.5)
    assert total["weight"].tolist() == [[5.5, 5.5]] * 3 + [[5.0, 5.0]]
    assert total["bias"].tolist() == [0.5, 0.5, 0.5, 0]


class Classifier(nn.Module):
    """A body, and a head whose labels grow."""

    def __init__(self, size: int, labels: int):
        super().__init__()
        self.body, self.classifier = nn.Linear(size, 2, bias=False), nn.Linear(2, labels, bias=False)


def test_a_damaged_file_and_another_models_are_one_sentence(tmp_path):
    model = Classifier(2, 4)
    assert read_fisher(tmp_path, model) is None
    of_run = {name: torch.ones_like(each) for name, each in Classifier(2, 3).named_parameters()}
    write_fisher(tmp_path, of_run)
    assert read_fisher(tmp_path, model)["classifier.weight"].equal(torch.ones(3, 2))  # pyright: ignore
    for other, name in ((Classifier(3, 4), "body.weight"), (Classifier(2, 2), "classifier.weight")):
        with pytest.raises(InputError, match=f"{FISHER}: its {name} does not fit the run's model"):
            read_fisher(tmp_path, other)
    lacking, shorter = {"body.weight": of_run["body.weight"]}, of_run | {"body.weight": torch.ones(1, 2)}
    negative, more = of_run | {"body.weight": -torch.ones(2, 2)}, of_run | {"other": torch.ones(1)}
    for damaged in (lacking, shorter, negative, more):
        write_weights(tmp_path, damaged, FISHER)
        with pytest.raises(InputError, match="does not fit"):
            read_fisher(tmp_path, model)
    (tmp_path / FISHER).write_bytes(b"nonsense")
    with pytest.raises(InputError, match=f"{FISHER}: is damaged"):
        read_fisher(tmp_path, model)
