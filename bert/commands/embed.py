"""``python -m bert embed``: a vector for each text, from chosen layers."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.commands.reading import check_segments, first_checked, reading_of
from bert.errors import InputError
from bert.files.whole import atomic_file
from bert.heads.batch import Batch
from bert.model.bert import BertModel
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Options
from bert.tasks.prediction import EXAMPLES_AT_A_TIME, window_scores
from bert.tokenization.tokenizer import Tokenizer


def embed_file(
    run: str | Path,
    path: str | Path,
    output: str | Path,
    given: dict[str, Any],
    pooling: str,
    layers: Sequence[int],
    device: str | torch.device = "cpu",
) -> tuple[int, ...]:
    """Writes each text's vector to an ``.npy`` file, float32. Texts are streamed, in order.

    Returns the array's shape: (texts, hidden_size). With several layers it is (texts, layers, hidden_size).
    """
    columns, options, _ = reading_of(run, path, given)
    check_segments(run, are_pairs=columns.text_pair is not None)
    texts = first_checked(read_examples(path, columns, labelled=False))
    model = load_checkpoint(run, BertModel, with_pooler=False).to(device)
    tokenizer = load_tokenizer(run)
    check_vocabulary_fits(tokenizer, model.config, run)
    vectors = embed(model, tokenizer, texts, options, pooling, layers)
    shape = (model.config.hidden_size,) if len(layers) == 1 else (len(layers), model.config.hidden_size)
    count = 0
    with atomic_file(output) as file:
        _write_npy_header(file, (0, *shape))
        begin = file.tell()
        for vector in vectors:
            file.write(np.ascontiguousarray(vector, np.float32).tobytes())
            count += 1
        file.seek(0)  # only now the count is known; numpy leaves room for it in the header
        _write_npy_header(file, (count, *shape))
        if file.tell() != begin:
            raise RuntimeError("the header of an .npy file grew with the number of rows")
    return (count, *shape)


def embed(
    model: BertModel,
    tokenizer: Tokenizer,
    texts: Iterable[Example],
    options: Options,
    pooling: str = "mean",
    layers: Sequence[int] = (-1,),
) -> Iterator[np.ndarray]:
    """A vector for each text or pair, streamed. Of several windows it is the mean.

    It is (hidden_size,) float32 for a single layer, else (layers, hidden_size).

    Args:
        pooling: "mean" over all tokens, with [CLS] and [SEP] (Reimers & Gurevych 2019, section 3), or "cls".
        layers: 0 the embeddings, 1 the first layer, -1 the last.

    Raises:
        InputError: if the model has no such layer.
    """
    number = model.config.num_hidden_layers
    for layer in layers:
        if not -number - 1 <= layer <= number:
            raise InputError(f"--layers {layer}: 0 (the embeddings) to {number}, or from the end -1, -2, ...")
    only_last = tuple(layers) == (-1,)  # then the states of the other layers need not be kept

    def score(batch: Batch) -> Tensor:
        output = model(
            batch.input_ids, batch.token_type_ids, sequences=batch.sequences, return_hidden_states=not only_last
        )
        states = [output.last_hidden_state] if only_last else [output.hidden_states[layer] for layer in layers]
        return pool(torch.stack(states, dim=1), batch, pooling)

    texts = iter(texts)
    while chunk := list(islice(texts, EXAMPLES_AT_A_TIME)):
        windows = text_inputs(tokenizer, chunk, options).windows
        for parts in window_scores(model, windows, score):
            vectors = np.concatenate(parts).mean(axis=0)  # (layers, hidden_size)
            yield vectors[0] if len(layers) == 1 else vectors


def pool(states: Tensor, batch: Batch, pooling: str) -> Tensor:
    """(tokens, layers, hidden_size) -> (sequences, layers, hidden_size)"""
    if pooling == "cls":
        return states.index_select(0, batch.sequences.first)
    lengths = batch.sequences.lengths
    sequence_of_token = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    sums = states.new_zeros(len(lengths), *states.shape[1:]).index_add_(0, sequence_of_token, states)
    return sums / lengths[:, None, None]


def _write_npy_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
