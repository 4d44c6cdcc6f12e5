"""BertModel: embeddings, encoder and pooler; what every task shares."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.model.embeddings import Embeddings
from bert.model.encoder import Encoder
from bert.model.sequences import Padding, Sequences


@dataclass(frozen=True)
class BertOutput:
    """What BertModel gives back for a padded batch. For sequences end to end, (batch, seq) is (tokens,) throughout.

    Attributes:
        last_hidden_state: (batch, seq, hidden_size), the encoder's output, 0 at padding; or (selected, hidden_size).
        pooler_output: (batch, hidden_size), the state of [CLS] after the pooler; None in a model without one.
        hidden_states: if asked for, num_hidden_layers + 1 tensors (batch, seq, hidden_size), the embeddings first.
        attentions: if asked for, of each layer the weights (batch, heads, seq, seq), 0 at padding; for sequences end to
            end, a list of (heads, length, length).
    """

    last_hidden_state: Tensor
    pooler_output: Tensor | None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple | None = None

    def padded(self, padding: Padding) -> "BertOutput":
        """The same, with the batch's padding put back."""
        return replace(
            self,
            last_hidden_state=padding.pad(self.last_hidden_state),
            hidden_states=self.hidden_states and tuple(map(padding.pad, self.hidden_states)),
            attentions=self.attentions and tuple(map(padding.pad_attention, self.attentions)),
        )


class Pooler(nn.Module):
    """A dense layer and tanh over the last state of the first token, [CLS].

    Source: Devlin et al. 2018, section 3 ("the final hidden vector of the special [CLS] token"); the dense layer
    and tanh are in ``modeling.py``, ``BertModel.pooled_output``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first_states: Tensor) -> Tensor:
        """The last states of the first tokens (sequences, hidden_size) -> (sequences, hidden_size)"""
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
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None,
        return_attention: bool = False, return_hidden_states: bool = False,
        sequences: Sequences | None = None, selected: Tensor | None = None,
    ) -> BertOutput:  # fmt: skip
        """Takes sequences end to end, or a padded batch, which is unpadded at the door and padded at the exit.

        Args:
            input_ids: (batch, seq) token ids; with ``sequences``, (tokens,).
            token_type_ids: the same shape, 0 in segment A and 1 in segment B. None means all A.
            attention_mask: (batch, seq), 1 or True at real tokens, 0 or False at padding. None means no padding.
            return_attention: fill ``attentions``, from the plain form of attention.
            return_hidden_states: fill ``hidden_states``.
            sequences: which tokens belong together. None: the batch is padded.
            selected: (selected,) indices of tokens: the last layer is computed for these and each [CLS] alone. None:
                all.

        Raises:
            ValueError: if a sequence is longer than max_position_embeddings, if attention_mask has another shape than
                input_ids, or if arguments of both forms are mixed.
        """
        if (sequences is None and selected is not None) or (sequences is not None and attention_mask is not None):
            raise ValueError("selected is for sequences end to end, and attention_mask for a padded batch")
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if sequences is None:
            padding = Padding.of_mask(attention_mask, input_ids)
            tokens = padding.unpad(input_ids), padding.unpad(token_type_ids.expand_as(input_ids)), None
            return self.forward(*tokens, return_attention, return_hidden_states, padding.sequences).padded(padding)
        if sequences.longest > (most := self.config.max_position_embeddings):
            raise ValueError(f"sequences of {sequences.longest} tokens are too long for {most} position embeddings")

        first, computed = sequences.first, selected
        if selected is not None and self.pooler is not None:
            computed = torch.cat([first, selected])  # the pooler reads the first token of each sequence
        embeddings = self.embeddings(input_ids, token_type_ids, sequences.positions(input_ids))
        states, *others = self.encoder(embeddings, sequences, computed, return_attention, return_hidden_states)
        pooler_output = None
        if self.pooler is not None:
            pooler_output = self.pooler(states.index_select(0, first) if selected is None else states[: len(first)])
            states = states if selected is None else states[len(first) :]
        return BertOutput(states, pooler_output, *others)


def initialize_weights(module: nn.Module, config: BertConfig) -> None:
    """Sets every parameter below ``module`` as BERT starts: in place, from torch's default generator.

    Weights come from a normal distribution of standard deviation initializer_range, cut at two of them; biases are
    0, LayerNorms the identity. Source: ``modeling.py``, ``create_initializer`` (tf.truncated_normal_initializer).
    """
    for child in module.modules():
        if isinstance(child, nn.Linear | nn.Embedding):
            deviation = config.initializer_range
            nn.init.trunc_normal_(child.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        if isinstance(child, nn.LayerNorm):
            nn.init.ones_(child.weight)
        if isinstance(child, nn.Linear | nn.LayerNorm) and child.bias is not None:
            nn.init.zeros_(child.bias)
