"""A model in the form of Google's archives, for TensorFlow and google-research/bert."""

from pathlib import Path
from typing import Any

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.google.write import save_google_checkpoint
from bert.tokenization.tokenizer import Tokenizer


def write_archive(directory: Path, model: Any, tokenizer: Tokenizer, int8: bool) -> Any:
    """Writes ``bert_model.ckpt``, ``bert_config.json`` and ``vocab.txt``. Returns the model that is read from them.

    Raises an InputError if Google's code has no such model.
    """
    save_google_checkpoint(directory, model, tokenizer)
    return load_checkpoint(directory, type(model))
