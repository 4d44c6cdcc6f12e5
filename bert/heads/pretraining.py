"""The two pretraining tasks: masked language model (MLM) and next sentence prediction (NSP); paper, section 3.1."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.activations import activation
from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.loss import IGNORE_INDEX, Loss, cross_entropy, smooth_labels, vocabulary_cross_entropy
from bert.layer_norm import LayerNorm
from bert.model.bert import BertModel, BertOutput, initialize_weights


class MaskedLanguageModelHead(nn.Module):
    """Scores every piece of the vocabulary as the one behind a token.

    A dense layer, GELU and LayerNorm, then the product with the word embeddings and a bias per piece. The decoder is
    tied to the embeddings: a piece's score is the product of the token's state and the piece's vector.

    Why tied: pieces that are used alike need like vectors, as inputs and as answers. So one table learns from both
    uses (Press and Wolf 2017, "Using the Output Embedding to Improve Language Models"). In base it also saves 30,522 x
    768 parameters, 23 million beside the model's 110.
    Source: google-research/bert ``run_pretraining.py``, ``get_masked_lm_output``.

    A few published checkpoints have a second table here (``tie_word_embeddings`` false).
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.layer_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        untied = not config.tie_word_embeddings
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False) if untied else None

    def forward(
        self, states: Tensor, word_embeddings: Tensor, labels: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor | Loss:
        """The scores, or with labels their loss.

        Args:
            states: (..., hidden_size), the last states of tokens.
            word_embeddings: (vocab_size, hidden_size), read unless the decoder has a table of its own.
            labels: (...) the pieces behind the tokens, or IGNORE_INDEX.
            label_smoothing: see ``smooth_labels``.

        Returns:
            (..., vocab_size), or the loss.
        """
        states = self.layer_norm(self.activation(self.dense(states)))
        if self.decoder is not None:
            word_embeddings = self.decoder.weight
        if labels is None:
            return F.linear(states, word_embeddings, self.bias)
        loss = vocabulary_cross_entropy(states, word_embeddings, self.bias, labels)
        return smooth_labels(loss, states, word_embeddings, self.bias, labels, label_smoothing)


class NextSentenceHead(nn.Module):
    """Scores whether segment B follows segment A (0) or is random (1), from the pooled [CLS].

    Source: ``run_pretraining.py``, ``get_next_sentence_output``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.classifier = nn.Linear(config.hidden_size, 2)

    def forward(self, pooler_output: Tensor) -> Tensor:
        """(sequences, hidden_size) -> (sequences, 2)"""
        return self.classifier(pooler_output)


@dataclass(frozen=True)
class PreTrainingOutput:
    """
    Attributes:
        prediction_logits: (batch, seq, vocab_size), or (masked, vocab_size) for masked_positions alone.
        next_sentence_logits: (batch, 2), 0 = B follows A, 1 = B is random.
        encoder: what BertModel gave (hidden states and attention weights are in it, if asked for).
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
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None,
        masked_positions: Tensor | None = None, **options,
    ) -> PreTrainingOutput:  # fmt: skip
        """Takes what BertModel takes, and for a padded batch besides:

        Args:
            masked_positions: (masked,) the tokens to score, row * seq + column. Scoring the vocabulary for the 15 % of
                tokens that have a label saves most of the head's work. None means every token.
        """
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        states = encoder.last_hidden_state
        if masked_positions is not None:
            states = states.flatten(0, 1)[masked_positions]
        return PreTrainingOutput(
            self.masked_language_model(states, self.word_embeddings),
            self.next_sentence(encoder.pooler_output),
            encoder,
        )

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The losses of a batch, as sums and counts; the paper's loss is the sum of their two means.

        Args:
            batch: selects the masked tokens. Its labels are masked_labels (masked,), or IGNORE_INDEX; and
                next_sentence_labels (sequences,), unless pretraining runs without NSP. In next-token prediction it
                selects tokens to predict from, and has next_token_labels (selected,) instead of masked_labels.
        """
        encoder = self.bert(**batch.inputs)
        name, labels = _of_pieces(batch)
        losses = {name: self.masked_language_model(encoder.last_hidden_state, self.word_embeddings, labels)}
        if "next_sentence_labels" in batch.labels:
            logits = self.next_sentence(encoder.pooler_output)
            losses["next_sentence"] = cross_entropy(logits, batch.labels["next_sentence_labels"])
        return losses

    @property
    def word_embeddings(self) -> Tensor:
        """(vocab_size, hidden_size): what a piece becomes at the bottom, and is compared with at the top."""
        return self.bert.embeddings.word_embeddings.weight

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels each loss of ``batch`` will count, known before the forward pass."""
        name, labels = _of_pieces(batch)
        counts = {name: int((labels != IGNORE_INDEX).sum())}
        if "next_sentence_labels" in batch.labels:
            counts["next_sentence"] = batch.labels["next_sentence_labels"].numel()
        return counts


def _of_pieces(batch: Batch) -> tuple[str, Tensor]:
    """The name of the loss that scores pieces, and its labels."""
    if "next_token_labels" in batch.labels:
        return "next_token", batch.labels["next_token_labels"]
    return "masked_lm", batch.labels["masked_labels"]
