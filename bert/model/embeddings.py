"""The input representation: word, position and token type, added up (paper, section 3 and figure 2)."""

import torch
from torch import Tensor, nn

from bert.config import BertConfig


class Embeddings(nn.Module):
    """Turns token ids into vectors: the sum of three learned tables, then LayerNorm and dropout.

    Source: Devlin et al. 2018, figure 2; google-research/bert ``modeling.py``, ``embedding_postprocessor``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        # Learned positions, one vector each: unlike the sinusoids of Vaswani et al. 2017, they end at
        # max_position_embeddings.
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """
        Args:
            input_ids: (batch, seq) integers below vocab_size.
            token_type_ids: (batch, seq) integers: 0 in segment A, 1 in segment B. None means all A.

        Returns:
            (batch, seq, hidden_size)

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
        embeddings = (
            self.word_embeddings(input_ids)  # (batch, seq, hidden_size)
            + self.position_embeddings.weight[:length]  # (seq, hidden_size): the same for each row of the batch
            + self.token_type_embeddings(token_type_ids)
        )
        return self.dropout(self.layer_norm(embeddings))
