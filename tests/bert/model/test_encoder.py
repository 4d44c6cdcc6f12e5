"""The encoder layer is post-LayerNorm; the stack gives back its intermediates on request."""

import torch

from bert.config import BertConfig
from bert.model.encoder import Encoder, EncoderLayer

CONFIG = BertConfig(vocab_size=3, hidden_size=6, num_attention_heads=2, intermediate_size=11, num_hidden_layers=3)


def test_layer_norm_stands_after_each_residual_sum():
    layer, x = EncoderLayer(CONFIG).eval(), torch.randn(2, 5, 6)
    for norm in (layer.attention_norm, layer.feed_forward_norm):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    middle = layer.attention_norm(x + layer.attention(x)[0])
    torch.testing.assert_close(layer(x)[0], layer.feed_forward_norm(middle + layer.feed_forward(middle)))
    pre_norm = x + layer.attention(layer.attention_norm(x))[0]  # the control: the later order is another function
    pre_norm = pre_norm + layer.feed_forward(layer.feed_forward_norm(pre_norm))
    assert not layer(x)[0].allclose(pre_norm)


def test_the_stack_applies_its_layers_in_order_and_returns_intermediates_on_request():
    encoder, x = Encoder(CONFIG).eval(), torch.randn(2, 5, 6)
    last, hidden_states, attentions = encoder(x, return_attention=True, return_hidden_states=True)
    assert hidden_states[0] is x
    assert len(hidden_states) == 4
    assert len(attentions) == 3
    for layer, before, after in zip(encoder.layers, hidden_states, hidden_states[1:]):
        torch.testing.assert_close(layer(before)[0], after)
    assert last is hidden_states[-1]
    plain, no_states, no_attentions = encoder(x)
    torch.testing.assert_close(plain, last)
    assert no_states == no_attentions == ()


def test_gradients_are_right():
    layer = EncoderLayer(CONFIG).double().eval()
    x = torch.randn(1, 3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda states: layer(states)[0], x)


def test_recomputed_layers_have_the_same_gradients_with_the_same_dropout_and_keep_their_inputs_alone():
    def gradients(recomputes: bool) -> tuple[list[torch.Tensor], int]:
        torch.manual_seed(0)
        encoder, x, saved = Encoder(CONFIG).train(), torch.randn(2, 5, 6, requires_grad=True), []
        encoder.recomputes = recomputes
        with torch.autograd.graph.saved_tensors_hooks(lambda tensor: saved.append(tensor) or tensor, lambda each: each):
            last = encoder(x)[0]
        last.square().sum().backward()
        return [x.grad, *(parameter.grad for parameter in encoder.parameters())], len(saved)

    (kept, many), (recomputed, few) = gradients(False), gradients(True)
    assert all(torch.equal(one, other) for one, other in zip(kept, recomputed))
    assert few == 3 < many  # each layer's input
