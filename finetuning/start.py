"""The start of a fine-tuning run: the checkpoint's tokenizer, and its encoder with the task's head."""

import os
from pathlib import Path
from typing import Any

from torch import nn

from bert.checkpoints.directory import (
    checkpoint_labels,
    checkpoint_pool,
    is_checkpoint_of,
    load_checkpoint,
    load_encoder_config,
)
from bert.checkpoints.google.find import CONFIG as GOOGLES_CONFIG
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.checkpoints.weights import ADAPTER_CONFIG, required_file
from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import initialize_weights
from bert.tasks.task import Task
from bert.tokenization.tokenizer import Tokenizer
from bert.training.layer_wise import reinitialize_top_layers
from bert.training.script import Log
from bert.variants.build import as_variant
from finetuning.adapting import adapt_to
from finetuning.continuing import larger_model
from finetuning.generation_start import check_start, make_generation_model
from finetuning.settings import FinetuningSettings
from finetuning.vector_flags import makes_vectors


def find_tokenizer(settings: FinetuningSettings) -> Tokenizer | None:
    """The checkpoint's tokenizer. None: the run starts without a checkpoint, and learns a vocabulary.

    What the checkpoint and the flags decide is checked here, before any text is read.

    Raises:
        InputError: if there is none, the checkpoint is an adapter alone, or its sizes do not fit. For the built-in task
            it says how to make a checkpoint.
    """
    if settings.initialization == "scratch":
        return check_start(settings)
    if os.path.exists(Path(settings.checkpoint) / ADAPTER_CONFIG):
        required_file(Path(settings.checkpoint), "config.json")
    built_in = settings.task is None and settings.train is None
    if built_in and not any(
        os.path.exists(Path(settings.checkpoint) / name) for name in ("config.json", GOOGLES_CONFIG)
    ):
        raise InputError(
            f"{settings.checkpoint}: holds no checkpoint to start from; make it with: python train_pretrain.py "
            f"--output {settings.checkpoint}"
        )
    if settings.problem == "generation":
        return check_start(settings)
    tokenizer = load_tokenizer(settings.checkpoint)
    config_of(settings, tokenizer)
    return tokenizer


def config_of(settings: FinetuningSettings, tokenizer: Tokenizer) -> BertConfig:
    """The checkpoint's sizes, with the run's dropout.

    Raises:
        InputError: if the vocabulary, ``--max-length`` or ``--reinitialize-layers`` does not fit.
    """
    checkpoint = settings.checkpoint
    config = load_encoder_config(checkpoint)
    if settings.dropout is not None:
        config = config.replace(hidden_dropout_prob=settings.dropout, attention_probs_dropout_prob=settings.dropout)
    check_vocabulary_fits(tokenizer, config, checkpoint)
    if settings.max_length > config.max_position_embeddings:
        raise InputError(
            f"--max-length {settings.max_length} is above the {config.max_position_embeddings} positions that "
            f"{checkpoint} has embeddings for (max_position_embeddings); use at most that"
        )
    if settings.reinitialize_layers > config.num_hidden_layers:
        raise InputError(
            f"--reinitialize-layers {settings.reinitialize_layers}: {checkpoint} has {config.num_hidden_layers} layers"
        )
    return config


def make_model(settings: FinetuningSettings, task: Task, log: Log) -> nn.Module:
    """The checkpoint's encoder with the task's head, adapted if the settings say so.

    The head starts untrained unless the checkpoint has it.
    """
    if settings.problem == "generation":
        return make_generation_model(settings, task)
    checkpoint = settings.checkpoint
    config = config_of(settings, task.tokenizer)
    if task.needs_dropout and not (config.hidden_dropout_prob or config.attention_probs_dropout_prob):
        raise InputError(
            f"{checkpoint}: has no dropout, so that a text read twice has the same vector, and texts without queries "
            f"teach nothing; give --dropout 0.1, or queries"
        )
    types = task.segments() if config.type_vocab_size < 2 else 2
    if types > config.type_vocab_size:
        raise InputError(
            f"{checkpoint}: has embeddings for {config.type_vocab_size} kinds of segments (type_vocab_size), and an "
            f"input of this task has {types}; name a checkpoint that was trained on pairs"
        )
    # These read a token that stands before its text: a [CLS], or an entity's marker.
    early = settings.problem in ("summary", "relations") or (makes_vectors(task.kind) and settings.pool == "cls")
    if "left-to-right" in config.variant and early:
        raise InputError(
            f"{checkpoint}: reads from left to right, and this task reads tokens that stand before their text, so that "
            f"they have seen nothing of it; use --pool mean for vectors, or another checkpoint"
        )
    if settings.takes_model_over:
        return larger_model(settings, task, config)
    if settings.random_start:
        return as_variant(task.kind.head(config, **task.model_arguments))
    fresh = {"head": task.head_name, "pooler": "bert.pooler"}
    asked = [fresh[name] or "" for name in settings.fresh or ()]
    if "" in asked:
        raise InputError("--fresh head: this task has no head of its own; leave it out")
    # A head of another kind of task, or over another pooling, is never taken over, even if its shape fits. A further
    # adapter has its own head: the body's is for other labels.
    same_head = is_checkpoint_of(checkpoint, task.kind.head) and checkpoint_pool(checkpoint) == settings.pool
    same_head = same_head and settings.continue_from is None
    found = checkpoint_labels(checkpoint, task.kind.head) if same_head else None
    if found is not None and task.head_name not in (None, *asked) and found != tuple(task.labels):
        raise InputError(
            f"{checkpoint}: its head was trained on {len(found)} labels ({', '.join(found[:20])}), and the task has "
            f"{len(task.labels)} ({', '.join(task.labels[:20])}); to begin with an untrained head: --fresh head"
        )
    untrained = asked if task.head_name is None or same_head else [task.head_name, *asked]
    model: Any = load_checkpoint(checkpoint, task.kind.head, untrained, config, **task.model_arguments)
    if "pooler" in (settings.fresh or ()) and model.bert.pooler is None:
        raise InputError("--fresh pooler: the model of this task has no pooler; leave it out")
    for name in untrained:
        initialize_weights(model.get_submodule(name), config)
    reinitialize_top_layers(model.bert, settings.reinitialize_layers)
    if found is not None and task.head_name not in (None, *asked):
        log(f"Note: {checkpoint} has a head for these labels; it goes on from there (--fresh head begins anew).")
    adapt_to(settings, model, log)
    return model
