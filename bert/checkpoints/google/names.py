"""Google's names of BERT's variables, and those of transformers, which come from them.

    bert/encoder/layer_3/attention/self/query/kernel  <->  bert.encoder.layer.3.attention.self.query.weight

Sources: google-research/bert ``modeling.py``, ``run_pretraining.py``, ``run_classifier.py``, ``run_squad.py``.
"""

import re

# Names with a rule of their own: Google's, transformers'.
_HEADS = {
    "cls/predictions/output_bias": "cls.predictions.bias",
    "cls/seq_relationship/output_weights": "cls.seq_relationship.weight",
    "cls/seq_relationship/output_bias": "cls.seq_relationship.bias",
    "output_weights": "classifier.weight",
    "output_bias": "classifier.bias",
    "cls/squad/output_weights": "qa_outputs.weight",
    "cls/squad/output_bias": "qa_outputs.bias",
}
_GOOGLES = {theirs: google for google, theirs in _HEADS.items()}
CLASSIFIER, SPANS, PRETRAINING = "output_weights", "cls/squad/output_weights", "cls/predictions/output_bias"
# Last parts of names. TensorFlow's dense layers compute x W, PyTorch's x W^T: kernels are transposed.
_LAST = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
# The variables of modeling.py, and of run_pretraining.py's transform.
_VARIABLE = re.compile(
    r"(bert/(embeddings|pooler|encoder/layer_\d+/(attention/(self|output)|intermediate|output))"
    r"|cls/predictions/transform)/((dense|query|key|value)/(kernel|bias)|LayerNorm/(gamma|beta)|\w+_embeddings)"
)
_LAYER = re.compile(r"layer_(\d+)")
# What optimizers and training loops keep beside the weights.
_NOT_A_WEIGHT = re.compile(
    r"(.*/)?(adam_[mv]|lamb_[mv]|Adam|Momentum|ExponentialMovingAverage)(_\d+)?|(.*/)?AdamWeightDecayOptimizer.*"
    r"|global_step|beta[12]_power|(signal_early_stopping|loss_scale|current_loss_scale|good_steps)(/.*)?"
)


def is_weight(name: str) -> bool:
    """Whether a variable belongs to the model, not to its training.

    >>> is_weight("bert/pooler/dense/kernel"), is_weight("bert/pooler/dense/kernel/adam_m")
    (True, False)
    """
    return _NOT_A_WEIGHT.fullmatch(name) is None


def is_kernel(name: str) -> bool:
    """Whether PyTorch has this variable of Google's transposed."""
    return name.endswith("/kernel")


def from_google_name(name: str) -> str:
    """The name that transformers gives a variable. An unknown name is kept, with points.

    >>> from_google_name("bert/encoder/layer_3/output/LayerNorm/gamma")
    'bert.encoder.layer.3.output.LayerNorm.weight'
    """
    if name in _HEADS:
        return _HEADS[name]
    *folders, last = name.split("/")
    folders = [_LAYER.sub(r"layer.\1", folder) for folder in folders]
    return ".".join([*folders, f"{last}.weight" if last.endswith("_embeddings") else _LAST.get(last, last)])


def to_google_name(name: str) -> str | None:
    """Google's name of a parameter, from transformers' name. None: Google's code has no such variable.

    >>> to_google_name("bert.embeddings.word_embeddings.weight")
    'bert/embeddings/word_embeddings'
    """
    if name in _GOOGLES:
        return _GOOGLES[name]
    path = re.sub(r"\blayer\.(\d+)\.", r"layer_\1.", name).replace(".", "/")
    path = re.sub(r"_embeddings/weight$", "_embeddings", path)
    path = re.sub(r"LayerNorm/weight$", "LayerNorm/gamma", re.sub(r"LayerNorm/bias$", "LayerNorm/beta", path))
    path = re.sub(r"/weight$", "/kernel", path)
    return path if _VARIABLE.fullmatch(path) and from_google_name(path) == name else None
