"""The checkpoints that a pretraining run has kept, and its curve: what the page replays.

``train_pretrain.py --keep-checkpoints N`` keeps them in ``checkpoints/step-N/``, each with a configuration and weights.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from bert.errors import InputError
from bert.files.schema import is_number
from bert.training.reporting import read_log

# What the page draws below its slider.
CURVES = (
    "masked_lm_loss", "heldout_masked_lm_loss", "unigram_masked_lm_loss", "next_sentence_accuracy",
    "heldout_next_sentence_accuracy",
)  # fmt: skip
MOST_POINTS = 400  # of a curve: more than a screen can show apart


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint, and the update after which it was kept."""

    step: int
    directory: Path


def kept_checkpoints(run: str | Path) -> list[KeptCheckpoint]:
    """A run's kept checkpoints, the earliest first, and at the end the run's own model.

    Raises an InputError if none was kept.
    """
    run = Path(run)
    found = [(re.fullmatch(r"step-(\d+)", path.name), path) for path in run.glob("checkpoints/step-*")]
    kept = [KeptCheckpoint(int(match[1]), path) for match, path in found if match and (path / "config.json").exists()]
    if not kept:
        raise InputError(
            f"{run}: holds no kept checkpoints (checkpoints/step-N), which a replay needs; train with "
            f"train_pretrain.py --keep-checkpoints 10, or leave out --replay"
        )
    kept.sort(key=lambda checkpoint: checkpoint.step)
    last = max((line["step"] for line in _log(run)), default=kept[-1].step)
    # The run's own model is the last one. Of an equal one that was kept, it takes the place.
    return [checkpoint for checkpoint in kept if checkpoint.step < last] + [KeptCheckpoint(last, run)]


def curves(run: str | Path) -> dict[str, list[tuple[int, float]]]:
    """The points (step, value) of each curve of a run's log. Of a long log each point is a mean of several."""
    lines = _log(Path(run))
    found = {}
    for key in CURVES:
        points = [(line["step"], line[key]) for line in lines if is_number(line.get(key))]
        if points:
            found[key] = thinned(points, MOST_POINTS)
    return found


def thinned(points: list[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most so many points: means of neighbours.

    >>> thinned([(1, 4.0), (2, 2.0), (3, 3.0)], 2)
    [(2, 3.0), (3, 3.0)]
    """
    size = -(-len(points) // most)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _log(run: Path) -> list[dict]:
    return read_log(run / "log.jsonl")
