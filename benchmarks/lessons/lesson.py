"""A lesson: a question about BERT's recipe, and the trainings that answer it.

    Lesson -> contestants -> parts -> flags of train_pretrain.py

All contestants of a lesson train on the same texts, with the same seeds, for the same time. The first one is what the
others are compared with. Whatever a lesson changes is a flag, so a student can repeat it by hand.
"""

from dataclasses import dataclass

MINUTES, UPDATES = "minutes", "updates"  # what the contestants of a lesson have the same of


@dataclass(frozen=True)
class Part:
    """A run of train_pretrain.py, or, after the first part, its continuation by ``--resume``."""

    share: float  # of the contestant's minutes or updates
    flags: str  # beside those that all have; of a later part, what changes


@dataclass(frozen=True)
class Contestant:
    """A way to train."""

    name: str
    parts: tuple[Part, ...]
    # Peak learning rates, as multiples of the usual one. Of several, the held-out loss of another seed chooses one.
    rates: tuple[float, ...] = ()
    rate_of: str = ""  # the contestant whose choice is taken over; with a single rate, that multiple of the choice


@dataclass(frozen=True)
class Lesson:
    """A question, what was published about it, and who is compared."""

    question: str
    published: str  # what the paper or a later one found, with its figure
    source: str  # of that
    contestants: tuple[Contestant, ...]
    same: str = MINUTES
    fair: str = ""  # what a reader must know to judge the comparison
    task: bool = False  # the task is measured, too; that takes a quarter of a minute for each training
    reads_longer: bool = False  # the loss on texts of four times the length is shown
    judged_by: tuple[str, ...] = ()  # the losses of the summary, of tables.MEASURES; (): what all were trained to do

    @property
    def first(self) -> Contestant:
        """What the others are compared with."""
        return self.contestants[0]


def contestant(
    name: str, *parts: str | Part, share: float = 1.0, rates: tuple[float, ...] = (), rate_of: str = ""
) -> Contestant:
    """A contestant of one part, whose flags are given, or of several.

    >>> contestant("without", "--no-nsp").parts
    (Part(share=1.0, flags='--no-nsp'),)
    """
    found = tuple(Part(share, part) if isinstance(part, str) else part for part in parts or ("",))
    return Contestant(name, found, rates, rate_of)


DEFAULT = contestant("as by default")
