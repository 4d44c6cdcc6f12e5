"""``python -m bert embed``: a vector for each text, from chosen layers.

In a directory of sentence-transformers, its own length, pooling and further modules make the vectors.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bert.adaptation.loading import Source, source_of
from bert.checkpoints.directory import save_checkpoint, write_model_card
from bert.checkpoints.model_card import Facts
from bert.checkpoints.sentence_transformers import (
    SentenceModules,
    as_modules_say,
    read_sentence_modules,
    width_of,
    write_sentence_modules,
)
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.checkpoints.weights import digest
from bert.commands.eight_bits import in_eight_bits
from bert.commands.predict import kind_of_run
from bert.commands.reading import Reading, check_segments, first_checked, reading_of
from bert.errors import InputError
from bert.files.npy import npy_file
from bert.files.whole_directory import whole_directory
from bert.heads.batch import Batch
from bert.model.bert import BertModel
from bert.model.sequences import Sequences
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Options
from bert.tasks.prediction import EXAMPLES_AT_A_TIME, window_scores
from bert.tasks.windows import WindowsOfEach
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer


class Embedder(NamedTuple):
    """A model with all that makes vectors of texts."""

    model: BertModel
    tokenizer: Tokenizer
    modules: SentenceModules
    options: Options
    width: int  # the size of a vector

    def __call__(
        self,
        texts: Iterable[Example],
        layers: Sequence[int] = (-1,),
        prompts: Sequence[str] = (),
        cut: Callable[[int], None] = lambda count: None,
    ) -> Iterator[np.ndarray]:
        """A vector for each text, streamed: see ``embed``.

        Args:
            prompts: names of prompts. The first that the directory has goes before each text, else its default prompt.
        """
        prompt, modules = self.modules.prompt(*prompts), self.modules
        texts = (text._replace(first=prompt + text.first) for text in texts)
        return embed(self.model, self.tokenizer, texts, self.options, modules.poolings, layers, modules.after, cut)

    def fingerprint(self) -> str:
        """A digest of weights, tokenizer and modules. With the same digest a text has the same vector."""
        weights = {**self.model.state_dict(), **self.modules.after.state_dict(prefix="after.")}
        modules = [self.modules.poolings, self.modules.lowercase, self.modules.prompts, self.modules.default_prompt]
        parts = [
            digest({name: weight.cpu() for name, weight in weights.items()}),
            self.tokenizer.fingerprint,
            as_modules_say(self.modules),
            repr(modules),
        ]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()

    def inputs(self, texts: Sequence[Example]) -> WindowsOfEach:
        """The model's inputs for texts, each after the default prompt."""
        texts = [text._replace(first=self.modules.prompt() + text.first) for text in texts]
        return text_inputs(self.tokenizer, texts, self.options).windows

    def vectors(self, inputs: WindowsOfEach) -> list[np.ndarray]:
        """A vector for each text, (width,), of its inputs."""
        return list(vectors_of(self.model, inputs, self.modules.poolings, after=self.modules.after))


class Recipe(NamedTuple):
    """How a run makes vectors, before its model is loaded."""

    source: Source
    modules: SentenceModules
    given: dict[str, Any]  # the reading settings, with the modules' own length

    def reading(self, path: str | Path) -> Reading:
        """How a file is read. A run of similarity was trained on pairs, and gives each text a vector of its own."""
        reading = reading_of(self.source, path, self.given)
        if kind_of_run(self.source).reads_texts_alone and self.given.get("text_pair_column") is None:
            return reading._replace(columns=reading.columns._replace(text_pair=None))
        return reading

    def load(self, options: Options, device: str | torch.device = "cpu") -> Embedder:
        """The model and its tokenizer. Raises an InputError if they, or the modules, do not belong together."""
        model = self.source.load_encoder().to(device)
        tokenizer = self.source.tokenizer()
        check_vocabulary_fits(tokenizer, model.config, str(self.source))
        width = width_of(self.modules, model.config.hidden_size, self.modules.poolings)
        if "left-to-right" in model.config.variant and "cls" in self.modules.poolings:
            raise InputError(
                f"{self.source}: reads from left to right, so its [CLS] has seen no text; use --pooling mean"
            )
        if self.modules.lowercase and isinstance(tokenizer, WordPieceTokenizer):
            tokenizer = tokenizer.lowercased()
        return Embedder(model, tokenizer, self.modules, options, width)


def recipe_of(
    run: str | Path | Source,
    given: dict[str, Any],
    pooling: str | None = None,
    normalize: bool | None = None,
    log: Callable[[str], None] = lambda sentence: None,
) -> Recipe:
    """How a run makes vectors: by the flags, else by its modules of sentence-transformers, else the mean.

    Args:
        given: the reading settings; None for each that was not given.
        normalize: whether vectors get length 1.
        log: takes a note on what such modules do, and which of it a flag replaces.
    """
    directory = run.directory if isinstance(run, Source) else Path(run)
    modules = read_sentence_modules(directory)
    if modules is None:
        modules = SentenceModules(directory, None, False, (pooling or "mean",), nn.Sequential())
        source = source_of(run)
    else:
        log(f"Note: the modules of sentence-transformers in {run} make the vectors: {as_modules_say(modules)}.")
        source = source_of(modules.directory)
        longest = source.config().max_position_embeddings
        if given.get("max_length") is None:
            given = given | {"max_length": min(longest, modules.max_length or longest)}
        else:
            log(f"Note: --max-length {given['max_length']} instead of theirs, {modules.max_length or longest}.")
        if pooling is not None:
            log(f"Note: --pooling {pooling} instead of theirs.")
            modules = replace(modules, poolings=(pooling,))
    if normalize is not None:
        modules = modules.normalized(normalize)
    return Recipe(source, modules, given)


def embed_file(
    run: str | Path,
    path: str | Path,
    output: str | Path,
    given: dict[str, Any],
    pooling: str | None,
    layers: Sequence[int],
    device: str | torch.device = "cpu",
    log: Callable[[str], None] = lambda sentence: None,
    normalize: bool | None = None,
    int8: bool = False,
) -> tuple[int, ...]:
    """Writes each text's vector to an ``.npy`` file, float32. Texts are streamed, in order.

    Args:
        given, pooling, normalize, log: see ``recipe_of``.
        int8: whether the model computes in 8 bits (``bert.quantization``), on the CPU.

    Returns the array's shape: (texts, hidden_size). With several layers it is (texts, layers, hidden_size).
    """
    recipe = recipe_of(run, given, pooling, normalize, log)
    columns, options, _ = recipe.reading(path)
    check_segments(recipe.source, are_pairs=columns.text_pair is not None)
    texts = first_checked(read_examples(path, columns, labelled=False))
    embedder = recipe.load(options, device)
    if int8:
        in_eight_bits(embedder.model, log)
    shape = (embedder.width,) if len(layers) == 1 else (len(layers), embedder.width)
    count = 0
    with npy_file(output, shape) as write:
        for vector in embedder(texts, layers):
            write(vector)
            count += 1
    return (count, *shape)


def export_run(directory: str | Path, recipe: Recipe) -> None:
    """Writes a run's encoder as a directory of sentence-transformers. An adapter is merged into its body.

    Raises an InputError if the directory is there already, or the adapter cannot be merged.
    """
    source = recipe.source
    with whole_directory(directory) as path:
        options = reading_of(source, "", recipe.given).options
        model, tokenizer = source.load_encoder(merged=True), source.tokenizer()
        check_vocabulary_fits(tokenizer, model.config, str(source))
        width_of(recipe.modules, model.config.hidden_size, recipe.modules.poolings)  # or they do not fit
        save_checkpoint(path, model, tokenizer)
        write_sentence_modules(path, replace(recipe.modules, max_length=options.max_length))
        write_model_card(path, model, tokenizer, Facts(vectors=True))


def embed(
    model: BertModel,
    tokenizer: Tokenizer,
    texts: Iterable[Example],
    options: Options,
    poolings: Sequence[str] = ("mean",),
    layers: Sequence[int] = (-1,),
    after: nn.Module | None = None,
    cut: Callable[[int], None] = lambda count: None,
) -> Iterator[np.ndarray]:
    """A vector for each text or pair, streamed. Of several windows it is the mean.

    It is (hidden_size,) float32 for a single layer, else (layers, hidden_size).

    Args:
        poolings: "mean" over all tokens, with [CLS] and [SEP] (Reimers & Gurevych 2019, section 3), "cls", and the
            others of ``pool``. The vectors of several stand side by side.
        layers: 0 the embeddings, 1 the first layer, -1 the last.
        after: what becomes of the pooled vectors.
        cut: takes the number of texts that were too long, again and again.

    Raises:
        InputError: if the model has no such layer.
    """
    texts = iter(texts)
    while chunk := list(islice(texts, EXAMPLES_AT_A_TIME)):
        inputs = text_inputs(tokenizer, chunk, options)
        cut(inputs.too_long)
        yield from vectors_of(model, inputs.windows, poolings, layers, after)


def vectors_of(
    model: BertModel,
    inputs: WindowsOfEach,
    poolings: Sequence[str] = ("mean",),
    layers: Sequence[int] = (-1,),
    after: nn.Module | None = None,
) -> Iterator[np.ndarray]:
    """A vector for each text, from its inputs: see ``embed``."""
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

    for parts in window_scores(model, inputs, score):
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
