"""A checkpoint's directory: ``config.json``, ``model.safetensors`` and the vocabulary (``vocabulary.py``).

The layout and the names of the weights are Hugging Face's. So transformers loads our checkpoints, and we load its own.
Google's layout is read too: ``bert_config.json`` and ``bert_model.ckpt`` (``google/``).
"""

import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from bert.checkpoints.encoder_decoder import from_encoder_decoder, to_encoder_decoder_name
from bert.checkpoints.fitting import KNOWN_HEADS, fitting, is_in, shared
from bert.checkpoints.google.find import CONFIG as GOOGLES_CONFIG
from bert.checkpoints.google.find import google_checkpoint
from bert.checkpoints.google.read import google_settings
from bert.checkpoints.huggingface import (
    UNTIED_DECODER,
    WORD_EMBEDDINGS,
    from_huggingface,
    labels_from_huggingface,
    labels_to_huggingface,
    to_huggingface,
    to_huggingface_name,
)
from bert.checkpoints.model_card import Facts, model_card, write_card
from bert.checkpoints.shapes import shapes_of
from bert.checkpoints.vocabulary import save_tokenizer
from bert.checkpoints.weights import read_weights, required_file, write_weights
from bert.config import MODEL_TYPE, VARIANT_TYPE, BertConfig
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.whole import remove_unless, write_atomically
from bert.model.bert import BertModel
from bert.tokenization.tokenizer import Tokenizer
from bert.variants.build import as_variant, variant_of

Model = TypeVar("Model", bound=nn.Module)

_BESIDE_THE_ENCODER = ("decoder", "bridge")  # the parts of an encoder-decoder that a model of its encoder lacks
POOLING = "classifier_pooling"  # in ``config.json``, what a classifier reads; the name is transformers', of ModernBERT


def save_checkpoint(
    directory: str | Path,
    model: nn.Module,
    tokenizer: Tokenizer | None = None,
    weights: dict[str, Tensor] | None = None,
) -> None:
    """Writes a model and its tokenizer, in files that transformers can load too.

    Each file is written whole or not at all. ``config.json`` comes last: a directory that has one is complete. If it
    holds another model's, it goes first.

    Args:
        weights: the model's; None: its ``state_dict``. A sharded model's must be gathered before.

    Raises:
        InputError: if the disk is full or the directory cannot be written to.
    """
    directory = Path(directory)
    config = config_of(model)
    weights = _under_their_names(model.state_dict() if weights is None else weights, model, "decoder" in config)
    content = json.dumps(config, indent=2) + "\n"
    remove_unless(directory / "config.json", content)
    write_weights(directory, weights)
    if tokenizer is not None:
        save_tokenizer(directory, tokenizer, positions_of(model))
    write_model_card(directory, model, tokenizer)
    write_atomically(directory / "config.json", content)


def config_of(model: nn.Module) -> dict[str, Any]:
    """What ``config.json`` says of a model: its class, sizes and labels."""
    sizes = _sizes_of(model)
    model_type = VARIANT_TYPE if "variant" in sizes else MODEL_TYPE
    config = {"architectures": [_architecture(type(model))], "model_type": model_type, **sizes}
    labels = getattr(model, "labels", None)
    if labels is not None:
        config |= labels_to_huggingface(labels, getattr(model, "problem_type", None))
    if getattr(model, "pool", "cls") != "cls":
        config[POOLING] = model.pool
    return config


def write_model_card(
    directory: str | Path, model: nn.Module, tokenizer: Tokenizer | None = None, facts: Facts | None = None
) -> bool:
    """Writes the card of a model, ``README.md``. Returns False if somebody else's is there, which then stays.

    Args:
        facts: what the run knows; None: it is nothing beside the model and its tokenizer.

    Raises an InputError if the disk is full or the directory cannot be written to.
    """
    facts, vocabulary = facts or Facts(), ""
    counted = [weight.numel() for weight in model.parameters() if weight.requires_grad or not facts.adapter]
    if tokenizer is not None:
        kind = type(tokenizer).__name__.removesuffix("Tokenizer")
        case = ", lower-cased" if getattr(tokenizer, "lowercase", False) else ""
        vocabulary = f"Its vocabulary has {tokenizer.vocab_size:,} pieces of {kind}{case}"
    sizes: dict[str, Any] = {}
    for name, value in _sizes_of(model).items():
        sizes |= {f"{name}.{part}": of for part, of in value.items()} if isinstance(value, dict) else {name: value}
    title = Path(directory).resolve().name
    return write_card(directory, model_card(title, _architecture(type(model)), sizes, sum(counted), vocabulary, facts))


def load_checkpoint(
    directory: str | Path, model_class: type[Model], fresh: Iterable[str] = (), config: Any = None,
    **model_arguments,
) -> Model:  # fmt: skip
    """Loads a model from one of our runs, or from Hugging Face's or Google's files: float32, on the CPU, in eval mode.

    Of an encoder with a decoder, a model without a decoder takes the encoder.

    Args:
        directory: holds ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin``, or the parts of either);
            or ``bert_config.json`` and ``bert_model.ckpt``.
        model_class: BertModel or a class with a head.
        fresh: parts, by our names, that are newly initialized if the checkpoint lacks them or their shape differs.
            Examples: ``("classifier",)`` to fine-tune, ``("bert.pooler",)``.
        config: the same sizes, but perhaps another dropout. None: the checkpoint's own. It is a BertConfig, or the
            ``config_class`` of the model's class.
        model_arguments: further arguments of the model's constructor. Labels and their problem type come from the
            checkpoint unless they are given.

    Raises:
        InputError: if a file is missing or damaged, or a weight is missing, unexpected or of another shape. The
            message names each.
    """
    directory, fresh = Path(directory), tuple(fresh)
    config_class: Any = getattr(model_class, "config_class", None)  # None: the model is an encoder with a head
    if config is None and config_class is None:
        config = load_encoder_config(directory)
    elif config is None:
        config = config_class.from_json_file(required_file(directory, "config.json"))
    if not model_arguments.keys() & {"labels", "num_labels"}:
        model_arguments = _saved_labels(directory, model_class) | model_arguments
    path, weights = read_weights(directory)
    weights = _under_our_names(weights, str(path))
    if config_class is None:
        weights = {name: weight for name, weight in weights.items() if not is_in(name, _BESIDE_THE_ENCODER)}
        weights, config = _tied_or_not(weights, config)
    if model_class is BertModel:
        weights = {name.removeprefix("bert."): weight for name, weight in weights.items()}
    if config.num_hidden_layers > len(weights):  # a damaged configuration must not build a million layers
        raise InputError(f"{path}: has {len(weights)} weights, too few for {config.num_hidden_layers} layers")

    def make() -> Model:
        return as_variant(model_class(config, **model_arguments))

    model = shapes_of(make)  # almost all values would be replaced at once
    expected = model.state_dict()
    weights = shared(weights, model, str(path))
    weights = fitting(weights, expected, fresh, f"{path} does not fit {model_class.__name__}")
    if len(weights) < len(expected):
        model = make()  # some parts are newly initialized
    model.load_state_dict(weights, strict=False, assign=True)  # fitting was strict, in better words
    if config_class is None and UNTIED_DECODER not in expected:  # nothing in this model reads a second table
        cast(Any, model).config = config.replace(tie_word_embeddings=True)
    return model.requires_grad_().eval()


def parts_of_checkpoint(directory: str | Path) -> set[str]:
    """Which of the parts that a model may lack a checkpoint has, by our names: ``KNOWN_HEADS``."""
    path, weights = read_weights(Path(directory))
    names = _under_our_names(weights, str(path))
    return {part for part in KNOWN_HEADS if any(is_in(name, (part,)) for name in names)}


def positions_of(model: nn.Module) -> int:
    """The most tokens that a model reads; of an encoder with a decoder, that the encoder reads."""
    config: Any = model.config
    return getattr(config, "encoder", config).max_position_embeddings


def load_config(directory: str | Path) -> BertConfig:
    """The configuration of a directory's model. Raises an InputError if there is none, or it is not a BERT's."""
    return BertConfig.from_json_file(required_file(Path(directory), "config.json"))


def load_encoder_config(directory: str | Path) -> BertConfig:
    """The configuration of what reads a text: of a BERT, or of the encoder of an encoder with a decoder.

    Raises an InputError if there is none, or it is not a BERT's.
    """
    path = required_file(Path(directory), "config.json")
    values = read_json_object(path)
    if values.get("model_type") != "encoder-decoder":
        return BertConfig.from_dict(values, str(path))
    if not isinstance(encoder := values.get("encoder"), dict):
        raise InputError(f"{path}: encoder is {str(encoder)[:80]}; an object with a BERT's sizes was expected")
    return BertConfig.from_dict(encoder, f"{path}: encoder")


def config_values(directory: str | Path) -> tuple[Path, dict[str, Any]]:
    """The path of a directory's configuration, and its values. Of Google's files the weights say which heads there are.

    Raises an InputError if there is none, or it is damaged.
    """
    path = required_file(Path(directory), "config.json")
    values = read_json_object(path)
    if path.name == GOOGLES_CONFIG and (prefix := google_checkpoint(Path(directory))) is not None:
        values = google_settings(prefix) | values
    return path, values


def is_checkpoint_of(directory: str | Path, model_class: type[nn.Module]) -> bool:
    """Whether a checkpoint was saved as a model of this class."""
    architectures = config_values(directory)[1].get("architectures")
    return isinstance(architectures, list) and _architecture(model_class) in architectures


def checkpoint_labels(directory: str | Path, model_class: type[nn.Module]) -> tuple[str, ...] | None:
    """The labels of a checkpoint's head. None if it was not saved as a model of this class."""
    if not is_checkpoint_of(directory, model_class):
        return None
    labels = _saved_labels(Path(directory), model_class).get("labels")
    return None if labels is None else tuple(labels)


def checkpoint_pool(directory: str | Path) -> str:
    """What a checkpoint's classifier reads: "cls", the pooled [CLS]; or "mean"."""
    return config_values(directory)[1].get(POOLING, "cls")


def _sizes_of(model: nn.Module) -> dict[str, Any]:
    """The model's configuration. Its variant is the one that its modules compute."""
    sizes, variant = cast(Any, model.config).to_dict(), variant_of(model)
    sizes.pop("variant", None)
    return sizes | ({"variant": variant} if variant else {})


def _architecture(model_class: type[nn.Module]) -> str:
    """What ``config.json`` calls a class: its name, unless transformers has another for it."""
    return getattr(model_class, "architecture", model_class.__name__)


def _under_their_names(weights: dict[str, Tensor], model: nn.Module, has_decoder: bool) -> dict[str, Tensor]:
    if has_decoder:
        return {to_encoder_decoder_name(name): weight for name, weight in weights.items()}
    if isinstance(model, BertModel):
        return {to_huggingface_name(f"bert.{name}").removeprefix("bert."): weight for name, weight in weights.items()}
    return to_huggingface(weights)


def _under_our_names(weights: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    has_decoder = any(name.startswith("decoder.") for name in weights)
    return from_encoder_decoder(weights, source) if has_decoder else from_huggingface(weights, source)


def _tied_or_not(weights: dict[str, Tensor], config: BertConfig) -> tuple[dict[str, Tensor], BertConfig]:
    """The weights, and the configuration that tells whether there is a decoder of its own.

    As in transformers, two tables in the file that differ are two, whatever ``config.json`` says. If it says that they
    are two, and the file has one, both begin with it. Without a head of masked language modelling, a new one is tied.
    """
    has_head = any(is_in(name, ("masked_language_model",)) for name in weights)
    if has_head and not config.tie_word_embeddings and UNTIED_DECODER not in weights and WORD_EMBEDDINGS in weights:
        weights = weights | {UNTIED_DECODER: weights[WORD_EMBEDDINGS].clone()}
    return weights, config.replace(tie_word_embeddings=UNTIED_DECODER not in weights)


def _saved_labels(directory: Path, model_class: type[nn.Module]) -> dict:
    """The labels, problem type and pooling of ``config.json``, if the model's constructor takes them."""
    path, values = config_values(directory)
    labels, problem_type = labels_from_huggingface(values, str(path))
    saved = {"labels": labels, "problem_type": problem_type, "pool": checkpoint_pool(directory)}
    parameters = inspect.signature(model_class).parameters
    return {name: value for name, value in saved.items() if name in parameters and value is not None}
