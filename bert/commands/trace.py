"""``bert trace``: every tensor on the way from characters to scores, as text or as a picture.

Each has its name, shape, mean, standard deviation, operations and bytes, and the line of code that makes it. The model
runs without kernels, as its code is written (``bert.trace.record``).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bert.adaptation.loading import Source, source_of
from bert.checkpoints.directory import load_checkpoint, parts_of_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.reading import check_segments
from bert.errors import InputError
from bert.files.terminal import print_line
from bert.files.whole import write_atomically
from bert.generation.batch import generation_batch
from bert.generation.directory import load_target_tokenizer
from bert.generation.model import BertForConditionalGeneration
from bert.heads.batch import Batch
from bert.heads.choices import BertForMultipleChoice
from bert.heads.cloze import BertForCloze
from bert.heads.embedding import BertForRetrieval, BertForSimilarity
from bert.heads.pretraining import BertForPreTraining
from bert.heads.relations import BertForRelationExtraction
from bert.heads.summaries import BertForExtractiveSummarization
from bert.model.bert import BertModel
from bert.tasks.kinds import KINDS
from bert.tasks.relations.inputs import marked_input
from bert.tasks.relations.read import parse_tags
from bert.tasks.summaries.inputs import sentence_windows
from bert.tasks.windows import Window, batch_of
from bert.tokenization.tokenizer import Tokenizer
from bert.trace.drawing import trace_drawing
from bert.trace.page import trace_page
from bert.trace.record import Trace, trace
from bert.trace.text import summary, trace_lines

DRAWINGS = {".html": trace_page, ".svg": trace_drawing}


@dataclass(frozen=True)
class TracedInput:
    """What a model reads.

    Attributes:
        pieces: of the text, or of both, with [CLS] and [SEP].
        ids: of the pieces.
        batch: the same as the model takes it.
    """

    pieces: list[str]
    ids: list[int]
    batch: Batch


def trace_run(run: str, first: str, second: str | None = None) -> tuple[TracedInput, Trace]:
    """Traces a model that reads a text, or a pair.

    Raises:
        InputError: if a file is damaged, the text is too long, or it is not what the model reads.
    """
    source = source_of(run)
    check_segments(source, are_pairs=second is not None)
    model, tokenizer = load_traced(source), source.tokenizer()
    check_vocabulary_fits(tokenizer, source.config(), run)
    traced = input_of(model, source, tokenizer, first, second)
    return traced, trace(model, traced.batch.inputs)


def print_trace(run: str, first: str, second: str | None) -> None:
    """Prints the trace as text. Raises an InputError as ``trace_run`` does."""
    traced, recorded = trace_run(run, first, second)
    segments = traced.batch.token_type_ids.tolist()
    characters = len(first) + len(second or "")
    print_line(f"{characters:,} characters, {len(traced.ids)} pieces: {' '.join(traced.pieces)}")
    print_line(f"ids: {' '.join(map(str, traced.ids))}", f"segments: {' '.join(map(str, segments))}", "")
    print_line(*trace_lines(recorded))


def write_trace(run: str, first: str, second: str | None, path: str) -> str:
    """Writes the trace as a picture, HTML or SVG by the end of the file's name. Returns what is in it, in words.

    Raises:
        InputError: as ``trace_run`` does. Also if the name has another end, or there is such a file already.
    """
    draw = DRAWINGS.get(Path(path).suffix.lower())
    if draw is None:
        raise InputError(f"{path}: the picture is HTML or SVG; give it a name that ends in .html or .svg")
    if os.path.lexists(path):
        raise InputError(f"{path}: there is such a file already; remove it, or name another one")
    traced, recorded = trace_run(run, first, second)
    write_atomically(path, draw(recorded, f"From characters to scores: {run}", list(zip(traced.pieces, traced.ids))))
    return summary(recorded)


def load_traced(source: Source) -> nn.Module:
    """A run's model with its head; without one, the encoder alone. A head that nothing trained is not made."""
    for kind in KINDS.values():
        if source.is_of(kind.head):
            return source.load(kind.head)
    if source.adapter is not None:
        return source.load_encoder()
    parts = parts_of_checkpoint(source.directory)
    has_pooler = bool({"pooler", "bert.pooler"} & parts)
    if {"masked_language_model", "next_sentence"} <= parts and has_pooler:
        return source.load(BertForPreTraining)
    if "masked_language_model" in parts:  # pretrained without next-sentence prediction
        return source.load(BertForCloze)
    return load_checkpoint(source.directory, BertModel, with_pooler=has_pooler)


def input_of(model: nn.Module, source: Source, tokenizer: Tokenizer, first: str, second: str | None) -> TracedInput:
    """The input that a model's head takes."""
    window, batch = SPECIAL.get(type(model), _text)(source, tokenizer, first, second)
    lengths = [(len(batch.input_ids), source.config().max_position_embeddings)]
    if isinstance(model, BertForConditionalGeneration) and batch.target is not None:
        lengths.append((batch.target.tokens, model.config.decoder.max_position_embeddings))
    for length, longest in lengths:
        if length > longest:
            raise InputError(f"the text is {length:,} tokens long, and this model reads {longest:,}; shorten it")
    ids = window.input_ids.tolist()
    return TracedInput([tokenizer.id_to_token(token_id) for token_id in ids], ids, batch)


def _text(source: Source, tokenizer: Tokenizer, first: str, second: str | None, **more: Any) -> tuple[Window, Batch]:
    """A text, or a pair. The head reads all tokens, also if it needs [CLS] alone."""
    encoding = tokenizer(first, second)
    window = Window(
        input_ids=np.array(encoding.input_ids, np.int32),
        token_type_ids=np.array(encoding.token_type_ids, np.int8),
        selected=None,
    )
    return window, batch_of([window], **more)


def _alone(source: Source, tokenizer: Tokenizer, first: str, second: str | None) -> tuple[Window, Batch]:
    """A single text."""
    _refuse_second(source, second)
    return _text(source, tokenizer, first, None)


def _choice(source: Source, tokenizer: Tokenizer, first: str, second: str | None) -> tuple[Window, Batch]:
    """A context and one of its choices."""
    if second is None:
        raise InputError(f'{source}: its model scores a continuation of a text; give both: "text" "continuation"')
    return _text(source, tokenizer, first, second, choices=[1])


def _relation(source: Source, tokenizer: Tokenizer, first: str, second: str | None) -> tuple[Window, Batch]:
    """A text with its entities in tags."""
    _refuse_second(source, second)
    window = marked_input(tokenizer, *parse_tags(first, "the text"), source.config().max_position_embeddings).window
    return window, batch_of([window])


def _sentences(source: Source, tokenizer: Tokenizer, first: str, second: str | None) -> tuple[Window, Batch]:
    """A document of one sentence, or of two."""
    sentences = [first] if second is None else [first, second]
    windows = sentence_windows(tokenizer, sentences, source.config().max_position_embeddings).windows
    return windows[0], batch_of(windows[:1])


def _source_and_target(source: Source, tokenizer: Tokenizer, first: str, second: str | None) -> tuple[Window, Batch]:
    """A source, and what is written of the target: nothing but [CLS], or the second text."""
    window, _ = _text(source, tokenizer, first, None)
    target = load_target_tokenizer(source.directory)
    written = target.encode_batch([second or ""])[0]
    ids = np.array([target.cls_token_id, *written, target.sep_token_id], np.int32)
    return window, generation_batch([window.input_ids], [window.token_type_ids], [ids])


def _refuse_second(source: Source, second: str | None) -> None:
    if second is not None:
        raise InputError(f"{source}: its model reads single texts; leave the second one out")


SPECIAL: dict[type, Callable[..., tuple[Window, Batch]]] = {
    BertForSimilarity: _alone,
    BertForRetrieval: _alone,
    BertForMultipleChoice: _choice,
    BertForRelationExtraction: _relation,
    BertForExtractiveSummarization: _sentences,
    BertForConditionalGeneration: _source_and_target,
}
