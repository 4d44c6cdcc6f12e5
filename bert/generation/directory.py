"""The directory of a generation run: a checkpoint. Targets may have a second vocabulary there.

config.json, model.safetensors        the model
vocab.txt (or spm.model)              the source's vocabulary
target/vocab.txt (or spm.model)       the target's, if it is another one
"""

from pathlib import Path

from bert.checkpoints.vocabulary import load_tokenizer, save_tokenizer
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
