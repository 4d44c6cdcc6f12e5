"""Fine-tuning on sources and their targets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bert.generation.batch import generation_batch
from bert.generation.decoding import Decoding
from bert.generation.model import BertForConditionalGeneration
from bert.heads.batch import Batch
from bert.heads.loss import Loss
from bert.tasks.generation.inputs import target_ids
from bert.tasks.generation.predict import Written, cross_attention, foretell, write_outputs, writing_of
from bert.tasks.generation.read import Pair
from bert.tasks.task import Task, TaskSet

LOOKED_AT = 3  # outputs whose cross-attention the report shows, the first ones of each set


class GenerationTask(Task):
    """Each pair is a training row.

    While the run trains, outputs of the validation set are written greedily, which is fastest. The report's outputs
    follow the settings of decoding.
    """

    head_name = None
    is_last = False  # whether the next evaluations are the report's

    def targets(self, examples: Sequence[Pair], source: str) -> list[np.ndarray]:
        """Of each pair the ids of its target, (seq,) int32."""
        writing = writing_of(self.options)
        targets, cut = target_ids(writing, examples, source, self.options.workers)
        if cut:
            self.notes.append(
                f"{cut:,} of the {len(examples):,} targets of {source} are longer than {writing.max_length} tokens and "
                f"lose their ends; see --max-target-length."
            )
        return targets

    @property
    def model_arguments(self) -> dict[str, Any]:
        return {}

    @property
    def identity(self) -> dict[str, Any]:
        return {"target vocabulary": writing_of(self.options).tokenizer.fingerprint}

    def row_lengths(self) -> list[int]:
        """The tokens that the encoder and the decoder compute for each row."""
        return [len(row.windows[0]) + len(row.target) - 1 for row in self.rows]

    def make_batch(self, indices: np.ndarray) -> Batch:
        rows = [self.rows[index] for index in indices]
        windows = [row.windows[0] for row in rows]
        return generation_batch(
            [window.input_ids for window in windows],
            [window.token_type_ids for window in windows],
            [row.target for row in rows],
        )

    def before_report(self) -> None:
        self.is_last = True

    def predict(self, model: BertForConditionalGeneration, part: TaskSet, indices: Sequence[int]) -> list[Written]:
        writing = writing_of(self.options)
        windows, targets = [part.windows[index] for index in indices], [part.targets[index] for index in indices]
        only = [each[0] for each in windows]
        options = self.options
        if not self.is_last:
            decoding = Decoding(max_length=writing.decoding.max_length)
            options = replace(options, writing=replace(writing, decoding=decoding))
        written = write_outputs(model, windows, options, indices)
        written = [replace(each, foretold=how) for each, how in zip(written, foretell(model, only, targets))]
        if not self.is_last:
            return written
        count = len(part.windows)
        # Half of the set away: the next pair of a dialogue has this target in its source.
        others = [part.windows[(index + (count + 1) // 2) % count][0] for index in indices]
        mixed = foretell(model, others, targets)
        written = [replace(each, with_other_source=how) for each, how in zip(written, mixed)]
        return [
            replace(each, attention=cross_attention(model, window, self.tokenizer, writing, each.text))
            if index < LOOKED_AT
            else each
            for index, window, each in zip(indices, only, written)
        ]

    def losses(
        self, model: BertForConditionalGeneration, targets: Sequence[np.ndarray], predictions: Sequence[Written]
    ) -> dict[str, Loss]:
        found = [each.foretold for each in predictions if each.foretold is not None]
        total = torch.tensor(sum(each.loss for each in found), dtype=torch.float64)
        return {
            "generation": Loss(
                total,
                torch.tensor(sum(each.count for each in found)),
                torch.tensor(sum(each.right for each in found)),
            )
        }
