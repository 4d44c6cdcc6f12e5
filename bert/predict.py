"""Predictions for texts: their classes with probabilities, or their numbers; streamed, in the order of the texts."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from bert.heads.sequence import BertForSequenceClassification
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.tokenization.long_texts import ModelInput, fit_texts, pad_inputs


@torch.inference_mode()
def pooled_logits(
    model: BertForSequenceClassification, inputs: Sequence[Sequence[ModelInput]], pad_token_id: int,
    most_tokens: int | None = None,
) -> Tensor:  # fmt: skip
    """The scores of texts that each are one input or, in windows, several: then the mean of its windows' scores.

    Inputs of about one length go through the model together, so that little is computed on padding.

    Args:
        inputs: for each text its inputs, as ``fit_texts`` makes them.
        most_tokens: of a batch; None: see ``tokens_at_once``.

    Returns:
        (texts, labels) float32, on the CPU.
    """
    model.eval()
    device = model.classifier.weight.device
    windows = [(text, window) for text, parts in enumerate(inputs) for window in parts]
    lengths = [len(window.input_ids) for _, window in windows]
    sums = torch.zeros(len(inputs), len(model.labels))
    for numbers in batches_by_length(lengths, most_tokens or tokens_at_once(model)):
        texts, batch = zip(*(windows[number] for number in numbers))
        arrays = {name: torch.from_numpy(array) for name, array in pad_inputs(batch, pad_token_id).items()}
        logits = model.scores(**{name: tensor.to(device) for name, tensor in arrays.items()})
        sums.index_add_(0, torch.tensor(texts), logits.float().cpu())
    return sums / torch.tensor([len(parts) for parts in inputs]).unsqueeze(1)


def predict(
    model: BertForSequenceClassification, tokenizer, texts: Iterable[tuple[str, str | None]], max_length: int,
    long_texts: str = "head", most_tokens: int | None = None,
) -> Iterator[list[float]]:  # fmt: skip
    """The probability of each label (or, in a regression, the number) for each text or pair, as they come.

    Args:
        texts: (first, second) each, second None in all or in none.
        max_length, long_texts: see ``fit_texts``.
        most_tokens: see ``pooled_logits``.
    """
    texts = iter(texts)
    while chunk := list(islice(texts, TEXTS_AT_A_TIME)):
        firsts, seconds = zip(*chunk)
        inputs = fit_texts(tokenizer, firsts, None if seconds[0] is None else seconds, max_length, long_texts).inputs
        yield from model.probabilities(pooled_logits(model, inputs, tokenizer.pad_token_id, most_tokens)).tolist()


def chosen_labels(
    probabilities: Sequence[float], labels: Sequence[str], problem_type: str, separator: str = ","
) -> str:
    """What a row of probabilities says, in words: the label, the labels of more than a half, or the number."""
    if problem_type == "regression":
        return f"{probabilities[0]:.6g}"
    if problem_type == "multi_label_classification":
        return separator.join(label for label, probability in zip(labels, probabilities) if probability > 0.5)
    return labels[max(range(len(labels)), key=probabilities.__getitem__)]


def prediction_header(labels: Sequence[str], problem_type: str) -> list[str]:
    """The names of the columns of ``prediction_row``."""
    return ["prediction"] if problem_type == "regression" else ["prediction", *(f"p({label})" for label in labels)]


def prediction_row(
    probabilities: Sequence[float], labels: Sequence[str], problem_type: str, separator: str = ","
) -> list:
    """The prediction in words, then the probability of each label."""
    chosen = chosen_labels(probabilities, labels, problem_type, separator)
    return [chosen] if problem_type == "regression" else [chosen, *probabilities]
