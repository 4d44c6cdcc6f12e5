"""The weights of Google's checkpoint under transformers' names, and what its variables say of its heads."""

from pathlib import Path
from typing import Any

from torch import Tensor

from bert.checkpoints.google.bundle import Bundle
from bert.checkpoints.google.names import CLASSIFIER, PRETRAINING, SPANS, from_google_name, is_kernel, is_weight
from bert.errors import InputError

_HEADS = {
    PRETRAINING: "BertForPreTraining", CLASSIFIER: "BertForSequenceClassification", SPANS: "BertForQuestionAnswering",
}  # fmt: skip
_OF_TENSORFLOW_2 = "_CHECKPOINTABLE_OBJECT_GRAPH"


def read_google_weights(prefix: Path) -> dict[str, Tensor]:
    """The model's weights. The optimizer's variables are not read.

    Raises an InputError if the checkpoint is damaged, or another program's than google-research/bert.
    """
    bundle = Bundle(prefix)
    if _OF_TENSORFLOW_2 in bundle.entries:
        raise InputError(
            f"{bundle.index}: is of TensorFlow 2's model garden, whose variables have other names; the checkpoints of "
            f"google-research/bert are read here, and model.safetensors"
        )
    weights: dict[str, Tensor] = {}
    for name in sorted(bundle.entries):
        dtype = bundle.dtype(name)
        if dtype is None or not dtype.is_floating_point or not is_weight(name):
            continue
        weight = bundle.read(name)
        if is_kernel(name) and weight.dim() == 2:
            weight = weight.T.contiguous()
        if from_google_name(name) in weights:
            raise InputError(f"{bundle.index}: holds {from_google_name(name)[:80]} under two names")
        weights[from_google_name(name)] = weight
    return weights


def google_settings(prefix: Path) -> dict[str, Any]:
    """What ``config.json`` would say of the heads: ``bert_config.json`` has the sizes alone.

    Raises an InputError if the checkpoint's index is damaged.
    """
    entries = Bundle(prefix).entries
    settings: dict[str, Any] = {"architectures": [model for name, model in _HEADS.items() if name in entries]}
    if CLASSIFIER in entries and entries[CLASSIFIER].shape:
        settings["num_labels"] = entries[CLASSIFIER].shape[0]  # they have numbers alone
    return settings
