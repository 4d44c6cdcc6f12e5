"""IMDb's reviews, shared out: texts to pretrain on, labelled reviews to train on, and other reviews to measure on.

    unsup.txt   50,000 reviews -> texts, without those that are measured
    train.tsv   25,000 reviews -> a tenth, which is measured
                               -> the others: texts, too; so many of them, evenly spaced, with their labels: train

No measured review is in another file, not even as a copy of itself. Line breaks (``<br />``) become spaces.

Settings must not be chosen by the tenth. ``choosing`` leaves it out and measures 2,500 of the others in its place.
They have no labels to train on, and leave the texts as well.
"""

import os
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from bert.errors import InputError
from bert.files.tables import read_lines, tsv_line
from bert.tasks.classification.read import Example, hold_out, read_examples
from bert.tasks.options import Columns
from finetuning.known_tasks import KNOWN_TASKS, find_file

MEASURED_TO_CHOOSE = 2_500
Item = TypeVar("Item")


class Reviews(NamedTuple):
    """The three files."""

    texts: Path  # a review in each line
    train: Path  # tables with a label and a text
    measured: Path

    @classmethod
    def of(cls, folder: Path) -> "Reviews":
        """The files of a folder."""
        return cls(folder / "pretraining.txt", folder / "train.tsv", folder / "dev.tsv")


def split_reviews(imdb: Path, folder: Path, labelled: int | None = None, choosing: bool = False) -> Reviews:
    """Writes the three files to a folder.

    Args:
        imdb: the folder with train.tsv and unsup.txt, which may be compressed.
        labelled: how many reviews have their labels; None: all.
        choosing: see above.

    Raises:
        InputError: if a file is missing, or if no review is left to choose by.
    """
    files = Reviews.of(folder)
    reviews = read_reviews(find_file(imdb, "train.tsv"))
    others, measured = hold_out([review._replace(first=in_a_line(review.first)) for review in reviews])
    left_out = texts_of(measured)
    others = [review for review in others if review.first not in left_out]
    train = others if labelled is None else evenly_spaced(others, labelled)
    if choosing:
        trained_on = texts_of(train)
        unused = [review for review in others if review.first not in trained_on]
        if not unused:
            raise InputError(f"{imdb}: none of {len(others):,} reviews is left to choose by; name fewer --labelled")
        measured = evenly_spaced(unused, MEASURED_TO_CHOOSE)
        left_out |= texts_of(measured)
    write_table(files.train, train)
    write_table(files.measured, measured)
    unlabelled = (in_a_line(text) for _, text in read_lines(find_file(imdb, "unsup.txt")))
    with files.texts.open("w", encoding="utf-8") as file:
        for texts in ((review.first for review in others), unlabelled):
            file.writelines(f"{text}\n" for text in texts if text not in left_out)
    return files


def folder_of_imdb() -> Path:
    """The folder of IMDb's files. Ends the script if the environment does not name it."""
    if "BERT_DATA" not in os.environ:
        raise SystemExit("the environment variable BERT_DATA is not set; it names the folder that imdb/ is in")
    return Path(os.environ["BERT_DATA"], "imdb")


def read_reviews(path: Path) -> list[Example]:
    """The reviews of a table, in order."""
    return list(read_examples(path, KNOWN_TASKS["imdb"].columns or Columns()))


def evenly_spaced(items: list[Item], number: int) -> list[Item]:
    """So many of the items, or all if there are no more."""
    return [items[place] for place in np.linspace(0, len(items) - 1, min(number, len(items))).round().astype(int)]


def in_a_line(text: str) -> str:
    return " ".join(text.replace("<br />", " ").split())


def texts_of(reviews: list[Example]) -> set[str]:
    return {review.first for review in reviews}


def write_table(path: Path, examples: list[Example]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(map(tsv_line, [("label", "text"), *((each.label, each.first) for each in examples)]))
