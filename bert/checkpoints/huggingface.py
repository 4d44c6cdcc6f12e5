"""Hugging Face's names for BERT's parameters and a head's labels, and ours.

Our names follow the paper's parts: ``encoder.layers.0.attention.query``. Theirs come from the first TensorFlow code:
``encoder.layer.0.attention.self.query``. Read the tables below from left to right to save, from right to left to load.
"""

import re

from torch import Tensor

from bert.errors import InputError

# Ours, theirs. The first part that a name begins with is exchanged.
_LAYER_PARTS = [
    ("attention.query", "attention.self.query"),
    ("attention.key", "attention.self.key"),
    ("attention.value", "attention.self.value"),
    ("attention.output", "attention.output.dense"),
    ("attention_norm", "attention.output.LayerNorm"),
    ("cross_attention.query", "crossattention.self.query"),  # in decoders
    ("cross_attention.key", "crossattention.self.key"),
    ("cross_attention.value", "crossattention.self.value"),
    ("cross_attention.output", "crossattention.output.dense"),
    ("cross_attention_norm", "crossattention.output.LayerNorm"),
    ("feed_forward.intermediate", "intermediate.dense"),
    ("feed_forward.output", "output.dense"),
    ("feed_forward_norm", "output.LayerNorm"),
]
_OTHER_PARTS = [
    ("bert.embeddings.layer_norm", "bert.embeddings.LayerNorm"),
    ("masked_language_model.dense", "cls.predictions.transform.dense"),
    ("masked_language_model.layer_norm", "cls.predictions.transform.LayerNorm"),
    ("masked_language_model.bias", "cls.predictions.bias"),
    ("masked_language_model.decoder", "cls.predictions.decoder"),
    ("next_sentence.classifier", "cls.seq_relationship"),
]
# Usually copies of other parameters. Some versions write them, others do not.
_DECODER_WEIGHT, _DECODER_BIAS = "cls.predictions.decoder.weight", "cls.predictions.decoder.bias"
# Our names of the word embeddings, and of a decoder that is no copy of them (tie_word_embeddings false).
WORD_EMBEDDINGS, UNTIED_DECODER = "bert.embeddings.word_embeddings.weight", "masked_language_model.decoder.weight"


def to_huggingface_name(name: str) -> str:
    """The name that transformers gives a parameter of a model with a head.

    >>> to_huggingface_name("bert.encoder.layers.3.feed_forward_norm.weight")
    'bert.encoder.layer.3.output.LayerNorm.weight'
    """
    layer = re.fullmatch(r"bert\.encoder\.layers\.(\d+)\.(.+)", name)
    if layer:
        return f"bert.encoder.layer.{layer[1]}.{_exchange(layer[2], _LAYER_PARTS)}"
    return _exchange(name, _OTHER_PARTS)


def from_huggingface_name(name: str) -> str:
    """Our name of a parameter, from transformers' name, today's or an old one.

    >>> from_huggingface_name("encoder.layer.3.output.LayerNorm.gamma")
    'bert.encoder.layers.3.feed_forward_norm.weight'
    """
    name = re.sub(r"\bLayerNorm\.gamma$", "LayerNorm.weight", name)  # TensorFlow's names, in checkpoints of 2018
    name = re.sub(r"\bLayerNorm\.beta$", "LayerNorm.bias", name)
    if name.startswith(("embeddings.", "encoder.", "pooler.")):  # a bare BertModel has no prefix
        name = f"bert.{name}"
    layer = re.fullmatch(r"bert\.encoder\.layer\.(\d+)\.(.+)", name)
    if layer:
        theirs_to_ours = [(theirs, ours) for ours, theirs in _LAYER_PARTS]
        return f"bert.encoder.layers.{layer[1]}.{_exchange(layer[2], theirs_to_ours)}"
    return _exchange(name, [(theirs, ours) for ours, theirs in _OTHER_PARTS])


def from_huggingface(weights: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """A checkpoint's parameters under our names, each once. Entries that are not parameters are dropped.

    The decoder of the masked-language-model head is usually a copy of the word embeddings, and dropped. One that is no
    copy is there under ``UNTIED_DECODER``. Of two biases the decoder's counts, as in transformers.

    Raises an InputError if two names are of one weight.
    """
    weights = {name: weight for name, weight in weights.items() if not name.endswith("embeddings.position_ids")}
    decoder_weight, decoder_bias = weights.pop(_DECODER_WEIGHT, None), weights.pop(_DECODER_BIAS, None)
    ours: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if from_huggingface_name(name) in ours:
            raise InputError(f"{source}: holds {from_huggingface_name(name)} under two names, one of them {name}")
        ours[from_huggingface_name(name)] = weight
    table = ours.get(WORD_EMBEDDINGS)
    if decoder_weight is not None and table is not None and not decoder_weight.float().equal(table.float()):
        ours[UNTIED_DECODER] = decoder_weight
    if decoder_bias is not None:
        ours["masked_language_model.bias"] = decoder_bias
    return ours


def to_huggingface(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A model's parameters under transformers' names. A decoder of its own has its bias a second time."""
    theirs = {to_huggingface_name(name): weight for name, weight in weights.items()}
    if UNTIED_DECODER in weights:
        theirs[_DECODER_BIAS] = weights["masked_language_model.bias"]
    return theirs


def labels_to_huggingface(labels: tuple[str, ...], problem_type: str | None) -> dict:
    """The entries of ``config.json`` that give transformers a head's labels.

    >>> labels_to_huggingface(("no", "yes"), None)
    {'id2label': {'0': 'no', '1': 'yes'}, 'label2id': {'no': 0, 'yes': 1}}
    """
    entries = {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    return entries if problem_type is None else entries | {"problem_type": problem_type}


def labels_from_huggingface(config: dict, source: str) -> tuple[list[str] | None, str | None]:
    """The labels and the problem type that a ``config.json`` names; None for each that it does not name.

    As in transformers, a single label without a problem type means regression.

    Raises an InputError if the labels are not numbered from 0 without a gap.
    """
    names, count = config.get("id2label"), config.get("num_labels")
    problem_type = config.get("problem_type")
    if names is None and type(count) is int and 0 < count < 1_000_000:
        names = {str(index): f"LABEL_{index}" for index in range(count)}
    if names is None:
        return None, problem_type
    if not isinstance(names, dict) or names.keys() != {str(index) for index in range(len(names))} or not names:
        raise InputError(f"{source}: id2label does not name the labels 0, 1, 2, ...; it is {str(names)[:80]}")
    labels = [str(names[str(index)]) for index in range(len(names))]
    return labels, problem_type or ("regression" if len(labels) == 1 else None)


def _exchange(name: str, parts: list[tuple[str, str]]) -> str:
    for old, new in parts:
        if name == old or name.startswith(f"{old}."):
            return new + name[len(old) :]
    return name
