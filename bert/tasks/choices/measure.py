"""The accuracy of choices."""

from collections.abc import Sequence

import numpy as np

from bert.tasks.choices.predict import probabilities_of
from bert.tasks.choices.read import Choices
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, table
from bert.tasks.report import Evaluation


def measure_choices(
    examples: Sequence[Choices],
    predictions: Sequence[np.ndarray],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """The accuracy; in full also the predictions and the worst mistakes."""
    guesses = [int(logits.argmax()) for logits in predictions]
    right = [guess == example.label for example, guess in zip(examples, guesses)]
    metrics = {"accuracy": sum(right) / len(right)}
    if not in_full:
        return Evaluation(metrics)
    best = [max(probabilities_of(logits)) for logits in predictions]
    wrong = sorted((index for index, is_right in enumerate(right) if not is_right), key=lambda index: -best[index])
    mistakes = [
        [f"{best[index]:.3f}", examples[index].line, examples[index].choices[examples[index].label or 0],
         examples[index].choices[guesses[index]], examples[index].context[:1_000]]
        for index in wrong[:WORST_SHOWN]
    ]  # fmt: skip
    return Evaluation(
        metrics,
        header=["line", "label", "prediction", "p(prediction)", "choice"],
        rows=[
            [example.line, example.label, guess, probability, example.choices[guess]]
            for example, guess, probability in zip(examples, guesses, best)
        ],
        sections=[
            ("Most confidently wrong", table(["confidence", "line", "label", "prediction", "context"], mistakes))
        ],
    )
