"""Which heads of a run the page shows, and the weights that it needs for them.

A head is a dictionary with its ``kind``; ``page/heads.js`` has a function for each kind.
"""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from bert.checkpoints.directory import load_checkpoint, parts_of_checkpoint
from bert.config import BertConfig
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.heads.pretraining import BertForPreTraining

MASKED_LM, NEXT_SENTENCE = "masked_lm", "next_sentence"
POSITIONS = "bert.embeddings.position_embeddings.weight"


@dataclass(frozen=True)
class ExploredModel:
    """A model as the page needs it.

    Attributes:
        config: its sizes, as they were trained.
        heads: each with its kind.
        weights: by PyTorch's names, (rows, columns) or (n,), float32. Position embeddings end at the page's longest
            input.
    """

    config: BertConfig
    heads: list[dict]
    weights: dict[str, Tensor]


def read_model(directory: str | Path, max_length: int) -> ExploredModel:
    """The model of a pretraining run, or of another checkpoint with the head of masked language modelling.

    Args:
        max_length: the page's longest input, in tokens.

    Raises an InputError if the checkpoint is damaged, or lacks the head.
    """
    parts = parts_of_checkpoint(directory)
    if "masked_language_model" not in parts:
        others = sorted(part for part in parts if "pooler" not in part)
        has = f"has {' and '.join(others)}, but no" if others else "has no"
        raise InputError(
            f"{directory}: {has} head of masked language modelling, whose predictions the page shows; name a "
            f"pretraining run, or pretrain it further (train_pretrain.py --checkpoint {directory} --fresh mlm)"
        )
    has_next_sentence = {"bert.pooler", "next_sentence"} <= parts and _trained_with_next_sentence(Path(directory))
    model = load_checkpoint(directory, BertForPreTraining, fresh=("bert.pooler", "next_sentence"))
    unused = () if has_next_sentence else ("bert.pooler.", "next_sentence.")
    weights = {name: weight for name, weight in model.state_dict().items() if not name.startswith(unused)}
    weights[POSITIONS] = weights[POSITIONS][:max_length]
    heads = [{"kind": MASKED_LM}, *([{"kind": NEXT_SENTENCE}] if has_next_sentence else [])]
    return ExploredModel(model.config, heads, weights)


def _trained_with_next_sentence(directory: Path) -> bool:
    """Whether a run trained its head of next sentence prediction. A run with --no-nsp saves it as it began."""
    arguments = directory / "arguments.json"
    return not arguments.exists() or read_json_object(arguments).get("nsp") is not False
