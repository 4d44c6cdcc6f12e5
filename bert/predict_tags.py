"""Tags for the words of texts, in the order of the texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from bert.heads.token import BertForTokenClassification
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.tag_sequences import TagSequences
from bert.tokenization.word_windows import WordInput, word_batch, word_inputs, words_of


class WordScores(NamedTuple):
    """words: numbers of a sentence's words that have a piece; logits: (words, labels) float32, each word's score for
    each tag.
    """

    words: list[int]
    logits: np.ndarray

    def best_tags(self, sequences: TagSequences | None = None) -> dict[int, int]:
        """The number of the tag of each of the words: the most probable one, or that of the most probable sequence."""
        if sequences is None or not self.words:
            return dict(zip(self.words, self.logits.argmax(axis=1).tolist()))
        order = np.argsort(self.words)
        words = np.array(self.words)[order]
        follows = np.diff(words, prepend=-1) == 1  # a word that has no piece has no tag but O
        return dict(zip(words.tolist(), sequences.best(self.logits[order], follows)))


@torch.inference_mode()
def word_scores(
    model: BertForTokenClassification, sentences: Sequence[Sequence[WordInput]], pad_token_id: int,
    most_tokens: int | None = None,
) -> list[WordScores]:  # fmt: skip
    """The scores of the words of each sentence; inputs of about one length go through the model together."""
    model.eval()
    device = model.classifier.weight.device
    windows = [(place, window) for place, parts in enumerate(sentences) for window in parts]
    lengths = [len(window.input.input_ids) for _, window in windows]
    none_yet = np.empty((0, len(model.labels)), np.float32)
    scores = [WordScores([], none_yet) for _ in sentences]
    for numbers in batches_by_length(lengths, most_tokens or tokens_at_once(model)):
        batch = [windows[number] for number in numbers]
        arrays = word_batch([window for _, window in batch], pad_token_id)
        logits = model.scores(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
        ends = np.cumsum([len(window.words) for _, window in batch])
        for (place, window), of_window in zip(batch, np.split(logits.float().cpu().numpy(), ends[:-1])):
            words, before = scores[place]
            scores[place] = WordScores(words + window.words, np.concatenate([before, of_window]))
    return scores


def predict_tags(
    model: BertForTokenClassification, tokenizer, texts: Iterable[str], max_length: int,
    most_tokens: int | None = None, fitting: bool = False,
) -> Iterator[list[tuple[str, str]]]:  # fmt: skip
    """(word, tag) for each word of each text, as they come; words are those of ``words_of``, but for those without a
    piece (of control characters alone).

    Args:
        fitting: whether tags must fit together as BIO and BIOES have it (see ``TagSequences``). A model that was
            trained on other schemes needs its own.
    """
    texts, sequences = iter(texts), TagSequences(model.labels) if fitting else None
    while chunk := list(islice(texts, TEXTS_AT_A_TIME)):
        words = [[text[start:end] for start, end in words_of(text)] for text in chunk]
        sentences = [word_inputs(tokenizer, each, max_length) for each in words]
        for of_text, scores in zip(words, word_scores(model, sentences, tokenizer.pad_token_id, most_tokens)):
            tags = scores.best_tags(sequences)
            yield [(of_text[word], model.labels[tag]) for word, tag in sorted(tags.items())]
