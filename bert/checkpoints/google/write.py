"""Writes a model in the form of Google's archives, which TensorFlow and google-research/bert read."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from bert.checkpoints.google.bundle import DTYPE_NUMBERS
from bert.checkpoints.google.crc32c import masked_crc32c
from bert.checkpoints.google.find import CONFIG, NAME
from bert.checkpoints.google.names import is_kernel, to_google_name
from bert.checkpoints.google.protos import Entry, write_entry, write_field
from bert.checkpoints.google.table import write_table
from bert.checkpoints.huggingface import labels_to_huggingface, to_huggingface_name
from bert.checkpoints.vocabulary import save_tokenizer
from bert.errors import InputError
from bert.files.whole import atomic_file, remove_unless, write_atomically
from bert.model.bert import BertModel
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

# What google-research/bert has: modeling.py, run_pretraining.py, run_classifier.py and run_squad.py.
_MODELS = ("BertModel", "BertForPreTraining", "BertForSequenceClassification", "BertForQuestionAnswering")
_ACTIVATIONS = ("gelu", "relu")  # of modeling.py, get_activation, those that we have too
_EPSILON = 1e-12  # of its LayerNorms, whatever bert_config.json says


def save_google_checkpoint(directory: str | Path, model: nn.Module, tokenizer: Tokenizer) -> None:
    """Writes ``bert_model.ckpt``, ``bert_config.json``, ``vocab.txt`` and ``tokenizer_config.json``.

    Weights have Google's names, once each, and kernels are transposed. The index comes after the data, and the
    configuration last. Labels are in ``bert_config.json`` for us: Google's code passes them over.

    Raises:
        InputError: if Google's code has no such model or vocabulary, or the directory cannot be written to.
    """
    directory = Path(directory)
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise InputError(f"{directory}: Google's code reads a vocab.txt, and this model has a SentencePiece vocabulary")
    variables, config = _variables(model), cast(Any, model).config
    if config.variant:
        raise InputError(
            f"{directory}: Google's code has the paper's model alone, and this is a variant: {config.variant}"
        )
    if different := _different(config, tokenizer):
        warnings.warn(
            f"{directory}: google-research/bert does not know {'; '.join(different)}, and would compute something else",
            stacklevel=2,
        )
    values, labels = config.to_dict(), getattr(model, "labels", None)
    if labels is not None:
        values |= labels_to_huggingface(labels, getattr(model, "problem_type", None))
    content = json.dumps(values, indent=2) + "\n"
    remove_unless(directory / CONFIG, content)
    write_bundle(directory / NAME, variables)
    save_tokenizer(directory, tokenizer, config.max_position_embeddings)
    write_atomically(directory / CONFIG, content)


def write_bundle(prefix: Path, variables: Mapping[str, Tensor]) -> None:
    """Writes variables as ``PREFIX.index`` and one data file.

    The old index goes first: a crash leaves no index beside other data.

    Raises an InputError if the disk is full or the files cannot be written.
    """
    index = prefix.with_name(f"{prefix.name}.index")
    remove_unless(index, b"")
    table = {b"": write_field(1, 1) + write_field(3, write_field(1, 1))}  # one data file, the format's version 1
    offset = 0
    with atomic_file(prefix.with_name(f"{prefix.name}.data-00000-of-00001")) as file:
        for name in sorted(variables):
            value = variables[name].detach().cpu().contiguous()
            content = value.reshape(-1).view(torch.uint8).numpy()
            entry = Entry(
                DTYPE_NUMBERS[value.dtype], tuple(value.shape), 0, offset, len(content), masked_crc32c(content)
            )
            table[name.encode()] = write_entry(entry)
            file.write(content.data)
            offset += len(content)
    write_atomically(index, write_table(table))


def _variables(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights as Google's variables. Raises an InputError if Google's code has no such model."""
    kind = getattr(type(model), "architecture", type(model).__name__)
    if kind not in _MODELS or getattr(model, "pool", "cls") != "cls":
        raise InputError(
            f"google-research/bert has no {kind}{' over a mean of tokens' if kind in _MODELS else ''}; it has the "
            f"heads of pretraining, of classification over [CLS], and of questions with answers in a text"
        )
    variables = {}
    for name, weight in model.state_dict().items():
        theirs = to_google_name(to_huggingface_name(f"bert.{name}" if isinstance(model, BertModel) else name))
        if theirs is None:
            raise InputError(
                f"google-research/bert has no place for the weight {name}; if it is an adapter's: python -m bert merge"
            )
        variables[theirs] = weight.T if is_kernel(theirs) else weight
    return variables


def _different(config: Any, tokenizer: WordPieceTokenizer) -> list[str]:
    """What Google's code would pass over, in words."""
    checks = {
        f"the activation {config.hidden_act}": config.hidden_act not in _ACTIVATIONS,
        f"LayerNorm's epsilon {config.layer_norm_eps}": config.layer_norm_eps != _EPSILON,
        "tokens that are added to a vocabulary": len(tokenizer.added_tokens) > 0,
        "texts whose accents are kept though they are lower-cased, or stripped though they are not":
            tokenizer.strip_accents != tokenizer.lowercase,
        "Chinese characters that are not split": not tokenizer.split_chinese,
    }  # fmt: skip
    return [what for what, is_so in checks.items() if is_so]
