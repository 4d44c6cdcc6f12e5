"""``--phases``: one run over sequences of several lengths, as the paper's. It has one schedule.

    --phases 128:900000,512:100000      900,000 updates of 128 tokens, then 100,000 of 512

Attention takes time and memory with the square of the length (appendix A.2). So most updates have short sequences, and
the last ones train the later position embeddings.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bert.training.flags import LARGEST, positive
from data.pretraining.batches import Update


class Phase(NamedTuple):
    """The updates that have sequences of one length."""

    max_length: int
    start: int  # its first update
    end: int  # the update after its last


def phases(text: str) -> list[Phase]:
    """The phases that ``--phases`` names.

    >>> phases("128:900,512:100")
    [Phase(max_length=128, start=0, end=900), Phase(max_length=512, start=900, end=1000)]

    Raises:
        ValueError: if the text names none.
    """
    found: list[Phase] = []
    for part in text.split(","):
        length, _, updates = part.partition(":")
        start = found[-1].end if found else 0
        found.append(Phase(positive(length), start, start + positive(updates)))
    return found


def phases_of(text: str | None, max_length: int) -> list[Phase]:
    """The phases that ``--phases`` names. Without it there is one, of ``max_length`` and without end."""
    return phases(text) if text else [Phase(max_length, 0, LARGEST)]


def checked_phases(text: str) -> str:
    """The text of ``--phases``, if it names phases."""
    try:
        updates = phases(text)[-1].end
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no list of lengths with updates, such as 128:900000,512:100000"
        ) from None
    if updates > LARGEST:
        raise argparse.ArgumentTypeError(f"{updates:,} updates are above {LARGEST:,}")
    return text


def phase_at(run: list[Phase], step: int) -> Phase:
    """The phase of update ``step``. After its last update a run is still in its last phase."""
    return next((phase for phase in run if step < phase.end), run[-1])


def updates_of(
    run: list[Phase], step: int, position: tuple[int, int, int] | None,
    updates_from: Callable[[int, int, tuple[int, int, int] | None], Iterable[Update]],
) -> Iterator[Update]:  # fmt: skip
    """The updates of a run from update ``step`` on, without end. Each new length begins a new pass over the corpus.

    Args:
        position: of update ``step``, in the batches of its phase.
        updates_from: takes the number of an update, a length, and a position. Gives updates without end.
    """
    while True:
        phase = phase_at(run, step)
        for update in updates_from(step, phase.max_length, position):
            yield update
            step, position = step + 1, update.position
            following = phase_at(run, step)
            if following != phase:
                if following.max_length != phase.max_length:
                    position = (position[0] + 1, 0, 0)
                break
