"""Summaries of documents: their best sentences, in the order of the documents."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch

from bert.evaluation.rouge import ngrams, words
from bert.heads.summary import BertForExtractiveSummarization
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.task_inputs.documents import Document
from bert.tokenization.sentence_windows import SentenceWindow, pad_windows, sentence_windows

SUMMARY_SENTENCES = 3  # Liu 2019, section 3.3
DOCUMENTS_AT_A_TIME = TEXTS_AT_A_TIME // 8


@torch.inference_mode()
def sentence_logits(
    model: BertForExtractiveSummarization, documents: Sequence[Sequence[SentenceWindow]], pad_token_id: int,
    most_tokens: int | None = None,
) -> list[list[float]]:  # fmt: skip
    """For each document the score of each of its sentences; its sigmoid is the probability to be in the summary.

    Args:
        documents: the windows of each.
    """
    model.eval()
    device = model.classifier.weight.device
    windows = [(place, window) for place, parts in enumerate(documents) for window in parts]
    lengths = [len(window.input_ids) for _, window in windows]
    found: list[dict[int, float]] = [{} for _ in documents]
    for numbers in batches_by_length(lengths, most_tokens or tokens_at_once(model)):
        batch = [windows[number] for number in numbers]
        arrays = pad_windows([window for _, window in batch], pad_token_id)
        logits = model.scores(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
        sentences = [(place, sentence) for place, window in batch for sentence in window.sentences]
        for (place, sentence), score in zip(sentences, logits.float().tolist(), strict=True):
            found[place][sentence] = score
    return [[each[sentence] for sentence in sorted(each)] for each in found]


def select_sentences(sentences: Sequence[str], scores: Sequence[float], most: int = SUMMARY_SENTENCES) -> list[int]:
    """The numbers of the sentences that make up the summary, in the order of the document.

    From the best down, up to ``most`` are taken, but none that has three words in a row that one taken before has too:
    it would say the same again (trigram blocking; Liu 2019, section 3.3). Of equal scores the former is the better.

    >>> select_sentences(["A dam broke today.", "It rained.", "Today a dam broke today!"], [0.9, 0.1, 0.8])
    [0, 1]
    """
    chosen, taken = [], set()
    for place in sorted(range(len(sentences)), key=lambda place: -scores[place]):
        trigrams = set(ngrams(words(sentences[place]), 3))
        if len(chosen) < most and not trigrams & taken:
            chosen.append(place)
            taken |= trigrams
    return sorted(chosen)


def predict_summaries(
    model: BertForExtractiveSummarization, tokenizer, documents: Iterable[Document], max_length: int,
    most: int = SUMMARY_SENTENCES, most_tokens: int | None = None,
) -> Iterator[tuple[list[int], str, list[float]]]:  # fmt: skip
    """(numbers of the summary's sentences, the summary, each sentence's probability) of each document, as they come."""
    documents = iter(documents)
    while chunk := list(islice(documents, DOCUMENTS_AT_A_TIME)):
        windows = [sentence_windows(tokenizer, document.sentences, max_length).windows for document in chunk]
        for document, logits in zip(chunk, sentence_logits(model, windows, tokenizer.pad_token_id, most_tokens)):
            chosen = select_sentences(document.sentences, logits, most)
            summary = " ".join(document.sentences[place] for place in chosen)
            yield chosen, summary, torch.tensor(logits).sigmoid().tolist()
