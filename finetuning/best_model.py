"""The best model of a run on the disk: a whole one, or its adapter and its head."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bert.adaptation import files as adapter
from bert.adaptation.adapt import adaptation_of
from bert.adaptation.files import load_adapter, save_adapter
from bert.checkpoints.directory import load_checkpoint, positions_of, save_checkpoint
from bert.checkpoints.sentence_transformers import write_modules
from bert.checkpoints.shapes import shapes_of
from bert.checkpoints.vocabulary import save_tokenizer
from bert.generation.directory import save_target_tokenizer
from bert.heads.embedding import SentenceEncoder
from bert.tasks.task import Task
from bert.training.run import Run
from bert.training.sharding import is_sharded
from bert.variants.build import as_variant
from finetuning.settings import FinetuningSettings


def save_best_model(settings: FinetuningSettings, run: Run, task: Task, weights: dict[str, Tensor]) -> None:
    """Writes the model as it is now. With ``--adapt`` the body stays in its checkpoint.

    Args:
        weights: all of the model's, gathered.
    """
    if task.options.writing is not None:
        save_target_tokenizer(run.directory, task.tokenizer, task.options.writing.tokenizer)
    if settings.adapt is None:
        save_checkpoint(run.directory, run.model, task.tokenizer, weights)
    else:
        save_tokenizer(run.directory, task.tokenizer, positions_of(run.model))
        save_adapter(run.directory, run.model, settings.checkpoint, weights)
    if isinstance(run.model, SentenceEncoder):
        length = task.options.max_length
        write_modules(run.directory, run.model.pool, settings.normalize, length, run.model.config.hidden_size)


def load_best_model(settings: FinetuningSettings, run: Run, task: Task) -> nn.Module:
    """The model as the files have it, to be measured. All processes must call it.

    An adapted one is a second model, since its parameters may have other shapes than in training: AdaLoRA saves the
    triplets that are left, and a prefix is saved without its MLP. The two have the frozen weights in common.
    """
    if settings.adapt is None:
        run.load_weights(load_checkpoint(run.directory, task.kind.head).state_dict())
        return run.model
    if is_sharded(run.model):  # each process has but a share of the frozen weights
        parts = (*filter(None, [task.head_name]), "bert.pooler")  # the adapter has those that the checkpoint lacks
        model: Any = load_checkpoint(settings.checkpoint, task.kind.head, parts, **task.model_arguments)
    else:
        model = _on_the_same_body(run.model, task)
    load_adapter(run.directory, model)
    model.to(run.processes.device)
    run.precision.prepare(model)
    return model.eval()


def _on_the_same_body(adapted: nn.Module, task: Task) -> nn.Module:
    """A model without an adapter, on the frozen weights of an adapted one, which are in memory once."""
    model = shapes_of(lambda: as_variant(task.kind.head(adapted.config, **task.model_arguments)))
    trained, weights = set(adaptation_of(adapted).trained), adapted.state_dict()
    model.load_state_dict(
        {name: torch.empty_like(weights[name]) if name in trained else weights[name] for name in model.state_dict()},
        assign=True,
    )
    return model


def saved_bytes(run: Run, settings: FinetuningSettings) -> int:
    """The size of the file of the best model's weights."""
    name = "model.safetensors" if settings.adapt is None else adapter.WEIGHTS
    return (Path(run.directory) / name).stat().st_size
