"""A trained model by its directory: a whole checkpoint, or an adapter and the body that it names.

source_of("runs/lora").load(BertForSequenceClassification)      the body from where the adapter says
source_of("runs/lora", body="minilm")                           the body named
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from torch import nn

from bert.adaptation.adapt import merge
from bert.adaptation.files import CONFIG, AdapterFile, adapted, load_adapter, read_adapter
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import checkpoint_labels, is_checkpoint_of, load_checkpoint, load_encoder_config
from bert.checkpoints.vocabulary import load_tokenizer
from bert.checkpoints.weights import weight_files
from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import BertModel
from bert.tokenization.tokenizer import Tokenizer

Model = TypeVar("Model", bound=nn.Module)
VOCABULARIES = ("vocab.txt", "spm.model", "tokenizer.json")


@dataclass(frozen=True)
class Source:
    """Where the parts of a trained model are.

    Attributes:
        directory: of the run; it may hold ``task.json`` and a tokenizer.
        body: the checkpoint with the configuration and the body's weights. Without an adapter it is ``directory``.
        adapter: as it was read; None if the run is a whole checkpoint.
    """

    directory: Path
    body: Path
    adapter: AdapterFile | None = None

    def __str__(self) -> str:
        return str(self.directory)

    def config(self) -> BertConfig:
        """The sizes of the model, or of its encoder beside a decoder. A prefix that shifts positions leaves fewer."""
        config, method = load_encoder_config(self.body), self.adapter and self.adapter.method
        if isinstance(method, Prefix) and method.shift_positions:
            return config.replace(max_position_embeddings=config.max_position_embeddings - method.length)
        return config

    def is_of(self, model_class: type[nn.Module]) -> bool:
        """Whether the model was saved as one of this class."""
        if self.adapter is None:
            return is_checkpoint_of(self.directory, model_class)
        return self.adapter.head == model_class.__name__

    def labels(self, model_class: type[nn.Module]) -> tuple[str, ...] | None:
        """The labels of the head. None if it has none, or was not saved as a model of this class."""
        if self.adapter is None:
            return checkpoint_labels(self.directory, model_class)
        return self.adapter.labels if self.is_of(model_class) else None

    def tokenizer(self) -> Tokenizer:
        """The run's tokenizer. An adapter of peft may come without; then it is the body's."""
        has_one = any((self.directory / name).exists() for name in VOCABULARIES)
        return load_tokenizer(self.directory if has_one or self.adapter is None else self.body)

    def files(self) -> list[Path]:
        """The files that say which model it is. The adapter's has the checksum of its body."""
        if self.adapter is None:
            return weight_files(self.directory)
        return [self.adapter.path, self.directory / CONFIG]

    def load(self, model_class: type[Model]) -> Model:
        """The model with its head: float32, on the CPU, in eval mode.

        Raises an InputError if a file is damaged, the head is of another class, or the body is another one.
        """
        if self.adapter is None:
            return load_checkpoint(self.directory, model_class)
        return adapted(self.body, self.adapter, model_class)

    def load_encoder(self, merged: bool = False) -> BertModel:
        """The model without its head or decoder. It has a pooler only if the adapter's model has one.

        Args:
            merged: whether the adapter becomes part of plain weights. An InputError says so if it cannot.
        """
        if self.adapter is None:
            return load_checkpoint(self.directory, BertModel, with_pooler=False)
        weights = {name: weight for name, weight in self.adapter.weights.items() if name.startswith("bert.")}
        has_pooler = any(f"{name}.".startswith("bert.pooler.") for name in (*weights, *self.adapter.body))
        fresh = ("pooler",) if "bert.pooler" in self.adapter.also else ()
        model = Headless(load_checkpoint(self.body, BertModel, fresh, with_pooler=has_pooler))
        load_adapter(replace(self.adapter, weights=weights, head=None, labels=None, pool=None), model)
        if merged:
            merge(model)
        return model.bert.eval()


class Headless(nn.Module):
    """A body alone, under the name by which the methods find it."""

    def __init__(self, bert: BertModel):
        super().__init__()
        self.bert = bert


def source_of(run: str | Path | Source, body: str | Path | None = None) -> Source:
    """Where the parts of a run's model are.

    Args:
        body: the adapter's body. None: the checkpoint that the adapter names, as it was named when it was trained. A
            relative path begins in the working folder.

    Raises:
        InputError: if a body is given and the run is no adapter; or if the adapter is damaged, or its body not there.
    """
    if isinstance(run, Source):
        return run
    directory = Path(run)
    if body is None and not (directory / CONFIG).exists():
        return Source(directory, directory)
    adapter = read_adapter(directory)
    if body is None:
        body = adapter.checkpoint
        if body is None or not Path(body).is_dir():
            named = "names no body" if body is None else f"its body is {body}, and there is no such directory"
            raise InputError(
                f"{directory}: {named} (seen from {Path.cwd()}); name the body: python -m bert predict BODY FILE "
                f"--adapter {directory}, or python -m bert merge {directory} OUT --body BODY"
            )
    return Source(directory, Path(body), adapter)


def load_model(directory: str | Path, model_class: type[Model], body: str | Path | None = None) -> Model:
    """The model of a run, whole or adapted: float32, on the CPU, in eval mode.

    Raises an InputError as ``source_of`` and ``Source.load`` do.
    """
    return source_of(directory, body).load(model_class)
