"""Vectors for texts: the states of chosen layers, averaged over a text's tokens or taken at [CLS]."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from bert.errors import InputError
from bert.model.bert import BertModel
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.tokenization.long_texts import fit_texts, pad_inputs


@torch.inference_mode()
def embed(
    model: BertModel, tokenizer, texts: Iterable[tuple[str, str | None]], max_length: int, long_texts: str = "head",
    pooling: str = "mean", layers: Sequence[int] = (-1,), most_tokens: int | None = None,
) -> Iterator[np.ndarray]:  # fmt: skip
    """A vector for each text (or pair), as they come.

    Args:
        texts: (first, second) each, second None in all or in none.
        max_length, long_texts: see ``fit_texts``; of a text in several windows the mean of their vectors.
        pooling: "mean" of the states of all its tokens, [CLS] and [SEP] among them (Reimers & Gurevych 2019, section
            3), or that of "cls" alone.
        layers: whose states: 0 the embeddings, 1 the first layer, -1 the last.
        most_tokens: of a batch; None: see ``tokens_at_once``.

    Returns:
        (hidden_size,) float32 for a single layer, else (layers, hidden_size).

    Raises:
        InputError: where the model has no such layer.
    """
    number = model.config.num_hidden_layers
    for layer in layers:
        if not -number - 1 <= layer <= number:
            raise InputError(f"--layers {layer}: 0 (the embeddings) to {number}, or from the end -1, -2, ...")
    only_last = tuple(layers) == (-1,)  # for which the others need not be kept
    model.eval()
    device = model.embeddings.word_embeddings.weight.device
    texts = iter(texts)
    while chunk := list(islice(texts, TEXTS_AT_A_TIME)):
        firsts, seconds = zip(*chunk)
        inputs = fit_texts(tokenizer, firsts, None if seconds[0] is None else seconds, max_length, long_texts).inputs
        windows = [(text, window) for text, parts in enumerate(inputs) for window in parts]
        lengths = [len(window.input_ids) for _, window in windows]
        vectors = torch.zeros(len(chunk), len(layers), model.config.hidden_size)
        for numbers in batches_by_length(lengths, most_tokens or tokens_at_once(model)):
            places, batch = zip(*(windows[number] for number in numbers))
            arrays = pad_inputs(batch, tokenizer.pad_token_id)
            tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
            mask = tensors.pop("attention_mask")
            needed_mask = None if arrays["attention_mask"].all() else mask  # attention is faster without
            output = model(**tensors, attention_mask=needed_mask, return_hidden_states=not only_last)
            states = {-1: output.last_hidden_state} if only_last else output.hidden_states
            chosen = torch.stack([states[layer] for layer in layers], dim=1)  # (batch, layers, seq, hidden_size)
            if pooling == "cls":
                pooled = chosen[:, :, 0]
            else:
                mask = mask[:, None, :, None]
                pooled = (chosen * mask).sum(dim=2) / mask.sum(dim=2)
            vectors.index_add_(0, torch.tensor(places), pooled.float().cpu())
        vectors /= torch.tensor([len(parts) for parts in inputs])[:, None, None]
        yield from (vectors[:, 0] if len(layers) == 1 else vectors).numpy()
