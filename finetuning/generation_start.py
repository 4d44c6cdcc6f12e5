"""The start of a generation run: two vocabularies, an encoder with a decoder, and two learning rates."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import nn

from bert.checkpoints.directory import load_config
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer, load_tokenizer_json
from bert.config import BertConfig
from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from bert.generation.learning_rates import slow_down
from bert.generation.starts import is_new, start_model
from bert.tasks.generation.predict import writing_of
from bert.tasks.generation.read import Pair
from bert.tasks.options import Writing
from bert.tasks.task import Task
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.script import Log
from finetuning.generation_flags import LEARN, SAME, SIZES, TOKENIZERS, VOCAB_SIZE, decoding_of, target_length
from finetuning.settings import FinetuningSettings
from finetuning.vocabularies import learn_vocabulary


def find_tokenizers(
    settings: FinetuningSettings, checkpoints: Tokenizer | None, pairs: Sequence[Pair], log: Log
) -> tuple[Tokenizer, Writing]:
    """The source's tokenizer, and how targets are written.

    Args:
        checkpoints: the checkpoint's tokenizer. None: the run starts from scratch.
        pairs: the training pairs, from which a vocabulary is learned if none is given.
    """
    target_vocab = settings.target_vocab or SAME
    source = checkpoints
    if source is None and settings.vocab is not None:
        source = tokenizer_at(settings.vocab)
    if source is None:
        both = target_vocab == SAME
        what = "sources and targets" if both else "sources"
        texts = chain(_sources(pairs), _targets(pairs)) if both else _sources(pairs)
        source = _learn(settings, texts, what, log)
    if target_vocab == SAME:
        target = source
    elif target_vocab == LEARN:
        target = _learn(settings, _targets(pairs), "targets", log)
    else:
        target = tokenizer_at(target_vocab)
    return source, Writing(target, target_length(settings), decoding_of(settings))


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
    """An encoder with a decoder, as ``--initialization`` says.

    Raises:
        InputError: if a checkpoint does not fit, or a source or target may be longer than the positions.
    """
    target = writing_of(task.options).tokenizer
    config = config_of(settings, task.tokenizer, target)
    scratch = settings.initialization == "scratch"
    for flag, length, positions in (
        ("--max-length", settings.max_length, config.encoder.max_position_embeddings),
        ("--max-target-length", target_length(settings), config.decoder.max_position_embeddings),
    ):
        if length > positions:
            raise InputError(f"{flag} {length} is above the {positions} positions of the model; use at most that")
    decoding_of(settings, config.decoder.max_position_embeddings)
    return start_model(
        settings.initialization or "scratch",
        config,
        None if scratch else settings.checkpoint,
        settings.decoder_checkpoint,
        _same_vocabulary(settings, target),
        settings.label_smoothing,
    ).train()


def _same_vocabulary(settings: FinetuningSettings, target: Tokenizer) -> bool:
    """Whether the target's vocabulary is the one of the checkpoint that the decoder comes from."""
    if settings.initialization not in ("bert2bert", "share"):
        return (settings.target_vocab or SAME) == SAME
    return load_tokenizer(settings.decoder_checkpoint or settings.checkpoint).fingerprint == target.fingerprint


def config_of(settings: FinetuningSettings, source: Tokenizer, target: Tokenizer) -> EncoderDecoderConfig:
    """The sizes of encoder and decoder."""
    if settings.initialization == "scratch":
        encoder: BertConfig = SIZES[settings.size or "tiny"](vocab_size=source.vocab_size)
        decoder = encoder
    else:
        encoder = load_config(settings.checkpoint)
        check_vocabulary_fits(source, encoder, settings.checkpoint)
        decoder = load_config(settings.decoder_checkpoint) if settings.decoder_checkpoint else encoder
    if settings.dropout is not None:
        dropout = {"hidden_dropout_prob": settings.dropout, "attention_probs_dropout_prob": settings.dropout}
        encoder, decoder = encoder.replace(**dropout), decoder.replace(**dropout)
    if not _same_vocabulary(settings, target):
        decoder = decoder.replace(vocab_size=target.vocab_size)
    if settings.decoder_layers is not None:
        decoder = decoder.replace(num_hidden_layers=settings.decoder_layers)
    return EncoderDecoderConfig(
        encoder,
        decoder,
        target.cls_token_id,
        target.sep_token_id,
        target.pad_token_id,
        settings.initialization == "share",
    )


def set_learning_rates(settings: FinetuningSettings, optimizer: torch.optim.Optimizer, model: Any, task: Task) -> None:
    """Gives a checkpoint's weights their own learning rate, in place."""
    if settings.initialization in (None, "scratch"):
        return
    same = _same_vocabulary(settings, writing_of(task.options).tokenizer)
    new = partial(is_new, start=settings.initialization, same_vocabulary=same)
    slow_down(optimizer, model, lambda name: not new(name), settings.taken_over_rate)
