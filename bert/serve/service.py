"""What a server needs to know of a model: how it reads an input, predicts and answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bert.files.lines import Lines


class Item(NamedTuple):
    """An input that was read."""

    example: Any
    windows: Sequence[Any]  # the model's inputs for it; the length of each is in tokens

    @property
    def tokens(self) -> int:
        """How many tokens the model computes for it."""
        return sum(map(len, self.windows))


@dataclass(frozen=True)
class Service:
    """A model at work. ``read`` and ``answer`` may be called by many threads, ``predict`` by one."""

    run: str  # the name of the run
    kind: str  # what it answers, such as "tagging"
    example: dict[str, Any]  # an input, to show its keys
    # lines of JSON, each an input -> the inputs. InputError names the line that is no good
    read: Callable[[Lines], list[Item]]
    predict: Callable[[list[Item]], Sequence[Any]]  # a prediction for each
    answer: Callable[[Item, Any], dict[str, Any]]  # a prediction, as values for JSON

    @property
    def key_of_text(self) -> str | None:
        """The key of an input that is one text and nothing else. Such an input may be a plain string."""
        return next(iter(self.example)) if list(map(type, self.example.values())) == [str] else None
