"""The input representation: word, position and token type, added up (paper, section 3 and figure 2)."""

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.model.dropout import Dropout
from bert.model.layer_norm import LayerNorm
from bert.model.packing import Packing


class Embeddings(nn.Module):
    """Turns token ids into vectors: the sum of three learned tables, then LayerNorm and dropout.

    Source: Devlin et al. 2018, figure 2; google-research/bert ``modeling.py``, ``embedding_postprocessor``.
    """

    compiled_method = "forward"  # by --compile, as one program

    def __init__(self, config: BertConfig):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        # Learned positions, one vector each: unlike the sinusoids of Vaswani et al. 2017, they end at
        # max_position_embeddings.
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.layer_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, packing: Packing | None = None
    ) -> Tensor:
        """
        Args:
            input_ids: (batch, seq) integers below vocab_size.
            token_type_ids: (batch, seq) integers: 0 in segment A, 1 in segment B. None means all A.
            packing: where given, only the real tokens are embedded.

        Returns:
            (batch, seq, hidden_size), or packed (tokens, hidden_size)

        Raises:
            ValueError: where seq is above max_position_embeddings.
        """
        length = input_ids.shape[1]
        longest = self.position_embeddings.num_embeddings
        if length > longest:
            raise ValueError(
                f"the sequences are {length} tokens long, but this model has {longest} position embeddings "
                f"(max_position_embeddings): shorten them"
            )
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if packing is None:
            positions = self.position_embeddings.weight[:length]  # (seq, hidden_size): the same for each row
        else:
            input_ids, token_type_ids = packing.pack(input_ids), packing.pack(token_type_ids)
            positions = self.position_embeddings(packing.positions)
        embeddings = self.word_embeddings(input_ids) + positions + self.token_type_embeddings(token_type_ids)
        return self.dropout(self.layer_norm(embeddings))

    @torch.no_grad()
    def start_positions_as_sinusoids(self, deviation: float) -> None:
        """Sets the position embeddings to ``sinusoids``, scaled to a standard deviation; they are learned from there.

        BERT's start random, and a model must first learn where each position is before it can learn to look at the
        word before. Sinusoids lie so that one linear map takes each position to the one before it, whichever it is.
        """
        table = sinusoids(*self.position_embeddings.weight.shape)
        self.position_embeddings.weight.copy_(table * (deviation / table.std()))


def sinusoids(positions: int, hidden_size: int) -> Tensor:
    """The position encodings of Vaswani et al. 2017, section 3.5: sin and cos of pos / 10000 ** (2i / hidden_size).

    Returns:
        (positions, hidden_size): sines in the even columns, cosines in the odd ones.
    """
    pair = torch.arange(0, hidden_size, 2) / hidden_size  # 2i / hidden_size
    angle = torch.arange(positions)[:, None] / 10_000**pair  # (positions, pairs)
    table = torch.stack([angle.sin(), angle.cos()], dim=-1)  # (positions, pairs, 2)
    return table.flatten(1)[:, :hidden_size]
