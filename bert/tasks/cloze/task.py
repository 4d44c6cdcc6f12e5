"""Fine-tuning on cloze questions, with unlabelled texts beside them or without."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.cloze import BertForCloze
from bert.heads.loss import IGNORE_INDEX, Loss
from bert.tasks.classification.predict import LabelScores
from bert.tasks.classification.read import SINGLE, Example, label_ids
from bert.tasks.cloze.verbalizer import Verbalizer
from bert.tasks.task import Row, Task, TaskSet
from bert.tasks.windows import Window

UNLABELLED_PER_ROW = 3  # Schick and Schütze 2021, section 4.1: 4 labelled and 12 unlabelled texts in a batch


@dataclass(frozen=True, kw_only=True)
class MaskedWindow(Window):
    """An unlabelled text with masked tokens."""

    selected: Sequence[int] = ()  # the masked tokens
    masked_labels: Sequence[int]  # the pieces behind them


class ClozeTask(Task):
    """Each pattern of an example is a training row, with the longest blank. All patterns train one model."""

    head_name = None  # the masked language model's head comes from the checkpoint
    unlabelled: str | None = None  # a digest of the unlabelled texts

    def targets(self, examples: Sequence[Example], source: str) -> np.ndarray:
        """(examples,) int64 label ids."""
        try:
            return label_ids(examples, self.labels, SINGLE, source)
        except InputError as error:
            patterns = self.options.patterns
            where = patterns.source if patterns else "the patterns"
            raise InputError(f"{error}; give each label its words in {where}, or leave the rows out") from None

    @property
    def model_arguments(self) -> dict[str, Any]:
        return {"labels": self.labels, "masked_lm_weight": self.options.masked_lm_weight}

    def prepare(self) -> None:
        first: Any = self.rows[0].windows[0]
        self.verbalizer: Verbalizer = first.verbalizer  # the same for all windows

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        for row in super().make_rows(part):
            window: Any = row.windows[0]
            if len(window.selected) == window.verbalizer.most_pieces:
                yield row

    @property
    def identity(self) -> dict[str, Any]:
        patterns = self.options.patterns
        known = {} if patterns is None else {"patterns": list(patterns.texts), "words": repr(patterns.words)}
        return known | {"unlabelled texts": self.unlabelled}

    def add_unlabelled(self, texts: Sequence[MaskedWindow]) -> None:
        """Puts three unlabelled texts beside each training row. Rows are repeated until each text had its turn."""
        rows = max(len(self.rows), -(-len(texts) // UNLABELLED_PER_ROW))
        turns = np.arange(UNLABELLED_PER_ROW * rows).reshape(rows, UNLABELLED_PER_ROW) % len(texts)
        digest, labelled = hashlib.sha256(), self.rows
        for text in texts:
            digest.update(text.input_ids.tobytes() + repr(text.masked_labels).encode())
        self.unlabelled = digest.hexdigest()
        self.rows = [
            Row((*row.windows, *(texts[index] for index in turn)), row.target)
            for row, turn in zip(itertools.cycle(labelled), turns)
        ]

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """What ``BertForCloze.losses`` takes."""
        blanks, masked_labels, selected = [], [], 0
        for window in (window for row in rows for window in row.windows):
            count = len(window.selected or ())
            if isinstance(window, MaskedWindow):
                masked_labels += window.masked_labels
            else:
                blanks.append(range(selected, selected + count))
                masked_labels += [IGNORE_INDEX] * count
            selected += count
        labels = {
            "labels": np.array([row.target for row in rows]),
            "blanks": np.array(blanks),
            "words": self.verbalizer.table,
            "label_of_word": np.array(self.verbalizer.label_of_word),
        }
        return labels | {"masked_labels": np.array(masked_labels)} if len(rows[0].windows) > 1 else labels

    def losses(self, model: BertForCloze, targets: np.ndarray, predictions: Sequence[LabelScores]) -> dict[str, Loss]:
        scores = torch.from_numpy(np.stack([each.logits for each in predictions]))
        return {"cloze": model.loss(scores, torch.from_numpy(targets), self.verbalizer.most_pieces > 1)}
