"""Left to right: a token attends to itself and to the tokens before it, as in GPT.

            [CLS] good film [SEP]
    [CLS]     x
    good      x    x
    film      x    x    x
    [SEP]     x    x    x    x          so the last token alone has seen them all, and the pooler reads it

Source: Devlin et al. 2018, section 5.1, "LTR & No NSP". There too the model is left-to-right in fine-tuning.
"""

from dataclasses import replace

import torch
from torch import Tensor

from bert.model.attention import MultiHeadAttention
from bert.model.bert import BertModel, BertOutput
from bert.model.encoder import Encoder, EncoderLayer
from bert.model.sequences import Sequences
from bert.variants.become import become


def make_left_to_right(bert: BertModel) -> None:
    """Lets no token attend to a later one, in place."""
    become(bert, LeftToRightBert)
    become(bert.encoder, LeftToRightEncoder)
    for layer in bert.encoder.layers:
        become(layer, LeftToRightLayer)
        become(layer.attention, LeftToRightAttention)  # pyright: ignore


class LeftToRightAttention(MultiHeadAttention):
    """Causal multi-head attention."""

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False, causal: bool = True,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """As ``MultiHeadAttention``."""
        return super().forward(from_states, to_states, from_sequences, to_sequences, return_attention, causal)


class LeftToRightLayer(EncoderLayer):
    """A layer whose attention is causal."""

    is_causal = True


class LeftToRightEncoder(Encoder):
    """The stack. Selected tokens are taken from the last layer when it has computed all.

    Causal attention takes the last query to stand at the last key. Selected tokens may stand anywhere.
    """

    def forward(
        self, states: Tensor, sequences: Sequences, selected: Tensor | None = None, return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[list[Tensor], ...] | None]:  # fmt: skip
        """As ``Encoder``, but the last layer's weights are of all tokens."""
        states, all_states, all_weights = super().forward(
            states, sequences, None, return_attention, return_hidden_states
        )
        if selected is not None:
            states = states.index_select(0, selected)
            all_states = all_states and (*all_states[:-1], states)
        return states, all_states, all_weights


class LeftToRightBert(BertModel):
    """The model, whose pooler reads the last token of each sequence, [SEP]. The first has seen only itself."""

    architecture = "BertModel"  # in ``config.json``

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None,
        return_attention: bool = False, return_hidden_states: bool = False,
        sequences: Sequences | None = None, selected: Tensor | None = None,
    ) -> BertOutput:  # fmt: skip
        """As ``BertModel``."""
        flags = return_attention, return_hidden_states
        if sequences is None or self.pooler is None:  # a padded batch comes here a second time, unpadded
            return super().forward(input_ids, token_type_ids, attention_mask, *flags, sequences, selected)
        last = sequences.boundaries[1:] - 1
        computed = None if selected is None else torch.cat([last, selected])
        # The next line also pools [CLS], in vain.
        output = super().forward(input_ids, token_type_ids, attention_mask, *flags, sequences, computed)
        states = output.last_hidden_state
        last_states = states.index_select(0, last) if selected is None else states[: len(last)]
        states = states if selected is None else states[len(last) :]
        return replace(output, last_hidden_state=states, pooler_output=self.pooler(last_states))
