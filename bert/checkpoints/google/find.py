"""Which TensorFlow checkpoint a directory holds. The archives of google-research/bert have three kinds of files:

bert_config.json                            the sizes
vocab.txt                                   the vocabulary
bert_model.ckpt.index, .data-00000-of-...   the weights; of a training run model.ckpt-STEP.index and so on
"""

import re
import warnings
from pathlib import Path

from bert.errors import InputError
from bert.files.reading import read_bytes

CONFIG = "bert_config.json"
NAME = "bert_model.ckpt"  # of a published checkpoint
_LIST = "checkpoint"  # a file in which TensorFlow says which of a run's checkpoints is the last
_NAMES_LAST = re.compile(r'^\s*model_checkpoint_path\s*:\s*"([^"]*)"', re.MULTILINE)
_LONGEST_LIST = 1 << 20


def google_checkpoint(directory: Path) -> Path | None:
    """The path of a directory's TensorFlow checkpoint, without its endings. None: there is none.

    Of several it is the one that the file ``checkpoint`` names, as TensorFlow writes it. Without that file it is the
    last of a run. A warning says so.

    Raises:
        InputError: if several are no run's, the one named is not there, or data lie there without their index.
    """
    found = sorted(
        path.with_suffix("") for pattern in ("*.ckpt.index", "*.ckpt-*.index") for path in directory.glob(pattern)
    )
    if not found:
        if data := sorted(directory.glob("*.ckpt*.data-*-of-*")):
            index = f"{data[0].name.rpartition('.data-')[0]}.index"
            raise InputError(f"{data[0]}: needs {index} beside it, which says where its weights are; copy that too")
        return None
    if len(found) == 1:
        return found[0]
    if (directory / _LIST).is_file():
        text = read_bytes(directory / _LIST, _LONGEST_LIST).decode("utf-8", "replace")
        named = _NAMES_LAST.search(text)
        path = directory / re.split(r"[/\\]", named[1])[-1] if named else None  # perhaps of another machine
        if path not in found:
            raise InputError(
                f"{directory / _LIST}: names {named[1][:80] if named else 'no checkpoint'}, but in the directory are "
                f"{_listed(found)}; correct the line model_checkpoint_path"
            )
        return path
    steps = [re.fullmatch(r"(.*)-(\d{1,18})", path.name) for path in found]
    if len({step[1] if step else None for step in steps}) > 1 or not all(steps):
        raise InputError(f"{directory}: holds several TensorFlow checkpoints, {_listed(found)}; leave one there")
    last = max(found, key=lambda path: int(path.name.rpartition("-")[2]))
    warnings.warn(f"{directory}: of {_listed(found)} this reads {last.name}, the last", stacklevel=2)
    return last


def _listed(paths: list[Path]) -> str:
    names = [path.name for path in paths]
    return (
        " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) < 6 else f"{names[0]} and {len(names) - 1} more"
    )
