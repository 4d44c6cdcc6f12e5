"""The start of a generation run: two vocabularies, an encoder with a decoder, and two learning rates."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bert.checkpoints.directory import load_encoder_config
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer, load_tokenizer_json
from bert.checkpoints.weights import required_file
from bert.config import BertConfig
from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from bert.generation.directory import target_tokenizer_of
from bert.generation.learning_rates import slow_down
from bert.generation.starts import is_new, start_model
from bert.tasks.generation.predict import writing_of
from bert.tasks.generation.read import Pair
from bert.tasks.options import Writing
from bert.tasks.task import Task
from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.script import Log
from finetuning.generation_flags import LEARN, SAME, SIZES, TOKENIZERS, VOCAB_SIZE, decoding_of, target_length
from finetuning.settings import FinetuningSettings
from finetuning.vocabularies import learn_vocabulary


def check_start(settings: FinetuningSettings) -> Tokenizer | None:
    """The source's tokenizer; None: it is to be learned. What can be refused before any text is read is refused here.

    Raises:
        InputError: if a checkpoint or a vocabulary is missing, damaged, or does not fit; or if a source, a target or an
            output may be longer than the positions.
    """
    encoder, decoder, _ = sizes_of(settings)
    for flag, length, config in (
        ("--max-length", settings.max_length, encoder), ("--max-target-length", target_length(settings), decoder),
    ):  # fmt: skip
        if length > (positions := config.max_position_embeddings):
            raise InputError(f"{flag} {length} is above the {positions} positions of the model; use at most that")
    room_for_pieces(settings.max_length, is_pair=False)  # or there is none
    decoding_of(settings, decoder.max_position_embeddings)
    _named_target_tokenizer(settings)
    if settings.initialization == "scratch":
        return None if settings.vocab is None else tokenizer_at(settings.vocab)
    source = load_tokenizer(settings.checkpoint)
    check_vocabulary_fits(source, encoder, settings.checkpoint)
    return source


def find_tokenizers(
    settings: FinetuningSettings, source: Tokenizer | None, pairs: Sequence[Pair], log: Log
) -> tuple[Tokenizer, Writing]:
    """The source's tokenizer, and how targets are written.

    Args:
        source: what ``check_start`` gave.
        pairs: the training pairs, from which vocabularies are learned.
    """
    if source is None:
        both = (settings.target_vocab or SAME) == SAME
        what = "sources and targets" if both else "sources"
        texts = chain(_sources(pairs), _targets(pairs)) if both else _sources(pairs)
        source = _learn(settings, texts, what, log)
    target = _named_target_tokenizer(settings)
    if target is None:
        target = _learn(settings, _targets(pairs), "targets", log) if settings.target_vocab == LEARN else source
    if settings.initialization == "whole":
        log(
            f"Note: {settings.checkpoint} has a decoder; it goes on from there (--initialization bert2rnd begins anew)."
        )
    return source, Writing(target, target_length(settings), decoding_of(settings))


def _named_target_tokenizer(settings: FinetuningSettings) -> Tokenizer | None:
    """The tokenizer of targets that a flag or the start names. None: it is the source's, or is learned."""
    if settings.initialization == "whole":
        return target_tokenizer_of(settings.checkpoint, _config_of_run(settings))
    if settings.target_vocab in (None, SAME, LEARN):
        return None
    return tokenizer_at(settings.target_vocab)


def tokenizer_at(path: str) -> Tokenizer:
    """The tokenizer in a directory or a file. Raises an InputError if it is not there, or is damaged."""
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or directory; a vocabulary was expected (--vocab, --target-vocab)")
    if os.path.isdir(path):
        return load_tokenizer(path)
    if path.endswith(".json"):
        return load_tokenizer_json(path)
    return (SentencePieceTokenizer if path.endswith(".model") else WordPieceTokenizer).from_file(path)


def _sources(pairs: Sequence[Pair]) -> Iterator[str]:
    return chain.from_iterable(pair.source for pair in pairs)


def _targets(pairs: Sequence[Pair]) -> Iterator[str]:
    return (pair.target or "" for pair in pairs)


def _learn(settings: FinetuningSettings, texts: Iterator[str], what: str, log: Log) -> Tokenizer:
    size, kind = settings.vocab_size or VOCAB_SIZE, settings.tokenizer or TOKENIZERS[0]
    log(f"Learning a vocabulary of {size:,} pieces from the training {what}.")
    return learn_vocabulary(texts, size, kind, log)


def make_generation_model(settings: FinetuningSettings, task: Task) -> nn.Module:
    """An encoder with a decoder, as ``--initialization`` says. Raises an InputError if a checkpoint does not fit."""
    target = writing_of(task.options).tokenizer
    return start_model(
        settings.initialization or "scratch",
        config_of(settings, task.tokenizer, target),
        None if settings.initialization == "scratch" else settings.checkpoint,
        settings.decoder_checkpoint,
        _same_vocabulary(settings, target),
        settings.label_smoothing,
    ).train()


def _same_vocabulary(settings: FinetuningSettings, target: Tokenizer) -> bool:
    """Whether the target's vocabulary is the one of the checkpoint that the decoder comes from."""
    if settings.initialization not in ("bert2bert", "share"):
        return (settings.target_vocab or SAME) == SAME
    return load_tokenizer(settings.decoder_checkpoint or settings.checkpoint).fingerprint == target.fingerprint


def sizes_of(settings: FinetuningSettings) -> tuple[BertConfig, BertConfig, bool]:
    """The sizes of encoder and decoder, but for new vocabularies; and whether the two share their weights."""
    shared = settings.initialization == "share"
    if settings.initialization == "scratch":
        encoder = decoder = SIZES[settings.size or "tiny"]()
    elif settings.initialization == "whole":
        run = _config_of_run(settings)
        encoder, decoder, shared = run.encoder, run.decoder, run.shared
    else:
        encoder = load_encoder_config(settings.checkpoint)
        decoder = load_encoder_config(settings.decoder_checkpoint) if settings.decoder_checkpoint else encoder
    if settings.dropout is not None:
        dropout = {"hidden_dropout_prob": settings.dropout, "attention_probs_dropout_prob": settings.dropout}
        encoder, decoder = encoder.replace(**dropout), decoder.replace(**dropout)
    if settings.decoder_layers is not None:
        decoder = decoder.replace(num_hidden_layers=settings.decoder_layers)
    return encoder, decoder, shared


def config_of(settings: FinetuningSettings, source: Tokenizer, target: Tokenizer) -> EncoderDecoderConfig:
    """The sizes of encoder and decoder."""
    encoder, decoder, shared = sizes_of(settings)
    scratch = settings.initialization == "scratch"
    if scratch:
        encoder = encoder.replace(vocab_size=source.vocab_size)
    if scratch or not _same_vocabulary(settings, target):
        decoder = decoder.replace(vocab_size=target.vocab_size)
    return EncoderDecoderConfig(encoder, decoder, target.cls_token_id, target.sep_token_id, target.pad_token_id, shared)


def _config_of_run(settings: FinetuningSettings) -> EncoderDecoderConfig:
    """The configuration of the run that goes on."""
    return EncoderDecoderConfig.from_json_file(required_file(Path(settings.checkpoint), "config.json"))


def set_learning_rates(settings: FinetuningSettings, optimizer: torch.optim.Optimizer, model: Any, task: Task) -> None:
    """Gives a checkpoint's weights their own learning rate, in place."""
    if settings.initialization in (None, "scratch"):
        return
    same = _same_vocabulary(settings, writing_of(task.options).tokenizer)
    new = partial(is_new, start=settings.initialization, same_vocabulary=same)
    slow_down(optimizer, model, lambda name: not new(name), settings.taken_over_rate)
