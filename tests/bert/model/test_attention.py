"""Attention: against PyTorch's fused kernel, against a NumPy transcription of the equation, and its invariances.

Every dimension is a different prime, so that a transposition cannot hide.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.model.attention import SelfAttention, attention_bias, scaled_dot_product_attention

BATCH, HEADS, LENGTH, DIM = 3, 5, 7, 11
CONFIG = BertConfig(
    vocab_size=13, hidden_size=HEADS * DIM, num_attention_heads=HEADS, intermediate_size=17, num_hidden_layers=2,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip


@pytest.fixture
def query_key_value():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(BATCH, HEADS, LENGTH, DIM, generator=generator) for _ in range(3))


@pytest.fixture
def mask():
    mask = torch.ones(BATCH, LENGTH, dtype=torch.int64)
    mask[0, 5:] = 0
    mask[2, 1:] = 0
    return mask


def test_the_written_out_form_is_the_fused_kernel(query_key_value, mask):
    for bias in (None, attention_bias(mask, torch.float32)):
        ours, _ = scaled_dot_product_attention(*query_key_value, bias)
        torch.testing.assert_close(ours, F.scaled_dot_product_attention(*query_key_value, bias), rtol=1e-5, atol=1e-6)


def test_the_written_out_form_is_the_equation_in_numpy(query_key_value, mask):
    query, key, value = (tensor.double().numpy() for tensor in query_key_value)
    attended, weights = scaled_dot_product_attention(*query_key_value, attention_bias(mask, torch.float32))
    for row in range(BATCH):
        real = int(mask[row].sum())
        for head in range(HEADS):
            scores = query[row, head] @ key[row, head, :real].T / np.sqrt(DIM)
            expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            np.testing.assert_allclose(weights[row, head, :, :real], expected, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(attended[row, head], expected @ value[row, head, :real], rtol=1e-4, atol=1e-5)


def test_each_row_of_weights_is_a_distribution_over_real_tokens(query_key_value, mask):
    _, weights = scaled_dot_product_attention(*query_key_value, attention_bias(mask, torch.float32))
    torch.testing.assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, LENGTH))
    assert (weights[0, :, :, 5:] == 0).all()
    assert (weights[0, :, :, :5] > 0).all()


def test_a_fully_masked_row_is_finite():
    attention = SelfAttention(CONFIG)
    mask = torch.tensor([[1] * LENGTH, [0] * LENGTH])
    hidden_states = torch.randn(2, LENGTH, HEADS * DIM)
    for return_attention in (False, True):
        output, _ = attention(hidden_states, attention_bias(mask, torch.float32), return_attention)
        assert output.isfinite().all()
    minus_infinity = torch.zeros(2, 1, 1, LENGTH).masked_fill(mask[:, None, None] == 0, -torch.inf)
    assert attention(hidden_states, minus_infinity, True)[0].isnan().any()  # the control: why the bias is finite


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_fully_masked_row_is_finite_whatever_its_scores(dtype):
    bias = attention_bias(torch.zeros(1, 3), dtype)
    query, key = torch.full((1, 1, 3, 4), -20.0, dtype=dtype), torch.full((1, 1, 3, 4), 20.0, dtype=dtype)
    assert scaled_dot_product_attention(query, key, key, bias)[0].isfinite().all()


def test_boolean_and_integer_masks_mean_the_same(mask):
    assert attention_bias(mask, torch.float32).equal(attention_bias(mask.bool(), torch.float32))


def test_both_paths_of_the_layer_agree_and_return_weights_on_request_only(mask):
    attention = SelfAttention(CONFIG)
    hidden_states = torch.randn(BATCH, LENGTH, HEADS * DIM)
    bias = attention_bias(mask, torch.float32)
    fused, nothing = attention(hidden_states, bias)
    written_out, weights = attention(hidden_states, bias, return_attention=True)
    torch.testing.assert_close(fused, written_out, rtol=1e-5, atol=1e-6)
    assert nothing is None
    assert weights.shape == (BATCH, HEADS, LENGTH, LENGTH)


def test_the_layer_is_the_equations_head_by_head():
    attention = SelfAttention(CONFIG)
    torch.nn.init.normal_(attention.query.weight)
    torch.nn.init.normal_(attention.query.bias)  # biases start at 0, where one left out would not show
    torch.nn.init.normal_(attention.value.bias)
    hidden_states = torch.randn(BATCH, LENGTH, HEADS * DIM)
    heads = []
    for head in range(HEADS):
        part = slice(head * DIM, (head + 1) * DIM)
        query, key, value = (
            hidden_states @ projection.weight[part].T + projection.bias[part]
            for projection in (attention.query, attention.key, attention.value)
        )
        heads.append((query @ key.transpose(1, 2) / DIM**0.5).softmax(-1) @ value)
    expected = torch.cat(heads, dim=-1) @ attention.output.weight.T + attention.output.bias
    torch.testing.assert_close(attention(hidden_states)[0], expected, rtol=1e-4, atol=1e-5)


def test_dropout_drops_attention_weights_in_training_alone(query_key_value):
    config = CONFIG.replace(attention_probs_dropout_prob=0.5)
    attention, hidden_states = SelfAttention(config), torch.randn(1, LENGTH, HEADS * DIM)
    for return_attention in (False, True):
        attention.train()
        first, second = (attention(hidden_states, None, return_attention)[0] for _ in range(2))
        assert not first.equal(second)
        attention.eval()
        first, second = (attention(hidden_states, None, return_attention)[0] for _ in range(2))
        assert first.equal(second)


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


@pytest.mark.parametrize("how", ["hook", "hook before", "hook behind", "wrap"])
def test_the_product_side_by_side_is_the_three_and_leaves_hooks_and_wrappers_alone(how):
    layer, called = SelfAttention(CONFIG).eval(), []
    states = torch.randn(2, 3, CONFIG.hidden_size)
    expected = layer.project(states, states)

    def projected_on_gpu():
        on_gpu = states.as_subclass(OnGpu)
        return [each.as_subclass(torch.Tensor) for each in layer.project(on_gpu, on_gpu)]

    for one, other in zip(projected_on_gpu(), expected):
        torch.testing.assert_close(one, other)
    if how == "hook":
        layer.key.register_forward_hook(lambda *_: called.append(how))
    elif how == "hook before":  # as pruning has it, which computes the weight in one
        layer.key.register_forward_pre_hook(lambda *_: called.append(how))
    elif how == "hook behind":
        states.requires_grad_()
        layer.key.register_full_backward_hook(lambda *_: called.append(how))
        torch.stack(projected_on_gpu()).sum().backward()
    else:

        class Wrapper(torch.nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def forward(self, states):
                called.append(how)
                return self.inner(states)

        layer.key = Wrapper(layer.key)
    for one, other in zip(projected_on_gpu(), expected):
        torch.testing.assert_close(one, other)
    assert called == [how]


def test_gradients_are_right():
    config = BertConfig(vocab_size=3, hidden_size=6, num_attention_heads=2, intermediate_size=5, num_hidden_layers=1)
    attention = SelfAttention(config).double().eval()
    hidden_states = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    bias = attention_bias(torch.tensor([[1, 1, 1], [1, 1, 0]]), torch.float64)
    for return_attention in (False, True):
        assert torch.autograd.gradcheck(lambda states: attention(states, bias, return_attention)[0], hidden_states)  # noqa: B023
