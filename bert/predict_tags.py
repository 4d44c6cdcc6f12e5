"""Tags for the words of texts, in the order of the texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch

from bert.heads.token import BertForTokenClassification
from bert.predict import TEXTS_AT_A_TIME
from bert.tokenization.long_texts import pad_inputs
from bert.tokenization.word_windows import WordInput, word_inputs

OUTSIDE = "O"


@torch.inference_mode()
def best_tags(
    model: BertForTokenClassification, sentences: Sequence[Sequence[WordInput]], pad_token_id: int, batch_size: int = 32
) -> list[dict[int, int]]:
    """For each sentence the number of the most probable tag of each of its words that has a piece."""
    model.eval()
    device = model.classifier.weight.device
    windows = [(place, window) for place, parts in enumerate(sentences) for window in parts]
    windows.sort(key=lambda pair: len(pair[1].input.input_ids))
    tags: list[dict[int, int]] = [{} for _ in sentences]
    for first in range(0, len(windows), batch_size):
        batch = windows[first : first + batch_size]
        arrays = pad_inputs([window.input for _, window in batch], pad_token_id)
        logits = model(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()}).logits
        for (place, window), best in zip(batch, logits.argmax(dim=-1).tolist()):
            tags[place].update((word, best[position]) for word, position in zip(window.words, window.positions))
    return tags


def predict_tags(
    model: BertForTokenClassification, tokenizer, texts: Iterable[str], max_length: int, batch_size: int = 32
) -> Iterator[list[tuple[str, str]]]:
    """(word, tag) for each word of each text, as they come; words are those that the tokenizer splits a text into."""
    texts = iter(texts)
    while chunk := list(islice(texts, TEXTS_AT_A_TIME)):
        sentences = [word_inputs(tokenizer, text, max_length) for text in chunk]
        for text, tags in zip(chunk, best_tags(model, sentences, tokenizer.pad_token_id, batch_size)):
            pieces = tokenizer.pieces(text)
            bounds: dict[int, tuple[int, int]] = {}
            for word, (start, end) in zip(pieces.word_ids, pieces.offsets):
                bounds[word] = (bounds.get(word, (start, end))[0], end)
            yield [
                (text[start:end], model.labels[tags[word]] if word in tags else OUTSIDE)
                for word, (start, end) in bounds.items()
            ]
