"""Pre-norm is x + Sublayer(LayerNorm(x)), with one LayerNorm at the end."""

import torch
from torch.nn import functional as F

from bert.heads.batch import sequences_of
from bert.model.bert import BertModel
from bert.variants.build import as_variant
from tests.bert.variants.models import config_of, model_of, padded_batch


def test_the_model_is_the_sum_of_what_its_sublayers_make_of_normalized_states():
    bert, (ids, _) = model_of("pre-norm"), padded_batch()
    ids, sequences = ids.flatten(), sequences_of((11, 11, 11))

    def normed(states, norm):
        return F.layer_norm(states, (12,), norm.weight, norm.bias, norm.eps)

    with torch.no_grad():
        states = bert.embeddings(ids, torch.zeros_like(ids), sequences.positions(ids))
        hidden = [states]
        for layer in bert.encoder.layers:
            inputs = normed(states, layer.attention_norm)
            states = states + layer.attention(inputs, inputs, sequences, sequences)[0]
            states = states + layer.feed_forward(normed(states, layer.feed_forward_norm))
            hidden.append(states)
        expected = normed(states, bert.encoder.final_norm)
        output = bert(ids, sequences=sequences, return_hidden_states=True)
    torch.testing.assert_close(output.last_hidden_state, expected)
    torch.testing.assert_close(output.hidden_states, (*hidden[:-1], expected))
    assert not states.allclose(expected, atol=0.1)  # the control: the last LayerNorm changes something


def test_gradients_do_not_grow_with_the_depth_at_first_as_they_do_in_post_norm():
    """Xiong et al. 2020, figure 3: of the feed-forward network's second matrix."""

    def growth(variant: str) -> float:
        torch.manual_seed(0)
        sizes = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "num_hidden_layers": 12}
        bert = as_variant(BertModel(config_of(variant, hidden_dropout_prob=0.0, initializer_range=0.18, **sizes)))
        ids, mask = padded_batch()
        (bert(ids, attention_mask=mask).last_hidden_state * torch.randn(3, 11, 32)).sum().backward()
        norms = [layer.feed_forward.output.weight.grad.norm().item() for layer in bert.encoder.layers]
        return norms[-1] / norms[0]

    assert growth("pre-norm") < 1
    assert growth("") > 3
