"""The two pretraining tasks: masked language model (MLM) and next sentence prediction (NSP); paper, section 3.1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.config import BertConfig
from bert.heads.loss import IGNORE_INDEX, Loss, cross_entropy
from bert.heads.vocabulary_loss import vocabulary_cross_entropy
from bert.model.bert import BertModel, BertOutput, initialize_weights
from bert.model.feed_forward import gelu
from bert.model.layer_norm import LayerNorm
from bert.model.packing import packing_in


class MaskedLanguageModelHead(nn.Module):
    """Scores every piece of the vocabulary as the one behind a token.

    A dense layer, GELU and LayerNorm, then the product with the word embeddings themselves (the decoder is tied to
    them: a piece's score is the likeness of the token's state to the piece's vector) and a bias per piece.
    Source: google-research/bert ``run_pretraining.py``, ``get_masked_lm_output``.
    """

    compiled_method = "loss"  # by --compile, as one program

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = gelu(config.hidden_act)
        self.layer_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_states: Tensor, word_embeddings: Tensor) -> Tensor:
        """(..., hidden_size) and the table (vocab_size, hidden_size) -> (..., vocab_size)"""
        return F.linear(self.transform(hidden_states), word_embeddings, self.bias)

    def loss(self, hidden_states: Tensor, word_embeddings: Tensor, labels: Tensor) -> Loss:
        """The cross-entropy of those scores; hidden_states: (count, hidden_size), labels: (count,) or IGNORE_INDEX."""
        return vocabulary_cross_entropy(self.transform(hidden_states), word_embeddings, self.bias, labels)

    def transform(self, hidden_states: Tensor) -> Tensor:
        """(..., hidden_size) -> the same shape, ready to be compared with pieces' vectors"""
        return self.layer_norm(self.activation(self.dense(hidden_states)))


class NextSentenceHead(nn.Module):
    """Scores whether segment B follows segment A (0) or is random (1), from the pooled [CLS].

    Source: ``run_pretraining.py``, ``get_next_sentence_output``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.classifier = nn.Linear(config.hidden_size, 2)

    def forward(self, pooler_output: Tensor) -> Tensor:
        """(batch, hidden_size) -> (batch, 2)"""
        return self.classifier(pooler_output)


@dataclass(frozen=True)
class PreTrainingOutput:
    """prediction_logits: (batch, seq, vocab_size), or (chosen, vocab_size) for chosen positions alone.
    next_sentence_logits: (batch, 2), 0 = B follows A, 1 = B is random.
    encoder: what BertModel gave (hidden states and attention weights are in it, where asked for).
    """

    prediction_logits: Tensor
    next_sentence_logits: Tensor
    encoder: BertOutput


class BertForPreTraining(nn.Module):
    """BertModel with the heads of both pretraining tasks. Source: Devlin et al. 2018, section 3.1 and appendix A.2."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config)
        self.masked_language_model = MaskedLanguageModelHead(config)
        self.next_sentence = NextSentenceHead(config)
        initialize_weights(self.masked_language_model, config)
        initialize_weights(self.next_sentence, config)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        masked_positions: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> PreTrainingOutput:
        """
        Args:
            input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states: as BertModel takes them.
            masked_positions: (chosen,) integers: the tokens to score, numbered row by row through the batch
                (row * seq + position). Scoring the vocabulary for the 15 % of tokens that have a label, not for all,
                saves most of the head's work, and most of the last layer's. None means every token.
        """
        if masked_positions is None or return_attention or return_hidden_states:
            encoder = self.bert(input_ids, token_type_ids, attention_mask, return_attention, return_hidden_states)
            states = encoder.last_hidden_state  # (batch, seq, hidden_size)
            if masked_positions is not None:
                states = states.flatten(0, 1).index_select(0, masked_positions)
        else:
            encoder = self.bert.read(input_ids, token_type_ids, attention_mask, masked_positions)
            states = encoder.last_hidden_state  # (chosen, hidden_size)
        return PreTrainingOutput(
            prediction_logits=self.masked_language_model(states, self.word_embeddings),
            next_sentence_logits=self.next_sentence(encoder.pooler_output),
            encoder=encoder,
        )

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Loss]:
        """The losses of a batch, as sums and counts; the paper's loss is the sum of their two means.

        Args:
            batch: input_ids, token_type_ids, attention_mask (batch, seq); masked_positions and masked_labels
                (chosen,), a label IGNORE_INDEX where there is none; unless pretraining runs without NSP,
                next_sentence_labels (batch,); and for a GPU how it is packed (see ``packing_in``).
        """
        encoder = self.bert.read(
            batch["input_ids"], batch["token_type_ids"], batch["attention_mask"], batch["masked_positions"],
            packing_in(batch),
        )  # fmt: skip
        states, labels = encoder.last_hidden_state, batch["masked_labels"]  # (chosen, hidden_size), (chosen,)
        losses = {"masked_lm": self.masked_language_model.loss(states, self.word_embeddings, labels)}
        if "next_sentence_labels" in batch:
            next_sentence_logits = self.next_sentence(encoder.pooler_output)
            losses["next_sentence"] = cross_entropy(next_sentence_logits, batch["next_sentence_labels"])
        return losses

    @property
    def word_embeddings(self) -> Tensor:
        """(vocab_size, hidden_size): what a piece becomes at the bottom, and is compared with at the top."""
        return self.bert.embeddings.word_embeddings.weight

    @staticmethod
    def label_counts(batch: dict[str, Tensor]) -> dict[str, int]:
        """How many labels each loss of ``batch`` will count, known before the forward pass."""
        counts = {"masked_lm": int((batch["masked_labels"] != IGNORE_INDEX).sum())}
        if "next_sentence_labels" in batch:
            counts["next_sentence"] = batch["next_sentence_labels"].numel()
        return counts
