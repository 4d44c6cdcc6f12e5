"""The best of several choices, in the order of the texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from bert.heads.multiple_choice import BertForMultipleChoice
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.task_inputs.choices import Choices
from bert.tokenization.choice_inputs import choice_inputs, pad_choices
from bert.tokenization.long_texts import ModelInput


@torch.inference_mode()
def choice_logits(
    model: BertForMultipleChoice, examples: Sequence[Sequence[ModelInput]], pad_token_id: int,
    most_tokens: int | None = None,
) -> Tensor:  # fmt: skip
    """The scores of the choices; they go through the model in the order of their choices' number and length.

    Args:
        examples: the inputs of each example's choices.

    Returns:
        (examples, choices) float32, on the CPU; minus infinity where an example has fewer choices than the most.
    """
    model.eval()
    device = model.classifier.weight.device
    lengths = [max(len(row.input_ids) for row in inputs) for inputs in examples]
    choices = [len(inputs) for inputs in examples]
    logits = torch.full((len(examples), max(map(len, examples), default=0)), -torch.inf)
    for places in batches_by_length(lengths, most_tokens or tokens_at_once(model), choices):
        arrays = pad_choices([examples[place] for place in places], pad_token_id)
        scores = model.scores(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
        logits[places, : scores.shape[1]] = scores.float().cpu()
    return logits


def predict_choices(
    model: BertForMultipleChoice, tokenizer, examples: Iterable[Choices], max_length: int, long_texts: str = "head",
    most_tokens: int | None = None,
) -> Iterator[list[float]]:  # fmt: skip
    """The probability of each choice of each example, as they come."""
    examples = iter(examples)
    while chunk := list(islice(examples, TEXTS_AT_A_TIME)):
        inputs = [
            choice_inputs(tokenizer, example.context, example.choices, max_length, long_texts).inputs
            for example in chunk
        ]
        logits = choice_logits(model, inputs, tokenizer.pad_token_id, most_tokens)
        for example, probabilities in zip(chunk, logits.softmax(dim=-1).tolist()):
            yield probabilities[: len(example.choices)]
