"""``python -m bert embed``: a vector for each text, from chosen layers.

In a directory of sentence-transformers, its own length, pooling and further modules make the vectors.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn

from bert.adaptation.loading import source_of
from bert.checkpoints.directory import load_config
from bert.checkpoints.sentence_transformers import as_modules_say, read_sentence_modules, width_of
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.eight_bits import in_eight_bits
from bert.commands.reading import check_segments, first_checked, reading_of
from bert.errors import InputError
from bert.files.whole import atomic_file
from bert.heads.batch import Batch
from bert.model.bert import BertModel
from bert.model.sequences import Sequences
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Options
from bert.tasks.prediction import EXAMPLES_AT_A_TIME, window_scores
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer


def embed_file(
    run: str | Path,
    path: str | Path,
    output: str | Path,
    given: dict[str, Any],
    pooling: str | None,
    layers: Sequence[int],
    device: str | torch.device = "cpu",
    log: Callable[[str], None] = lambda sentence: None,
    int8: bool = False,
) -> tuple[int, ...]:
    """Writes each text's vector to an ``.npy`` file, float32. Texts are streamed, in order.

    Args:
        given: the reading settings; None for each that was not given.
        pooling: see ``embed``. None: what a directory of sentence-transformers says, else "mean".
        log: takes a note on what such a directory does.
        int8: whether the model computes in 8 bits (``bert.quantization``), on the CPU.

    Returns the array's shape: (texts, hidden_size). With several layers it is (texts, layers, hidden_size).
    """
    modules = read_sentence_modules(run)
    poolings, after = (pooling or "mean",), None
    if modules is not None:
        run, after, longest = modules.directory, modules.after, load_config(modules.directory).max_position_embeddings
        log(f"Note: the modules of sentence-transformers in {run} make the vectors: {as_modules_say(modules)}.")
        if pooling is None:
            poolings = modules.poolings
        else:
            log(f"Note: --pooling {pooling} instead of theirs.")
        if given.get("max_length") is None:
            given = given | {"max_length": min(longest, modules.max_length or longest)}
        else:
            log(f"Note: --max-length {given['max_length']} instead of theirs, {modules.max_length or longest}.")
    source = source_of(run)
    columns, options, _ = reading_of(source, path, given)
    check_segments(source, are_pairs=columns.text_pair is not None)
    texts = first_checked(read_examples(path, columns, labelled=False))
    model = source.load_encoder().to(device)
    if int8:
        model = in_eight_bits(model, log)
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, model.config, run)
    width = model.config.hidden_size
    if modules is not None:
        width = width_of(modules, width, poolings)
        texts = (example._replace(first=modules.prompt + example.first) for example in texts)
        if modules.lowercase and isinstance(tokenizer, WordPieceTokenizer):
            tokenizer = tokenizer.lowercased()
    vectors = embed(model, tokenizer, texts, options, poolings, layers, after)
    shape = (width,) if len(layers) == 1 else (len(layers), width)
    count = 0
    with atomic_file(output, may_be_pipe=True) as file:
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
    poolings: Sequence[str] = ("mean",),
    layers: Sequence[int] = (-1,),
    after: nn.Module | None = None,
) -> Iterator[np.ndarray]:
    """A vector for each text or pair, streamed. Of several windows it is the mean.

    It is (hidden_size,) float32 for a single layer, else (layers, hidden_size).

    Args:
        poolings: "mean" over all tokens, with [CLS] and [SEP] (Reimers & Gurevych 2019, section 3), "cls", and the
            others of ``pool``. The vectors of several stand side by side.
        layers: 0 the embeddings, 1 the first layer, -1 the last.
        after: what becomes of the pooled vectors.

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
        return torch.cat([pool(torch.stack(states, dim=1), batch.sequences, pooling) for pooling in poolings], dim=-1)

    texts = iter(texts)
    while chunk := list(islice(texts, EXAMPLES_AT_A_TIME)):
        windows = text_inputs(tokenizer, chunk, options).windows
        for parts in window_scores(model, windows, score):
            vectors = np.concatenate(parts).mean(axis=0)  # (layers, hidden_size * poolings)
            if after is not None:
                with torch.inference_mode():
                    vectors = after(torch.from_numpy(vectors)).numpy()
            yield vectors[0] if len(layers) == 1 else vectors


def pool(states: Tensor, sequences: Sequences, pooling: str) -> Tensor:
    """(tokens, layers, hidden_size) -> (sequences, layers, hidden_size)

    Args:
        pooling: of all tokens, as sentence-transformers has it. "cls" and "lasttoken" take one token's state, "max" the
            largest of each number. "mean" divides the sum by the length, "mean_sqrt_len_tokens" by its square root.
            In "weightedmean" the first token counts once, the second twice.
    """
    lengths = sequences.lengths
    if pooling in ("cls", "lasttoken"):
        return states.index_select(0, sequences.first if pooling == "cls" else sequences.boundaries[1:] - 1)
    if pooling == "max":
        return torch.stack([rows.amax(dim=0) for rows in states.split(lengths.tolist())])
    zeros = states.new_zeros(len(lengths), *states.shape[1:])
    sequence_of_token = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    if pooling == "weightedmean":
        states = states * (sequences.positions(sequence_of_token) + 1)[:, None, None]
        lengths = lengths * (lengths + 1) / 2  # the sum of the weights
    sums = zeros.index_add(0, sequence_of_token, states)
    return sums / (lengths.sqrt() if pooling == "mean_sqrt_len_tokens" else lengths)[:, None, None]


def _write_npy_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
