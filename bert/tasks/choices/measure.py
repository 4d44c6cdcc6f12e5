"""The accuracy of choices."""

from collections.abc import Sequence

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.choices.predict import probabilities_of
from bert.tasks.choices.read import Choices
from bert.tasks.mistakes import Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN
from bert.tasks.report import Evaluation


def baseline_of_choices(examples: Sequence[Choices], labels: Sequence[str], options: Options) -> Baseline:
    """The place that is right most often in training, of the places that an example has; of equals the first."""
    most = max(len(example.choices) for example in examples)
    counts = np.bincount([example.label or 0 for example in examples], minlength=most).astype(np.float32)

    def guess(example: Choices) -> np.ndarray:
        return np.pad(counts, (0, max(0, len(example.choices) - most)))[: len(example.choices)]

    return Baseline(f"always choice {counts.argmax()}", guess)


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
        Mistake(
            {"line": examples[index].line, "confidence": best[index],
             "true": examples[index].choices[examples[index].label or 0],
             "predicted": examples[index].choices[guesses[index]]},
            [marked(examples[index].context)],
        )
        for index in wrong[:WORST_SHOWN]
    ]  # fmt: skip
    return Evaluation(
        metrics,
        header=["line", "label", "prediction", "p(prediction)", *(["choice", "context"] if options.text else [])],
        rows=[
            [example.line, example.label, guess, probability,
             *([example.choices[guess], example.context] if options.text else [])]
            for example, guess, probability in zip(examples, guesses, best)
        ],
        sections=[worst("Most confidently wrong", mistakes)],
    )  # fmt: skip
