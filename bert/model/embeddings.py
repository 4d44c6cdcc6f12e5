"""The input representation: word, position and token type, added up (paper, section 3 and figure 2)."""

from torch import Tensor, nn

from bert.config import BertConfig
from bert.layer_norm import LayerNorm
from bert.model.dropout import Dropout


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
        self.layer_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, positions: Tensor) -> Tensor:
        """Three of (tokens,) -> (tokens, hidden_size); a token type is 0 in segment A and 1 in segment B."""
        words, types = self.word_embeddings(input_ids), self.token_type_embeddings(token_type_ids)
        return self.dropout(self.layer_norm(words + self.position_embeddings(positions) + types))
