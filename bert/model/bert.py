"""BertModel: embeddings, encoder and pooler; what every task shares."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.model.attention import attention_bias
from bert.model.embeddings import Embeddings
from bert.model.encoder import Encoder
from bert.model.packing import Packing, choose, find_packing


@dataclass(frozen=True)
class BertOutput:
    """What BertModel gives back.

    last_hidden_state: (batch, seq, hidden_size), the encoder's output for each token; (chosen, hidden_size) from
        ``read``.
    pooler_output: (batch, hidden_size), the state of [CLS] after the pooler; None in a model without one.
    hidden_states: where asked for, num_hidden_layers + 1 tensors (batch, seq, hidden_size), the embeddings first.
    attentions: where asked for, num_hidden_layers tensors (batch, heads, seq, seq) of attention weights.
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Pooler(nn.Module):
    """A dense layer and tanh over the last state of the first token, [CLS].

    Source: Devlin et al. 2018, section 3 ("the final hidden vector of the special [CLS] token"); the dense layer
    and tanh are in ``modeling.py``, ``BertModel.pooled_output``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first_states: Tensor) -> Tensor:
        """The last states of the first tokens (batch, hidden_size) -> (batch, hidden_size)"""
        return torch.tanh(self.dense(first_states))


class BertModel(nn.Module):
    """The encoder of Devlin et al. 2018, without a task's head.

    Source: Devlin et al. 2018, section 3; google-research/bert ``modeling.py``, ``BertModel``.

    Args:
        with_pooler: a head that reads the tokens' states alone has no use for the pooler, and nothing would train it.
    """

    def __init__(self, config: BertConfig, with_pooler: bool = True):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if with_pooler else None
        initialize_weights(self, config)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> BertOutput:
        """
        Args:
            input_ids: (batch, seq) token ids.
            token_type_ids: (batch, seq), 0 in segment A and 1 in segment B. None means all A.
            attention_mask: (batch, seq), 1 or True at real tokens, 0 or False at padding. None means no padding.
            return_attention: fill ``attentions``; runs the written-out attention instead of the fused kernel.
            return_hidden_states: fill ``hidden_states``.

        Raises:
            ValueError: where seq is above max_position_embeddings, or attention_mask has another shape than input_ids.
        """
        _check_shape(attention_mask, input_ids)
        embeddings = self.embeddings(input_ids, token_type_ids)
        bias = attention_bias(attention_mask, embeddings.dtype)
        last_hidden_state, hidden_states, attentions = self.encoder(
            embeddings, bias, return_attention, return_hidden_states
        )
        return BertOutput(
            last_hidden_state=last_hidden_state,
            pooler_output=None if self.pooler is None else self.pooler(last_hidden_state[:, 0]),
            hidden_states=hidden_states if return_hidden_states else None,
            attentions=attentions if return_attention else None,
        )

    def read(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        only_at: Tensor | None = None,
        packing: Packing | None = None,
    ) -> BertOutput:
        """``forward`` for a head that reads the last states of a few tokens: those of ``only_at``, and the pooler's.

        The last layer is then computed for these tokens alone, and padding is left out where that pays
        (``find_packing``).

        Args:
            input_ids, token_type_ids, attention_mask: as ``forward`` takes them.
            only_at: (chosen,) integers: the tokens whose last states are wanted, numbered row by row through the batch
                (row * seq + position). None: no more than the pooler needs.
            packing: how to lay the real tokens end to end, all of ``only_at`` and of [CLS] among them. None: it is
                found from attention_mask, for which a GPU has to wait until all that it was given to do is done.

        Returns:
            last_hidden_state (chosen, hidden_size), and pooler_output.

        Raises:
            ValueError: as ``forward``.
        """
        if only_at is None:
            only_at = input_ids.new_empty(0)
        _check_shape(attention_mask, input_ids)
        (batch, seq), device = input_ids.shape, input_ids.device
        pooled = 0 if self.pooler is None else batch  # what the pooler reads: each [CLS]
        places = torch.cat([torch.arange(0, pooled * seq, seq, device=device), only_at])
        if packing is None and attention_mask is not None:
            if attention_mask.all():
                attention_mask = None  # without padding the scores need nothing added
            packing = find_packing(attention_mask)
            if packing is not None and not attention_mask.flatten()[places].all():
                packing = None  # a packed batch has no padding, and here some is asked for
        # The CPU computes a token once that is asked for twice; a GPU would have to wait to know their number.
        places, numbers = places.unique(return_inverse=True) if device.type == "cpu" else (places, None)
        embeddings = self.embeddings(input_ids, token_type_ids, packing)
        bias = attention_bias(attention_mask, embeddings.dtype)
        states, _, _ = self.encoder(embeddings, bias, packing=packing, chosen=choose(places, batch, seq, packing))
        if numbers is not None:
            states = states[numbers]
        return BertOutput(
            last_hidden_state=states[pooled:],
            pooler_output=None if self.pooler is None else self.pooler(states[:pooled]),
        )


def _check_shape(attention_mask: Tensor | None, input_ids: Tensor) -> None:
    if attention_mask is not None and attention_mask.shape != input_ids.shape:
        raise ValueError(
            f"attention_mask is {tuple(attention_mask.shape)}, but input_ids {tuple(input_ids.shape)}: both are "
            f"(batch, seq)"
        )


def initialize_weights(module: nn.Module, config: BertConfig) -> None:
    """Sets every parameter below ``module`` as BERT starts: in place, from torch's default generator.

    Weights come from a normal distribution of standard deviation initializer_range, cut at two of them; biases are
    0, LayerNorms the identity. Source: ``modeling.py``, ``create_initializer`` (tf.truncated_normal_initializer).
    """
    for child in module.modules():
        if isinstance(child, nn.Linear | nn.Embedding):
            deviation = config.initializer_range
            nn.init.trunc_normal_(child.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        if isinstance(child, nn.Linear) and child.bias is not None:
            nn.init.zeros_(child.bias)
        if isinstance(child, nn.LayerNorm):
            nn.init.ones_(child.weight)
            nn.init.zeros_(child.bias)
