"""The directory of a generation run: a checkpoint. Targets may have a second vocabulary there.

config.json, model.safetensors        the model
vocab.txt (or spm.model)              the source's vocabulary
target/vocab.txt (or spm.model)       the target's, if it is another one
"""

import os
from pathlib import Path

from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer, save_tokenizer
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.generation.config import MODEL_TYPE, EncoderDecoderConfig
from bert.tokenization.tokenizer import Tokenizer

TARGET = "target"  # the folder


def save_target_tokenizer(directory: str | Path, source: Tokenizer, target: Tokenizer) -> None:
    """Writes the target's vocabulary, if it is not the source's."""
    if target.fingerprint != source.fingerprint:
        save_tokenizer(Path(directory) / TARGET, target)


def load_target_tokenizer(directory: str | Path) -> Tokenizer:
    """The target's tokenizer of a run. Raises an InputError if its files are damaged or missing."""
    target = Path(directory) / TARGET
    return load_tokenizer(target if target.exists() else directory)


def target_tokenizer_of(directory: str | Path, config: EncoderDecoderConfig) -> Tokenizer:
    """The target's tokenizer of a run.

    Raises an InputError if its files are damaged or missing, or if it does not belong to the model of ``config``.
    """
    tokenizer = load_target_tokenizer(directory)
    check_vocabulary_fits(tokenizer, config.decoder, f"{directory}: of the targets")
    for piece, expected in (("cls", config.start_id), ("sep", config.end_id)):
        if (found := getattr(tokenizer, f"{piece}_token_id")) != expected:
            raise InputError(
                f"{directory}: [{piece.upper()}] is piece {found} of the targets' vocabulary, but config.json says "
                f"{expected}: they do not belong together; use the vocabulary that the model was trained with"
            )
    return tokenizer


def has_decoder(directory: str | Path) -> bool:
    """Whether a directory holds an encoder with a decoder. False if it holds nothing.

    Raises an InputError if its configuration is damaged.
    """
    file = Path(directory) / "config.json"
    return os.path.isfile(file) and read_json_object(file).get("model_type") == MODEL_TYPE
