"""``python -m bert recommend``: somebody likes some texts, and gets the texts nearest to their mean."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bert.commands.index import PROMPTS
from bert.commands.search import Hit, hits_of, load_model_of, read_queries
from bert.errors import InputError
from bert.search.index import Index
from bert.search.vectors import normalized
from bert.tasks.classification.read import Example


def recommend(
    index: Index,
    liked: str | Path,
    top: int,
    given: dict[str, Any],
    model: str | None = None,
    device: str | torch.device = "cpu",
) -> list[Hit]:
    """The texts nearest to the mean vector of the liked ones, which are left out themselves.

    A liked text that is not in the index needs the model; the others have their vectors there.

    Args:
        liked: a file of texts. If all are whole numbers, they are the numbers of texts in the index, from 1.
        given: ``text_column`` and ``header`` of the file; None for each that was not given.
        model: see ``load_model_of``.

    Raises:
        InputError: if the file cannot be read, a number is too large, or all texts of the index are liked.
    """
    examples = list(read_queries([], str(liked), given))
    texts = [example.first for example in examples if example.first.strip()]
    if not texts:
        raise InputError(f"{liked}: all its texts are blank; liked texts were expected, or their numbers in the index")
    if all(re.fullmatch("[0-9]{1,18}", text.strip()) for text in texts):
        numbers = [_number(index, text.strip(), liked) for text in texts]
        texts = [index.texts[number].text for number in numbers]
        vectors = index.vectors[numbers]
        liked_numbers = index.texts.numbers_of(set(texts))
    else:
        liked_numbers = index.texts.numbers_of(set(texts))
        first = {index.texts[number].text: number for number in reversed(liked_numbers)}
        known = [index.vectors[first[text]] for text in texts if text in first]
        unknown = [Example(number, text, None, None) for number, text in enumerate(texts) if text not in first]
        if unknown:
            embedder = load_model_of(index, model, device)
            known += map(normalized, embedder(unknown, prompts=PROMPTS))
        vectors = np.stack(known)
    if len(liked_numbers) == len(index.texts):
        raise InputError(f"{liked}: names all texts of {index.directory}, so none is left to recommend")
    mean = normalized(vectors.mean(axis=0, keepdims=True, dtype=np.float64))
    (found,) = index.nearest(mean, top, liked_numbers)
    return hits_of(index, found)


def _number(index: Index, text: str, liked: str | Path) -> int:
    number = int(text)
    if not 1 <= number <= len(index.texts):
        raise InputError(f"{liked}: {number} is no number of a text in {index.directory}; 1 to {len(index.texts)} are")
    return number - 1
