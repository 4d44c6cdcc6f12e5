"""What a model writes for sources, and how well it foretells targets that people wrote."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from bert.generation.batch import generation_batch
from bert.generation.constraints import SpecialPieces
from bert.generation.generate import generate
from bert.generation.model import BertForConditionalGeneration
from bert.tasks.generation.read import Pair
from bert.tasks.options import Options, Writing
from bert.tasks.prediction import batches_by_length, tokens_at_once
from bert.tasks.windows import Window, WindowsOfEach, batch_of
from bert.tokenization.tokenizer import Tokenizer

MOST_SCORES = 1 << 25  # of pieces, in a batch whose targets are foretold: 128 MiB


class Foretold(NamedTuple):
    """How well a target is foretold, each piece from the true pieces before it."""

    loss: float  # the sum of -log P, in nats
    right: int  # how many pieces were the most probable ones
    count: int  # of the pieces, [SEP] included


@dataclass(frozen=True)
class CrossAttention:
    """How the last layer of the decoder looked at the source, the mean of its heads."""

    source: list[str]  # pieces
    written: list[str]  # pieces, each chosen after this look
    weights: np.ndarray  # (written, source), each row sums to 1


@dataclass(frozen=True)
class Written:
    """What a model does with a pair."""

    text: str  # the output
    log_probability: float  # of the output; 0 if no model wrote it
    foretold: Foretold | None = None  # the target, if there is one
    with_other_source: Foretold | None = None  # the same target beside another pair's source
    attention: CrossAttention | None = None


def write_outputs(
    model: BertForConditionalGeneration, examples: WindowsOfEach, options: Options, names: Sequence[int] | None = None
) -> list[Written]:
    """The output for each source. A source without any piece has an empty output, which no model wrote.

    Args:
        names: a number for each source, by which sampling draws. None: the line of each in its file.
    """
    writing = writing_of(options)
    windows = [only for (only,) in examples]
    names = [window.name for window in windows] if names is None else names
    pieces, outputs = SpecialPieces.of(writing.tokenizer), [Written("", 0.0)] * len(windows)
    device = next(model.parameters()).device
    most_tokens = max(1, tokens_at_once(model) // writing.decoding.beams)
    with_pieces = [index for index, window in enumerate(windows) if len(window) > 2]  # [CLS] and [SEP] are no text
    for batched in batches_by_length([len(windows[index]) for index in with_pieces], most_tokens):
        indices = [with_pieces[place] for place in batched]
        batch = batch_of([windows[index] for index in indices]).to(device)
        padding = batch.sequences.padding
        input_ids = padding.pad(batch.input_ids)
        mask = padding.pad(torch.ones_like(batch.input_ids))
        found = generate(model, input_ids, mask, pieces, writing.decoding, [names[index] for index in indices])
        for index, output in zip(indices, found):
            outputs[index] = Written(writing.tokenizer.decode(output.ids), output.log_probability)
    return outputs


@torch.inference_mode()
def foretell(
    model: BertForConditionalGeneration, windows: Sequence[Window], targets: Sequence[np.ndarray]
) -> list[Foretold]:
    """How well each target is foretold beside the source in its window."""
    model.eval()
    device = next(model.parameters()).device
    vocabulary = model.config.decoder.vocab_size
    most_tokens = max(1, min(tokens_at_once(model), MOST_SCORES // vocabulary))
    found: list[Any] = [None] * len(windows)
    for indices in batches_by_length(
        [len(window) + len(target) for window, target in zip(windows, targets)], most_tokens
    ):
        chosen = [windows[index] for index in indices]
        batch = generation_batch(
            [window.input_ids for window in chosen],
            [window.token_type_ids for window in chosen],
            [targets[index] for index in indices],
        ).to(device)
        labels = batch.labels["labels"]
        log_probabilities = model(**batch.inputs).logits.float().log_softmax(dim=-1)
        losses = -log_probabilities.gather(1, labels[:, None]).squeeze(1)
        right = log_probabilities.argmax(dim=-1) == labels
        lengths = [len(targets[index]) - 1 for index in indices]
        for index, loss, hits in zip(indices, losses.cpu().split(lengths), right.cpu().split(lengths)):
            found[index] = Foretold(float(loss.sum(dtype=torch.float64)), int(hits.sum()), len(hits))
    return found


@torch.inference_mode()
def cross_attention(
    model: BertForConditionalGeneration, window: Window, tokenizer: Tokenizer, writing: Writing, text: str
) -> CrossAttention:
    """How the model looks at a source while it reads ``text`` as the target, cut into pieces anew.

    Args:
        tokenizer: of the source.
    """
    model.eval()
    target = writing.tokenizer
    ids = [target.cls_token_id, *target.encode(text), target.sep_token_id]
    batch = generation_batch([window.input_ids], [window.token_type_ids], [np.array(ids)])
    batch = batch.to(next(model.parameters()).device)
    output = model(**batch.inputs, return_attention=True)
    assert output.cross_attentions is not None
    (weights,) = output.cross_attentions[-1]  # (heads, written, source)
    return CrossAttention(
        [tokenizer.id_to_token(index) for index in window.input_ids.tolist()],
        [target.id_to_token(index) for index in ids[1:]],
        weights.float().mean(dim=0).cpu().numpy(),
    )


def writing_rows(
    model: BertForConditionalGeneration, predictions: Iterable[tuple[Pair, Written]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each source."""
    yield ["prediction", "log_probability", *(["source"] if options.text else [])]
    for pair, written in predictions:
        yield [written.text, written.log_probability, *([" / ".join(pair.source)] if options.text else [])]


def writing_of(options: Options) -> Writing:
    """How outputs are written. Only the options of other kinds say nothing of it."""
    if options.writing is None:
        raise ValueError("generation needs options.writing: the targets' tokenizer and the settings of decoding")
    return options.writing
