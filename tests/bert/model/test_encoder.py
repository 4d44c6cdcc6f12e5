"""The encoder layer is post-LayerNorm; the stack gives back its intermediates on request."""

import torch

from bert.config import BertConfig
from bert.heads.batch import sequences_of
from bert.model.encoder import Encoder, EncoderLayer

CONFIG = BertConfig(vocab_size=3, hidden_size=6, num_attention_heads=2, intermediate_size=11, num_hidden_layers=3)
SEQUENCES = sequences_of((5, 2))
TOKENS = 7


def run(layer: EncoderLayer, states: torch.Tensor) -> torch.Tensor:
    return layer(states, states, SEQUENCES, SEQUENCES)[0]


def test_layer_norm_stands_after_each_residual_sum():
    layer, x = EncoderLayer(CONFIG).eval(), torch.randn(TOKENS, 6)
    for norm in (layer.attention_norm, layer.feed_forward_norm):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)

    def attention(states):
        return layer.attention(states, states, SEQUENCES, SEQUENCES)[0]

    middle = layer.attention_norm(x + attention(x))
    torch.testing.assert_close(run(layer, x), layer.feed_forward_norm(middle + layer.feed_forward(middle)))
    pre_norm = x + attention(layer.attention_norm(x))  # the control: the later order is another function
    pre_norm = pre_norm + layer.feed_forward(layer.feed_forward_norm(pre_norm))
    assert not run(layer, x).allclose(pre_norm)


def test_the_stack_applies_its_layers_in_order_and_returns_intermediates_on_request():
    encoder, x = Encoder(CONFIG).eval(), torch.randn(TOKENS, 6)
    last, hidden_states, attentions = encoder(x, SEQUENCES, return_attention=True, return_hidden_states=True)
    assert hidden_states[0] is x
    assert len(hidden_states) == 4
    assert len(attentions) == 3
    for layer, before, after in zip(encoder.layers, hidden_states, hidden_states[1:]):
        torch.testing.assert_close(run(layer, before), after)
    assert last is hidden_states[-1]
    plain, no_states, no_attentions = encoder(x, SEQUENCES)
    torch.testing.assert_close(plain, last)
    assert no_states is no_attentions is None


def test_the_last_layer_is_computed_for_selected_tokens_alone_in_any_order():
    encoder, x, rows = Encoder(CONFIG).eval(), torch.randn(TOKENS, 6), []
    everywhere = encoder(x, SEQUENCES)[0]
    for layer in encoder.layers:
        layer.feed_forward.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    selected = torch.tensor([6, 0, 3, 0])
    torch.testing.assert_close(encoder(x, SEQUENCES, selected)[0], everywhere[selected])
    assert rows == [7, 7, 4]
    assert not torch.allclose(everywhere[selected], everywhere[selected.flip(0)])


def test_gradients_are_right():
    layer = EncoderLayer(CONFIG).double().eval()
    x = torch.randn(TOKENS, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda states: run(layer, states), x)


def test_dropout_drops_what_a_sublayer_adds_and_never_what_goes_past_it(monkeypatch):
    monkeypatch.setattr("bert.model.dropout.dropout", lambda states, rate: torch.zeros_like(states))
    layer, x = EncoderLayer(CONFIG).train(), torch.randn(TOKENS, 6)
    torch.testing.assert_close(run(layer, x), layer.feed_forward_norm(layer.attention_norm(x)))
    assert not run(layer.eval(), x).allclose(layer.feed_forward_norm(layer.attention_norm(x)))
