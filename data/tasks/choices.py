"""Contexts with choices, to train on, in JSON lines; their form and keys are those of ``bert.task_inputs.choices``."""

from collections.abc import Sequence
from pathlib import Path

import torch

from bert.task_inputs.choices import Choices, read_choices
from bert.tokenization.choice_inputs import pad_choices
from bert.tokenization.long_texts import ModelInput
from data.tasks.batches import Batch


def read_labelled_choices(path: str | Path) -> list[Choices]:
    """The examples of a file, each with the number of its right choice.

    Raises:
        InputError: where a line is not in the form, or a label is missing or the number of no choice.
    """
    return list(read_choices(path, labelled=True))


def choice_batch(inputs: Sequence[Sequence[ModelInput]], labels: Sequence[int], pad_token_id: int) -> Batch:
    """Examples as tensors: input_ids, token_type_ids, attention_mask (batch, choices, seq) and labels (batch,)."""
    padded = pad_choices(inputs, pad_token_id)
    return {name: torch.from_numpy(values) for name, values in padded.items()} | {"labels": torch.tensor(labels)}
