"""The backward pass in the page gives autograd's gradients, from the same rounded weights."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from bert.activations import OTHERS, activation
from bert.explore.page import SCRIPTS, joined_scripts
from bert.explore.weights import pack_weights
from tests.bert.explore.fine_tuned_runs import in_eight_bits, random_classifier, random_reader, random_tagger
from tests.bert.explore.runs import CONFIG, random_model
from tests.browser import NODE, run_node

pytestmark = [pytest.mark.peers, pytest.mark.skipif(NODE is None, reason="needs Node")]

WITHOUT_A_PAGE = [name for name in SCRIPTS if name != "main.js"]
IDS = [2, 31, 7, 60, 60, 3, 44, 12, 3]
TYPES = [0, 0, 0, 0, 0, 0, 1, 1, 1]
READ = """
import fs from "fs";
const cases = JSON.parse(fs.readFileSync(0, "utf8"));
const { bert } = modules["model.js"];
const { bertBackward } = modules["backward.js"];
const results = [];
for (const { packed, config, ids, types, name, values } of cases) {
  const model = { config, weights: await modules["weights.js"].unpackWeights(packed.tensors, packed.content) };
  const output = bert(model, ids, types);
  const { score, gradient } = modules["scores.js"][name](model, output.hiddenStates.at(-1), ...values);
  const { states, sum } = bertBackward(model, output, gradient);
  const products = modules["views/heat.js"].gradientTimesInput(model, output, gradient);
  results.push({ score, states: Array.from(states.data), sum: Array.from(sum.data), products });
}
console.log(JSON.stringify(results));
"""


class Case(NamedTuple):
    """A model, the function of ``page/scores.js``, what it takes, and the same score from the model's output."""

    make: Callable[[], Any]
    name: str
    values: list
    score: Callable[[Any], Tensor]


HEAD = {"pool": "cls"}
CASES = {
    "a class of the pooled [CLS]": Case(
        partial(random_classifier, 1), "labelScore", [HEAD, 2], lambda out: out.logits[0, 2]
    ),
    "a class of the mean": Case(
        partial(random_classifier, 2, pool="mean"), "labelScore", [{"pool": "mean"}, 0], lambda out: out.logits[0, 0]
    ),
    "a number": Case(
        partial(random_classifier, 3, labels=("stars",), problem_type="regression"), "labelScore", [HEAD, 0],
        lambda out: out.logits[0, 0],
    ),
    "a tag": Case(partial(random_tagger, 4), "tagScore", [3, 1], lambda out: out.logits[0, 3, 1]),
    "an answer": Case(
        partial(random_reader, 5), "spanScore", [6, 7], lambda out: out.start_logits[0, 6] + out.end_logits[0, 7]
    ),
    "no answer": Case(
        partial(random_reader, 6), "spanScore", [0, 0], lambda out: out.start_logits[0, 0] + out.end_logits[0, 0]
    ),
    "a piece": Case(partial(random_model, 7), "pieceScore", [4, 33], lambda out: out.prediction_logits[0, 4, 33]),
    "a piece with a vector of its own": Case(
        partial(random_model, 10, tie_word_embeddings=False), "pieceScore", [4, 33],
        lambda out: out.prediction_logits[0, 4, 33],
    ),
    "another activation": Case(
        partial(random_model, 8, hidden_act="gelu_new"), "pieceScore", [1, 5],
        lambda out: out.prediction_logits[0, 1, 5],
    ),
    "heads of another size": Case(
        partial(random_tagger, 9, num_attention_heads=1, num_hidden_layers=3), "tagScore", [8, 0],
        lambda out: out.logits[0, 8, 0],
    ),
}  # fmt: skip


class Gradients(NamedTuple):
    """What autograd says: a score, and its gradients before and after the embeddings' LayerNorm."""

    score: Tensor
    sum: Tensor
    sum_gradient: Tensor
    states: Tensor
    states_gradient: Tensor


def autograd(case: Case) -> Gradients:
    model, seen = in_eight_bits(case.make()), []
    model.bert.embeddings.layer_norm.register_forward_hook(lambda _, inputs, output: seen.extend([*inputs, output]))
    score = case.score(model(torch.tensor([IDS]), torch.tensor([TYPES])))
    gradients = torch.autograd.grad(score, seen)
    shape = (len(IDS), CONFIG.hidden_size)
    before, after, of_before, of_after = (each.detach().reshape(shape) for each in (*seen, *gradients))
    return Gradients(score.detach(), before, of_before, after, of_after)


@pytest.fixture(scope="module")
def found():
    """What the page says of each case; all in one run of Node."""
    cases = [
        {
            "packed": vars(pack_weights(model.state_dict())), "config": model.config.to_dict(), "ids": IDS,
            "types": TYPES, "name": name, "values": values,
        }
        for model, name, values in ((make(), name, values) for make, name, values, _ in CASES.values())
    ]  # fmt: skip
    return dict(zip(CASES, json.loads(run_node(joined_scripts(WITHOUT_A_PAGE) + READ, json.dumps(cases)))))


def close(ours: list, theirs: Tensor) -> None:
    """Within a thousandth of the largest number."""
    assert theirs.abs().max() > 1e-3  # the control: something is there
    assert (torch.tensor(ours) - theirs.flatten()).abs().max() < 1e-3 * theirs.abs().max()


@pytest.mark.parametrize("name", CASES)
def test_gradients_at_the_embeddings_are_autograds(found, name):
    expected = autograd(CASES[name])
    assert found[name]["score"] == pytest.approx(expected.score.item(), rel=1e-3, abs=1e-3)
    close(found[name]["states"], expected.states_gradient)
    close(found[name]["sum"], expected.sum_gradient)
    close(found[name]["products"], (expected.states * expected.states_gradient).sum(dim=-1))


def test_before_layer_norm_the_product_would_say_nothing():
    expected = autograd(CASES["a class of the pooled [CLS]"])
    before = (expected.sum * expected.sum_gradient).sum(dim=-1).abs()
    after = (expected.states * expected.states_gradient).sum(dim=-1).abs()
    assert before.max() < 1e-3 * after.max()


def test_derivatives_of_all_activations_are_autograds():
    points = torch.linspace(-12, 12, 97, requires_grad=True)
    names = ["gelu", "gelu_python", "gelu_new", *OTHERS]
    script = joined_scripts(["tensors.js", "derivatives.js"]) + (
        f"const points = {json.dumps(points.tolist())};\n"
        f"console.log(JSON.stringify({json.dumps(names)}.map((name) => "
        'points.map(modules["derivatives.js"].derivative(name)))));'
    )
    for name, slopes in zip(names, json.loads(run_node(script)), strict=True):
        (expected,) = torch.autograd.grad(activation(name)(points).sum(), points)
        is_smooth = (points.detach().abs() > 1e-6) & ((points.detach() - 10).abs() > 1e-6)  # relu at 0, gelu_10 at 10
        torch.testing.assert_close(
            torch.tensor(slopes, dtype=torch.float32)[is_smooth], expected[is_smooth], rtol=1e-4, atol=1e-5
        )
