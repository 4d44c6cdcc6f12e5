"""The options of a task: the columns of its table, and how examples become inputs and predictions."""

from dataclasses import dataclass
from typing import NamedTuple

LONG_TEXTS = ("head", "tail", "head+tail", "windows")  # see long_texts.py
SUMMARY_SENTENCES = 3  # Liu 2019, section 3.3


class Columns(NamedTuple):
    """The columns of a table, by their names or by their numbers from 1."""

    text: str = "text"
    text_pair: str | None = None
    label: str = "label"
    header: bool = True  # whether the first row names the columns
    separator: str = ","  # between the labels of one example; JSON lines have a list instead
    has_damage: bool = False  # whether some published rows lack a field: they are skipped with a warning
    word: str | None = None  # of tagged words: a column's number, or a key of JSON lines; None: the file shows it
    tag: str | None = None  # of their tags
    is_table: bool | None = None  # whether a tagger's file is a table of texts, not of words; None: the file shows it


@dataclass(frozen=True)
class Options:
    """The options of all kinds of tasks; each kind heeds some of them."""

    max_length: int  # tokens of an input, special tokens included
    long_texts: str = "head"  # what to keep of a longer text, one of LONG_TEXTS
    workers: int = 1  # processes that tokenize
    separator: str = ","  # between the labels of one prediction
    class_weights: str | dict[str, float] | None = None  # "balanced", or a weight for each label
    summary_sentences: int = SUMMARY_SENTENCES  # the most sentences of a summary
    null_threshold: float | None = None  # how far "no answer" must lead; None: every question has an answer
    fitting_tags: bool = False  # whether tags mark entities, and predicted ones must fit together as BIO has it
