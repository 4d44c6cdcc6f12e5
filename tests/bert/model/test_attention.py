"""Attention: against PyTorch's fused kernel, against a NumPy transcription of the equation, and its invariances.

Every dimension is a different prime, so that a transposition cannot hide.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert import fast
from bert.config import BertConfig
from bert.heads.batch import sequences_of
from bert.model.attention import MultiHeadAttention, attend, scaled_dot_product_attention

HEADS, DIM, LENGTHS = 5, 11, (7, 1, 13)
TOKENS = sum(LENGTHS)
SEQUENCES = sequences_of(LENGTHS)
PARTS = [slice(start, end) for start, end in ((0, 7), (7, 8), (8, 21))]
CONFIG = BertConfig(
    vocab_size=13, hidden_size=HEADS * DIM, num_attention_heads=HEADS, intermediate_size=17, num_hidden_layers=2,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
PATHS = pytest.mark.parametrize("return_attention", [False, True], ids=["fast", "plain"])


@pytest.fixture
def query_key_value():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(TOKENS, HEADS, DIM, generator=generator) for _ in range(3))


@pytest.fixture
def states():
    return torch.randn(TOKENS, HEADS * DIM, generator=torch.Generator().manual_seed(2))


def attention(config: BertConfig = CONFIG) -> MultiHeadAttention:
    torch.manual_seed(3)
    layer = MultiHeadAttention(config)
    for parameter in layer.parameters():  # biases start at 0, where one left out would not show
        torch.nn.init.normal_(parameter, std=0.3)
    return layer


def self_attention(layer: MultiHeadAttention, states: torch.Tensor, return_attention: bool = False):
    return layer(states, states, SEQUENCES, SEQUENCES, return_attention=return_attention)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("queries", [13, 4])
def test_the_equation_is_pytorchs_kernel(causal, queries):
    query, key, value = (torch.randn(HEADS, length, DIM) for length in (queries, 13, 13))
    ours, _ = scaled_dot_product_attention(query, key, value, causal=causal)
    mask = torch.ones(queries, 13, dtype=torch.bool).tril(13 - queries) if causal else None
    torch.testing.assert_close(ours, F.scaled_dot_product_attention(query, key, value, mask), rtol=1e-5, atol=1e-6)


@PATHS
def test_each_sequence_is_the_equation_in_numpy(query_key_value, return_attention):
    attended, weights = attend(*query_key_value, SEQUENCES, SEQUENCES, return_attention=return_attention)
    assert (weights is not None) == return_attention
    for number, part in enumerate(PARTS):
        query, key, value = (states[part].double().numpy() for states in query_key_value)
        for head in range(HEADS):
            scores = query[:, head] @ key[:, head].T / np.sqrt(DIM)
            expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            np.testing.assert_allclose(attended[part, head], expected @ value[:, head], rtol=1e-4, atol=1e-5)
            if weights is not None:
                np.testing.assert_allclose(weights[number][head], expected, rtol=1e-4, atol=1e-6)


def test_each_row_of_weights_is_a_distribution_over_its_own_sequence(query_key_value):
    _, weights = attend(*query_key_value, SEQUENCES, SEQUENCES, return_attention=True)
    assert [tuple(each.shape) for each in weights] == [(HEADS, length, length) for length in LENGTHS]
    for each in weights:
        torch.testing.assert_close(each.sum(-1), torch.ones(HEADS, each.shape[1]))
        assert (each > 0).all()


@PATHS
def test_another_sequence_does_not_matter(query_key_value, return_attention):
    before, _ = attend(*query_key_value, SEQUENCES, SEQUENCES, return_attention=return_attention)
    changed = [states.clone() for states in query_key_value]
    for states in changed:
        states[PARTS[2]] += 1
    after, _ = attend(*changed, SEQUENCES, SEQUENCES, return_attention=return_attention)
    torch.testing.assert_close(after[:8], before[:8])
    assert not torch.allclose(after[8:], before[8:])  # the control


@PATHS
def test_causal_attention_sees_no_later_token_and_every_earlier_one(query_key_value, return_attention):
    def run(arguments):
        return attend(*arguments, SEQUENCES, SEQUENCES, causal=True, return_attention=return_attention)[0]

    query, key, value = query_key_value
    later, earlier = value.clone(), value.clone()
    later[15] += 1  # the eighth token of the third sequence
    before, after = run((query, key, value)), run((query, key, later))
    torch.testing.assert_close(after[:15], before[:15])
    assert ((after - before)[15:].abs().amax(dim=(1, 2)) > 1e-4).all()
    earlier[8] += 1
    assert ((run((query, key, earlier)) - before)[8:].abs().amax(dim=(1, 2)) > 1e-4).all()


@PATHS
@pytest.mark.parametrize("causal", [False, True])
def test_from_some_tokens_it_is_what_it_is_from_all(query_key_value, return_attention, causal):
    query, key, value = query_key_value
    selected = torch.tensor([5, 6, 7, 19, 20]) if causal else torch.tensor([0, 5, 7, 9, 20])  # causal: the last ones
    everywhere, _ = attend(query, key, value, SEQUENCES, SEQUENCES, causal=causal, return_attention=return_attention)
    some, _ = attend(
        query[selected], key, value, SEQUENCES.select(selected), SEQUENCES, causal=causal,
        return_attention=return_attention,
    )  # fmt: skip
    torch.testing.assert_close(some, everywhere[selected])


@PATHS
def test_cross_attention_goes_to_another_text(query_key_value, return_attention):
    """As a decoder's: from sequences of other lengths than those that are attended to."""
    query, key, value = query_key_value
    decoder = sequences_of((3, 2, 5))
    attended, _ = attend(query[:10], key, value, decoder, SEQUENCES, return_attention=return_attention)
    for from_part, to_part in zip((slice(0, 3), slice(3, 5), slice(5, 10)), PARTS):
        parts = (query[from_part], key[to_part], value[to_part])
        expected, _ = scaled_dot_product_attention(*(states.transpose(0, 1) for states in parts))
        torch.testing.assert_close(attended[from_part], expected.transpose(0, 1))


def test_a_prefix_is_attended_to_as_more_keys(query_key_value):
    query, key, value = query_key_value
    prefixed = sequences_of([2 + length for length in LENGTHS])
    more = [torch.cat([part for each in PARTS for part in (torch.ones(2, HEADS, DIM), x[each])]) for x in (key, value)]
    plain, _ = attend(query, *more, SEQUENCES, prefixed, return_attention=True)
    torch.testing.assert_close(attend(query, *more, SEQUENCES, prefixed)[0], plain)
    assert not torch.allclose(plain, attend(query, key, value, SEQUENCES, SEQUENCES)[0])


def test_the_layer_is_the_equations_head_by_head(states):
    layer, expected = attention(), []
    for sequence in PARTS:
        heads = []
        for head in range(HEADS):
            part = slice(head * DIM, (head + 1) * DIM)
            query, key, value = (
                states[sequence] @ projection.weight[part].T + projection.bias[part]
                for projection in (layer.query, layer.key, layer.value)
            )
            heads.append((query @ key.T / DIM**0.5).softmax(-1) @ value)
        expected.append(torch.cat(heads, dim=-1) @ layer.output.weight.T + layer.output.bias)
    for return_attention in (False, True):
        found, _ = self_attention(layer, states, return_attention)
        torch.testing.assert_close(found, torch.cat(expected), rtol=1e-4, atol=1e-4)


def test_dropout_drops_attention_weights_in_training_alone(states):
    layer = attention(CONFIG.replace(attention_probs_dropout_prob=0.5))
    for return_attention in (False, True):
        layer.train()
        first, second = (self_attention(layer, states, return_attention)[0] for _ in range(2))
        assert not first.equal(second)
        layer.eval()
        first, second = (self_attention(layer, states, return_attention)[0] for _ in range(2))
        assert first.equal(second)


@pytest.mark.parametrize("causal", [False, True])
@PATHS
def test_dropout_drops_some_weights_after_softmax_and_the_others_grow(query_key_value, causal, return_attention):
    query, key, _ = query_key_value
    one_hot = torch.cat([torch.eye(length, DIM + 2)[:, None].expand(-1, HEADS, -1) for length in LENGTHS])  # by key
    weights, _ = attend(query, key, one_hot, SEQUENCES, SEQUENCES, 0.0, causal, return_attention)
    torch.manual_seed(4)
    kept = []
    for _ in range(30):
        dropped, _ = attend(query, key, one_hot, SEQUENCES, SEQUENCES, 0.25, causal, return_attention)
        torch.testing.assert_close(dropped, weights / 0.75 * (dropped != 0))
        kept.append((dropped != 0)[weights != 0])
    kept = torch.stack(kept).double()
    assert kept.mean().item() == pytest.approx(0.75, abs=5 * (0.25 * 0.75 / kept.numel()) ** 0.5)


@pytest.mark.parametrize("name", ["query", "key", "value", "output"])
@pytest.mark.parametrize("how", ["hook", "hook before", "hook behind", "wrap"])
def test_a_projection_may_be_hooked_or_wrapped(states, name, how):
    layer, called = attention(), []
    expected, _ = self_attention(layer, states)
    projection = getattr(layer, name)
    if how == "hook":
        projection.register_forward_hook(lambda *_: called.append(how))
    elif how == "hook before":  # as pruning has it, which computes the weight in one
        projection.register_forward_pre_hook(lambda *_: called.append(how))
    elif how == "hook behind":
        projection.register_full_backward_hook(lambda *_: called.append(how))
    else:

        class Wrapper(torch.nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def forward(self, states):
                called.append(how)
                return self.inner(states)

        setattr(layer, name, Wrapper(projection))
    states = states.clone().requires_grad_()
    found, _ = self_attention(layer, states)
    found.sum().backward()
    torch.testing.assert_close(found, expected)
    assert called == [how]


def test_gradients_are_right():
    config = BertConfig(vocab_size=3, hidden_size=6, num_attention_heads=2, intermediate_size=5, num_hidden_layers=1)
    layer, sequences = MultiHeadAttention(config).double().eval(), sequences_of((3, 2))
    states = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    for causal in (False, True):

        def run(states, causal=causal):
            return layer(states, states, sequences, sequences, causal=causal)[0]

        assert torch.autograd.gradcheck(run, states)
        with fast.off():
            assert torch.autograd.gradcheck(run, states)
