"""A class of a text, as the word that the masked language model puts into a blank: "a dull film it was [MASK]."."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.labels import label_names
from bert.heads.loss import IGNORE_INDEX, Loss, cross_entropy
from bert.heads.pretraining import MaskedLanguageModelHead
from bert.model.bert import BertModel, BertOutput, initialize_weights


@dataclass(frozen=True)
class ClozeOutput:
    """
    Attributes:
        prediction_logits: (batch, seq, vocab_size), or (selected, vocab_size).
        encoder: what BertModel gave.
    """

    prediction_logits: Tensor
    encoder: BertOutput


class BertForCloze(nn.Module):
    """BertModel with the head of masked language modelling. No weight is new: a label is a word of the vocabulary.

    A word of one piece scores the piece's logit at the mask. If any word has several pieces, a word scores the sum of
    the log-probabilities of its pieces, each at a mask of its own. A label scores the mean of its words. For words of
    one piece both scores say the same: all logits at a mask are the same distance from the log-probabilities.

    Source: Schick and Schütze 2021, "Exploiting Cloze Questions", section 3.1. Words of several pieces: Schick and
    Schütze 2021, "It's Not Just Size That Matters", section 3.1.

    Args:
        labels: the labels' names, in the order of their words.
        masked_lm_weight: how much the loss of unlabelled texts counts, from 0 to 1. The labels' loss has the rest.
    """

    def __init__(
        self,
        config: BertConfig,
        num_labels: int = 2,
        labels: Sequence[str] | None = None,
        masked_lm_weight: float = 0.0,
    ):
        super().__init__()
        self.labels = label_names(num_labels, labels)
        self.config = config
        self.masked_lm_weight = masked_lm_weight
        self.bert = BertModel(config, with_pooler=False)
        self.masked_language_model = MaskedLanguageModelHead(config)
        initialize_weights(self.masked_language_model, config)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None, **options
    ) -> ClozeOutput:
        """Takes what BertModel takes, ``options`` such as ``sequences`` and ``selected`` included."""
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        return ClozeOutput(self.masked_language_model(encoder.last_hidden_state, self.word_embeddings), encoder)

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The losses of a batch. It selects the masks of its blanks, and the masked tokens of unlabelled texts.

        Its labels are:
            labels: (examples,) indices of the right labels.
            blanks: (examples, masks) which of the selected tokens are the masks of each blank.
            words: (words, masks) the pieces of each word, then -1.
            label_of_word: (words,) the index of each word's label.
            masked_labels: (selected,) the pieces behind the masked tokens of unlabelled texts, else IGNORE_INDEX. Only
                there if the batch has such texts.
        """
        states = self.bert(**batch.inputs).last_hidden_state
        blanks, labels = batch.labels["blanks"], batch.labels
        logits = self.masked_language_model(states[blanks], self.word_embeddings)  # (examples, masks, vocab_size)
        scores = label_scores(word_scores(logits, labels["words"]), labels["label_of_word"], len(self.labels))
        losses = {"cloze": self.loss(scores, labels["labels"], has_long_words=labels["words"].shape[1] > 1)}
        if "masked_labels" in labels:
            masked_lm = self.masked_language_model(states, self.word_embeddings, labels["masked_labels"])
            losses = {
                "cloze": _weighted(losses["cloze"], 1 - self.masked_lm_weight),
                "masked_lm": _weighted(masked_lm, self.masked_lm_weight),
            }
        return losses

    @staticmethod
    def loss(scores: Tensor, labels: Tensor, has_long_words: bool) -> Loss:
        """The loss of labels' scores.

        Args:
            scores: (examples, labels)
            labels: (examples,) indices of the right labels.
            has_long_words: whether any word has several pieces. Then probabilities of words of unequal lengths are no
                distribution over the labels, and the loss is ``margin_loss``. Else it is their cross-entropy.
        """
        return margin_loss(scores, labels) if has_long_words else cross_entropy(scores, labels)

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels each loss of ``batch`` will count, known before the forward pass."""
        counts = {"cloze": batch.labels["labels"].numel()}
        if "masked_labels" in batch.labels:
            counts["masked_lm"] = int((batch.labels["masked_labels"] != IGNORE_INDEX).sum())
        return counts

    @property
    def word_embeddings(self) -> Tensor:
        """(vocab_size, hidden_size)"""
        return self.bert.embeddings.word_embeddings.weight


def word_scores(logits: Tensor, words: Tensor) -> Tensor:
    """The score of each word, all masks of the blank read at once.

    Args:
        logits: (..., masks, vocab_size) at the masks of a blank.
        words: (words, masks) the pieces of each word, then -1. A shorter word reads the first masks.

    Returns:
        (..., words) float32: logits if there is one mask, else sums of log-probabilities.
    """
    logits = logits.float()
    if words.shape[1] > 1:
        logits = logits.log_softmax(dim=-1)
    masks = torch.arange(words.shape[1], device=words.device)
    of_pieces = logits[..., masks, words.clamp(min=0)]  # (..., words, masks)
    return of_pieces.masked_fill(words < 0, 0).sum(dim=-1)


def label_scores(scores: Tensor, label_of_word: Tensor, labels: int) -> Tensor:
    """The mean over each label's words: (..., words) -> (..., labels)."""
    of_label = F.one_hot(label_of_word, labels).to(scores.dtype)  # (words, labels)
    # No matrix product: autocast would round the scores to 16 bits.
    return (scores[..., None] * (of_label / of_label.sum(dim=0))).sum(dim=-2)


def margin_loss(scores: Tensor, labels: Tensor) -> Loss:
    """Each wrong label should score at least 1 less than the right one: sum of max(0, 1 - right + wrong).

    Args:
        scores: (examples, labels)
        labels: (examples,) indices of the right labels.
    """
    right = scores.gather(1, labels[:, None])  # (examples, 1)
    too_near = (1 - right + scores).clamp(min=0).scatter(1, labels[:, None], 0)  # the right one itself does not count
    correct = (scores.detach().argmax(dim=-1) == labels).sum()
    return Loss(too_near.sum(), torch.full((), len(labels), device=labels.device), correct)


def _weighted(loss: Loss, weight: float) -> Loss:
    """The loss with ``weight`` times its gradient. The value stays, so that the log shows what was measured."""
    return loss._replace(sum=weight * loss.sum + (1 - weight) * loss.sum.detach())
