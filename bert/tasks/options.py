"""The options of a task: the columns of its table, and how examples become inputs and predictions."""

from dataclasses import dataclass
from typing import NamedTuple

from bert.generation.decoding import Decoding
from bert.tokenization.tokenizer import Tokenizer

LONG_TEXTS = ("head", "tail", "head+tail", "windows")  # see long_texts.py
BAD_ROWS = ("stop", "skip")  # see bert/files/bad_rows.py
MASKED_LM_WEIGHT = 1e-4  # Schick and Schütze 2021, section 4.1
SUMMARY_SENTENCES = 3  # Liu 2019, section 3.3
HISTORY = 3  # turns


class Columns(NamedTuple):
    """The columns of a table, by their names or by their numbers from 1, and how it is read."""

    text: str = "text"
    text_pair: str | None = None
    label: str | tuple[str, ...] = "label"  # several columns hold 0 or 1; their names are the labels of multi-label
    header: bool = True  # whether the first row names the columns
    separator: str = ","  # between the labels of one example; JSON lines have a list instead
    bad_rows: str = "stop"  # what to do about rows that cannot be used, one of BAD_ROWS
    no_label: str | None = None  # a row with this label has none, and is bad
    loose_tabs: bool = False  # whether tabs separate fields whatever the file's name, and rows may have further fields
    word: str | None = None  # of tagged words: a column's number, or a key of JSON lines; None: the file shows it
    tag: str | None = None  # of their tags
    is_table: bool | None = None  # whether a tagger's file is a table of texts, not of words; None: the file shows it
    targets: str | None = None  # a plain file with the target of each line of the sources' file
    history: int = HISTORY  # of a dialogue: the most turns before a reply that are its source
    query: str = "query"  # in retrieval: of the queries; ``text`` is the text that answers one
    negatives: str | None = None  # of texts that do not answer it; None: "negatives", in JSON lines that have it


class Patterns(NamedTuple):
    """Patterns with a blank, and the words of each label (``bert/tasks/cloze/patterns.py``)."""

    source: str  # their file, for messages
    texts: tuple[str, ...]  # such as "{text} It was [MASK]."
    words: dict[str, tuple[str, ...]]  # by label


@dataclass(frozen=True)
class Writing:
    """How targets are read, and outputs written."""

    tokenizer: Tokenizer  # of targets; sources may have another
    max_length: int  # the most tokens of a target, [CLS] and [SEP] included
    decoding: Decoding


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
    text: bool = True  # whether the texts stand beside their predictions in a file
    fitting_tags: bool = False  # whether tags mark entities, and predicted ones must fit together as BIO has it
    patterns: Patterns | None = None  # of cloze questions
    pool: str = "cls"  # what a new classifier or vector is made of, see bert/heads/pooling.py
    masked_lm_weight: float = MASKED_LM_WEIGHT  # of unlabelled texts' loss beside theirs
    writing: Writing | None = None  # in generation
    score_range: tuple[float, float] = (0.0, 1.0)  # the lowest and the highest score of similarity's training file
    temperature: float = 1.0  # of retrieval's loss
