"""Texts to compare with, if a run names none: paragraphs of the documentation of Python's own library."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

from torch import nn

from bert.errors import InputError
from bert.generation.model import BertForConditionalGeneration
from bert.heads.choices import BertForMultipleChoice
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.choices.read import Choices
from bert.tasks.classification.read import Example
from bert.tasks.generation.read import Pair
from bert.tasks.relations.read import MarkedText
from bert.tasks.spans.read import Question
from bert.tasks.summaries.read import Document
from bert.tasks.tagging.sentence import TaggedSentence, words_of

MODULES = (
    "argparse", "collections", "configparser", "csv", "datetime", "decimal", "email.message", "fractions", "json",
    "logging", "pathlib", "random", "re", "shutil", "statistics", "string", "subprocess", "tempfile", "textwrap",
    "threading", "zipfile",
)  # fmt: skip


def built_in_texts(count: int) -> list[str]:
    """Different paragraphs of at least four words, in a fixed order. Evenly spaced ones, if there are more."""
    if not (texts := list(dict.fromkeys(_paragraphs()))):
        raise InputError(
            "Python runs without docstrings (-OO), so there are no texts to compare with; name --texts FILE"
        )
    return evenly_spaced(texts, count)


def evenly_spaced(items: Sequence[Any], count: int) -> list[Any]:
    """``count`` of the items, in order: a file may be sorted by label, so its first ones would not do.

    >>> evenly_spaced("abcdefgh", 4)
    ['a', 'c', 'e', 'g']
    """
    return [items[index * len(items) // count] for index in range(count)] if count < len(items) else list(items)


def _paragraphs() -> Iterator[str]:
    for name in MODULES:
        module = import_module(name)
        for member in [module, *_members(module, name)]:
            for part in (inspect.getdoc(member) or "").split("\n\n"):
                if ">>>" not in part and len(part.split()) > 3:
                    yield " ".join(part.split())


def _members(module: Any, name: str) -> Iterator[Any]:
    """The public classes and functions of a module, and their public methods."""
    for key, member in sorted(vars(module).items()):
        is_own = getattr(member, "__module__", None) == name and not key.startswith("_")
        if is_own and (inspect.isclass(member) or inspect.isroutine(member)):
            yield member
            if inspect.isclass(member):
                yield from (method for key, method in sorted(vars(member).items()) if not key.startswith("_"))


def _marked(line: int, texts: Sequence[str]) -> MarkedText:
    words = words_of(texts[0])
    return MarkedText(line, texts[0], words[0], words[-1], None)


# (line, a text and the two after it) -> an example without a label, of the kinds that do not read plain texts
_EXAMPLES: dict[type[nn.Module], Callable[[int, Sequence[str]], Any]] = {
    BertForTokenClassification: lambda line, texts: TaggedSentence(
        line, tuple(texts[0][start:end] for start, end in words_of(texts[0])), ()
    ),
    BertForQuestionAnswering: lambda line, texts: Question(line, None, texts[1][:80], texts[0], ()),
    BertForRelationExtraction: _marked,
    BertForMultipleChoice: lambda line, texts: Choices(line, texts[0], (texts[1], texts[2]), None),
    BertForExtractiveSummarization: lambda line, texts: Document(line, tuple(texts), (), ()),
    BertForConditionalGeneration: lambda line, texts: Pair(line, (texts[0],), texts[1]),
}


def built_in_examples(head: type[nn.Module], count: int, are_pairs: bool = False) -> list[Any]:
    """Examples of the built-in texts, as the kind with this head reads them, without labels.

    Args:
        are_pairs: whether the model reads pairs of texts.
    """
    texts = built_in_texts(count)
    make = _EXAMPLES.get(head, lambda line, texts: Example(line, texts[0], texts[1] if are_pairs else None, None))
    around = [*texts, *texts[:2]]
    return [make(line, around[line - 1 : line + 2]) for line in range(1, len(texts) + 1)]
