"""The forward pass in the page gives PyTorch's numbers, from the same rounded weights."""

import json
import random

import pytest
import torch

from bert.commands.fill_mask import fill_mask
from bert.explore.page import joined_scripts
from bert.explore.quantize import rounded
from bert.explore.tokenizer import tokenizer_settings
from bert.explore.weights import pack_weights
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.explore.runs import CONFIG, VOCABULARY, random_model
from tests.browser import NODE, run_node

pytestmark = [pytest.mark.peers, pytest.mark.skipif(NODE is None, reason="needs Node")]

SCRIPTS = ["normalization.js", "added_tokens.js", "wordpiece.js", "weights.js", "tensors.js", "model.js", "heads.js"]
READ = """
import fs from "fs";
const { packed, config, inputs, settings } = JSON.parse(fs.readFileSync(0, "utf8"));
const { bert } = modules["model.js"];
const { maskedLanguageModelHead, nextSentenceHead, oneToken, ranked } = modules["heads.js"];
const model = { config, weights: await modules["weights.js"].unpackWeights(packed.tensors, packed.content) };
const list = ({ data }) => Array.from(data);
"""


def rounded_model(model: BertForPreTraining) -> BertForPreTraining:
    model.load_state_dict(rounded(model.state_dict()))
    return model


def random_inputs(count: int) -> list[tuple[list[int], list[int]]]:
    generator = random.Random(0)
    inputs = []
    for _ in range(count):
        length = generator.randint(2, CONFIG.max_position_embeddings)
        first = generator.randint(1, length)
        inputs.append((generator.choices(range(len(VOCABULARY)), k=length), [0] * first + [1] * (length - first)))
    return inputs


def in_the_page(model: BertForPreTraining, inputs: list, expression: str):
    packed = pack_weights(model.state_dict())
    values = {
        "packed": vars(packed), "config": model.config.to_dict(), "inputs": inputs,
        "settings": tokenizer_settings(WordPieceTokenizer(VOCABULARY), "it"),
    }  # fmt: skip
    script = joined_scripts(SCRIPTS) + READ + f"console.log(JSON.stringify({expression}));"
    return json.loads(run_node(script, json.dumps(values)))


def close(found: list, expected: torch.Tensor) -> None:
    torch.testing.assert_close(torch.tensor(found), expected.flatten(), rtol=1e-4, atol=2e-5)


@torch.inference_mode()
def test_logits_of_200_inputs_are_pytorchs():
    model, inputs = random_model(), random_inputs(200)
    found = in_the_page(
        model,
        inputs,
        "inputs.map(([ids, types]) => { const states = bert(model, ids, types).hiddenStates.at(-1); "
        "return [list(maskedLanguageModelHead(model, oneToken(states, 1))), list(nextSentenceHead(model, states))]; })",
    )
    before = model(torch.tensor([inputs[0][0]]), torch.tensor([inputs[0][1]])).prediction_logits[0, 1]
    assert (torch.tensor(found[0][0]) - before).abs().max() > 1e-3  # the control: rounding changes them
    model = rounded_model(model)
    for (ids, types), (scores, next_scores) in zip(inputs, found, strict=True):
        output = model(torch.tensor([ids]), torch.tensor([types]))
        close(scores, output.prediction_logits[0, 1])
        close(next_scores, output.next_sentence_logits)


@torch.inference_mode()
def test_every_intermediate_result_is_pytorchs():
    ids, types = random_inputs(1)[0]
    model = random_model()
    found = in_the_page(
        model,
        [],
        f"(() => {{ const output = bert(model, {ids}, {types}); return {{ states: output.hiddenStates.map(list), "
        "weights: output.layers.map((layer) => list(layer.attention.weights)), "
        "sum: list(output.embeddings.sum), added: output.layers.map((layer) => list(layer.forward.output)) }; })()",
    )
    bert = rounded_model(model).bert
    seen = {}
    for layer in bert.encoder.layers:
        layer.feed_forward.register_forward_hook(lambda module, _, output: seen.update({module: output}))
    bert.embeddings.layer_norm.register_forward_hook(lambda module, inputs, _: seen.update({module: inputs[0]}))
    output = bert(torch.tensor([ids]), torch.tensor([types]), return_attention=True, return_hidden_states=True)
    for ours, theirs in zip(found["states"], output.hidden_states, strict=True):
        close(ours, theirs)
    for ours, theirs in zip(found["weights"], output.attentions, strict=True):
        close(ours, theirs)
    close(found["sum"], seen[bert.embeddings.layer_norm])
    for ours, layer in zip(found["added"], bert.encoder.layers, strict=True):
        close(ours, seen[layer.feed_forward])


@pytest.mark.parametrize("name", ["gelu_new", "relu", "silu", "quick_gelu", "gelu_10"])
@torch.inference_mode()
def test_every_activation_is_pytorchs(name):
    model, [(ids, types)] = random_model(hidden_act=name), random_inputs(1)
    found = in_the_page(
        model, [], f"list(maskedLanguageModelHead(model, bert(model, {ids}, {types}).hiddenStates.at(-1)))"
    )
    close(found, rounded_model(model)(torch.tensor([ids]), torch.tensor([types])).prediction_logits)


def test_the_best_pieces_are_those_of_fill_mask():
    model, tokenizer = random_model(), WordPieceTokenizer(VOCABULARY)
    ids = tokenizer("the cat [MASK] on the mat").input_ids
    (found,) = in_the_page(
        model,
        [[ids, [0] * len(ids)]],
        "inputs.map(([ids, types]) => { const states = oneToken(bert(model, ids, types).hiddenStates.at(-1), 3); "
        'const tokenizer = modules["wordpiece.js"].makeTokenizer(settings); '
        "const ranking = ranked(maskedLanguageModelHead(model, states), tokenizer); "
        f"return [ranking.top(10), ranking.rank({VOCABULARY.index('sat')})]; }})",
    )
    (expected,) = fill_mask(rounded_model(model), tokenizer, "the cat [MASK] on the mat", top=len(VOCABULARY) - 5)
    assert [VOCABULARY[each["id"]] for each in found[0]] == [filling.piece for filling in expected[:10]]
    assert [each["probability"] for each in found[0]] == pytest.approx(
        [each.probability for each in expected[:10]], 1e-4
    )
    assert found[1] == 1 + [filling.piece for filling in expected].index("sat")
