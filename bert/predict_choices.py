"""The best of several choices, in the order of the texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from bert.heads.multiple_choice import BertForMultipleChoice
from bert.predict import TEXTS_AT_A_TIME
from bert.task_inputs.choices import Choices
from bert.tokenization.choice_inputs import choice_inputs, pad_choices
from bert.tokenization.long_texts import ModelInput


@torch.inference_mode()
def choice_logits(
    model: BertForMultipleChoice, examples: Sequence[Sequence[ModelInput]], pad_token_id: int, batch_size: int = 16
) -> Tensor:
    """The scores of the choices; examples of as many choices and about one length go through the model together.

    Args:
        examples: the inputs of each example's choices.

    Returns:
        (examples, choices) float32, on the CPU; minus infinity where an example has fewer choices than the most.
    """
    model.eval()
    device = model.classifier.weight.device
    order = sorted(range(len(examples)), key=lambda place: _size(examples[place]))
    logits = torch.full((len(examples), max(map(len, examples), default=0)), -torch.inf)
    for first in range(0, len(order), batch_size):
        places = order[first : first + batch_size]
        arrays = pad_choices([examples[place] for place in places], pad_token_id)
        scores = model.scores(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
        logits[places, : scores.shape[1]] = scores.float().cpu()
    return logits


def _size(inputs: Sequence[ModelInput]) -> tuple[int, int]:
    return len(inputs), max(len(row.input_ids) for row in inputs)


def predict_choices(
    model: BertForMultipleChoice, tokenizer, examples: Iterable[Choices], max_length: int, long_texts: str = "head",
    batch_size: int = 16,
) -> Iterator[list[float]]:  # fmt: skip
    """The probability of each choice of each example, as they come."""
    examples = iter(examples)
    while chunk := list(islice(examples, TEXTS_AT_A_TIME)):
        inputs = [
            choice_inputs(tokenizer, example.context, example.choices, max_length, long_texts).inputs
            for example in chunk
        ]
        logits = choice_logits(model, inputs, tokenizer.pad_token_id, batch_size)
        for example, probabilities in zip(chunk, logits.softmax(dim=-1).tolist()):
            yield probabilities[: len(example.choices)]
