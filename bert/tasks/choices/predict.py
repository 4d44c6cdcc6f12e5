"""The best of several choices."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert.heads.batch import Batch, sequences_of
from bert.heads.choices import BertForMultipleChoice
from bert.tasks.choices.read import Choices
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.windows import WindowsOfEach


def predict_choices(model: BertForMultipleChoice, examples: WindowsOfEach, options: Options) -> list[np.ndarray]:
    """The logits of each example's choices, (choices,) float32."""

    def score(batch: Batch) -> Tensor:
        """(windows,): the score of each window, as if it were the only choice."""
        alone = sequences_of([1] * len(batch.sequences.lengths))
        return model(**replace(batch, choices=alone).to(batch.input_ids.device).inputs).logits[:, 0]

    return [np.concatenate(parts) for parts in window_scores(model, examples, score)]


def probabilities_of(logits: np.ndarray) -> list[float]:
    """The probability of each choice."""
    return torch.from_numpy(logits).softmax(dim=-1).tolist()


def choice_rows(
    model: BertForMultipleChoice, predictions: Iterable[tuple[Choices, np.ndarray]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each example."""
    yield ["prediction", "probabilities", *(["choice", "context"] if options.text else [])]
    for example, logits in predictions:
        guess, probabilities = int(logits.argmax()), probabilities_of(logits)
        texts = [example.choices[guess], example.context] if options.text else []
        yield [guess, ",".join(f"{probability:.6f}" for probability in probabilities), *texts]
