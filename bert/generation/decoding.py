"""How an output is written: the settings of decoding.

greedy          the most probable next piece, each time (``greedy.py``)
beam search     several outputs side by side; the most probable whole one is taken (``beam_search.py``)
sampling        a random next piece, the probable ones more often (``sampling.py``)
"""

import math
from dataclasses import dataclass

from bert.config import LARGEST
from bert.errors import InputError

MOST_BEAMS = 1_000  # more would take gigabytes
LENGTH_PENALTY = 0.6  # Rothe et al. 2020, section 3.2, with 4 beams


@dataclass(frozen=True)
class Decoding:
    """The settings of decoding. Lengths count the pieces of an output without ``[CLS]`` and ``[SEP]``.

    Raises:
        InputError: if a value is out of its range, or would be without effect beside the others.
    """

    max_length: int = 64  # the most pieces
    min_length: int = 0  # the fewest pieces
    no_repeat_ngram: int = 0  # no run of so many pieces comes twice; 0: any may
    beams: int = 1  # outputs side by side; 1: greedy
    length_penalty: float | None = None  # of several beams: how much long outputs gain; None: LENGTH_PENALTY
    sample: bool = False  # whether pieces are drawn at random
    temperature: float | None = None  # of sampling: below 1 the probable pieces gain, above 1 the others; None: 1
    top_p: float | None = None  # of sampling: only the most probable pieces, of so much probability; None: all
    seed: int | None = None  # of sampling: names the random numbers; None: 0

    def __post_init__(self):
        for name, least, most in (
            ("max_length", 1, LARGEST), ("min_length", 0, LARGEST), ("no_repeat_ngram", 0, LARGEST),
            ("beams", 1, MOST_BEAMS),
        ):  # fmt: skip
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise InputError(f"{name} is {value!r}; a whole number from {least} to {most:,} was expected")
        for name, fits, expected in (
            ("length_penalty", math.isfinite, "a finite number"),
            ("temperature", lambda value: 0 < value < math.inf, "a positive number"),
            ("top_p", lambda value: 0 < value <= 1, "a share of the probability, above 0 and up to 1,"),
            ("seed", lambda value: type(value) is int, "a whole number"),
        ):
            value = getattr(self, name)
            if value is not None and not (type(value) in (int, float) and fits(value)):
                raise InputError(f"{name} is {value!r}; {expected} was expected")
        self._check_together()

    def _check_together(self) -> None:
        if self.min_length > self.max_length:
            raise InputError(
                f"min_length is {self.min_length} and max_length {self.max_length}; the minimum must not be larger"
            )
        if self.sample and self.beams > 1:
            raise InputError(
                f"sample is on and beams is {self.beams}, but a random output has no beams; give one of the two"
            )
        if self.length_penalty is not None and self.beams == 1:
            raise InputError(
                f"length_penalty is {self.length_penalty}, but one beam compares no lengths; raise beams, or leave it "
                "out"
            )
        for name in ("temperature", "top_p", "seed"):
            if getattr(self, name) is not None and not self.sample:
                raise InputError(
                    f"{name} is {getattr(self, name)}, but nothing is drawn at random: sample is off; turn it on, or "
                    f"leave {name} out"
                )

    def check_positions(self, positions: int) -> None:
        """Raises an InputError unless a decoder with so many position embeddings can write ``max_length`` pieces."""
        if self.max_length + 1 > positions:  # it reads [CLS] and all pieces, and writes [SEP] after the last
            raise InputError(
                f"max_length is {self.max_length}, but the decoder has {positions} positions, one of them for [CLS]; "
                f"use at most {positions - 1}"
            )
