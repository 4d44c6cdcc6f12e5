"""All 32 combinations of variants against their equations in NumPy, written out for one sequence in float64."""

import contextlib
import itertools
import math

import numpy as np
import pytest
import torch

from bert import fast
from bert.config import VARIANTS
from bert.heads.batch import sequences_of
from bert.model.bert import BertModel
from bert.variants.build import as_variant
from tests.bert.variants.models import config_of

LENGTHS = (7, 1, 29, 4)
COMBINATIONS = [",".join(some) for count in range(6) for some in itertools.combinations(VARIANTS, count)]
erf = np.vectorize(math.erf)


class Equations:
    """A variant's forward pass.

    Args:
        config: the model's.
        weights: its ``state_dict`` as arrays.
    """

    def __init__(self, config, weights):
        self.config, self.weights, self.variant = config, weights, config.variant.split(",")

    def __call__(self, ids):
        """(tokens,) ids of segment A -> the last states (tokens, hidden_size), and the pooled one."""
        states = self.weights["embeddings.word_embeddings.weight"][ids]
        states = states + self.weights["embeddings.token_type_embeddings.weight"][0]
        if "rotary" not in self.variant:
            states = states + self.weights["embeddings.position_embeddings.weight"][: len(ids)]
        states = self.norm("embeddings.layer_norm", states)
        for number in range(self.config.num_hidden_layers):
            layer = f"encoder.layers.{number}"
            for sublayer in (self.attention, self.feed_forward):
                name = f"{layer}.{sublayer.__name__}"
                if "pre-norm" in self.variant:
                    states = states + sublayer(name, self.norm(f"{name}_norm", states))
                else:
                    states = self.norm(f"{name}_norm", states + sublayer(name, states))
        if "pre-norm" in self.variant:
            states = self.norm("encoder.final_norm", states)
        read = states[-1 if "left-to-right" in self.variant else 0]
        return states, np.tanh(self.dense("pooler.dense", read))

    def dense(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        if "rms-norm" in self.variant:
            return (
                self.weights[f"{name}.weight"]
                * x
                / np.sqrt((x**2).mean(-1, keepdims=True) + self.config.layer_norm_eps)
            )
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + self.config.layer_norm_eps)
        return self.weights[f"{name}.weight"] * x + self.weights[f"{name}.bias"]

    def attention(self, name, x):
        tokens, heads = len(x), self.config.num_attention_heads
        query, key, value = (
            self.dense(f"{name}.{part}", x).reshape(tokens, heads, -1) for part in ("query", "key", "value")
        )
        dim = query.shape[-1]
        if "rotary" in self.variant:  # a pair of numbers is a complex one, and to turn it is a product
            turns = np.exp(1j * np.arange(tokens)[:, None, None] / 10_000 ** (2 * np.arange(dim // 2) / dim))
            query, key = ((each[..., : dim // 2] + 1j * each[..., dim // 2 :]) * turns for each in (query, key))
        scores = np.einsum("ihd,jhd->hij", query, key.conj()).real / math.sqrt(dim)
        if "left-to-right" in self.variant:
            scores = np.where(np.tri(tokens) > 0, scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights = weights / weights.sum(-1, keepdims=True)
        return self.dense(f"{name}.output", np.einsum("hij,jhd->ihd", weights, value).reshape(tokens, -1))

    def feed_forward(self, name, x):
        gate, passing = self.dense(f"{name}.intermediate", x), 1.0
        if "gated" in self.variant:
            gate, passing = np.split(gate, 2, axis=-1)
        return self.dense(f"{name}.output", gate * (1 + erf(gate / math.sqrt(2))) / 2 * passing)


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_a_batch_end_to_end_padded_or_of_selected_tokens_is_the_equations_of_each_sequence(variant):
    torch.manual_seed(7)
    bert = as_variant(BertModel(config_of(variant, layer_norm_eps=1e-3))).double().eval()
    with torch.no_grad():
        for parameter in bert.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    equations = Equations(bert.config, {name: weight.numpy() for name, weight in bert.state_dict().items()})
    texts = [torch.randint(31, (length,)) for length in LENGTHS]
    expected, pooled = (
        torch.from_numpy(np.vstack(each)) for each in zip(*(equations(text.numpy()) for text in texts), strict=True)
    )
    ids, mask = torch.zeros(2, len(texts), 29, dtype=torch.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    tokens, sequences, selected = torch.cat(texts), sequences_of(LENGTHS), torch.tensor([36, 3, 7, 20, 40, 3])
    for form in (contextlib.nullcontext(), fast.off()):
        with form, torch.no_grad():
            found = bert(tokens, sequences=sequences)
            some = bert(tokens, sequences=sequences, selected=selected)
            padded = bert(ids, attention_mask=mask)
        assert_equal(found.last_hidden_state, expected)
        assert_equal(some.last_hidden_state, expected[selected])
        assert_equal(padded.last_hidden_state[mask > 0], expected)
        for output in (found, some, padded):
            assert_equal(output.pooler_output, pooled)
    other = ",".join(set(variant.split(",")) ^ {"left-to-right"}).strip(",")  # the control: with it or without it
    config = bert.config.replace(variant=other)
    assert not torch.from_numpy(Equations(config, equations.weights)(texts[0].numpy())[0]).allclose(
        expected[:7], atol=0.1
    )


def assert_equal(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
