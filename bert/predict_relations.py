"""The relation between the two marked entities of texts, in the order of the texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from bert.errors import InputError
from bert.heads.relation import BertForRelationExtraction
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.task_inputs.marked_texts import MarkedText
from bert.tokenization.entity_markers import MarkedInput, marked_input, pad_marked


def marked_inputs(tokenizer, texts: Sequence[MarkedText], max_length: int, source: str) -> list[MarkedInput]:
    """The inputs of texts.

    Raises:
        InputError: where an entity has no piece, or the two are too long; it names the line.
    """
    inputs = []
    for text in texts:
        try:
            inputs.append(marked_input(tokenizer, text.text, text.first, text.second, max_length))
        except InputError as error:
            raise InputError(f"{source}: line {text.line}: {error}") from None
    return inputs


@torch.inference_mode()
def relation_logits(
    model: BertForRelationExtraction, inputs: Sequence[MarkedInput], pad_token_id: int, most_tokens: int | None = None
) -> Tensor:
    """(texts, labels) float32, on the CPU: the scores of the relations; inputs of about one length go together."""
    model.eval()
    device = model.classifier.weight.device
    lengths = [len(marked.input.input_ids) for marked in inputs]
    logits = torch.empty(len(inputs), len(model.labels))
    for places in batches_by_length(lengths, most_tokens or tokens_at_once(model)):
        arrays = pad_marked([inputs[place] for place in places], pad_token_id)
        batch = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        logits[places] = model.scores(**batch).float().cpu()
    return logits


def predict_relations(
    model: BertForRelationExtraction, tokenizer, texts: Iterable[MarkedText], max_length: int, source: str,
    most_tokens: int | None = None,
) -> Iterator[list[float]]:  # fmt: skip
    """The probability of each relation for each text, as they come; ``source`` is what errors call the texts."""
    texts = iter(texts)
    while chunk := list(islice(texts, TEXTS_AT_A_TIME)):
        inputs = marked_inputs(tokenizer, chunk, max_length, source)
        yield from relation_logits(model, inputs, tokenizer.pad_token_id, most_tokens).softmax(dim=-1).tolist()
