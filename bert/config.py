"""BertConfig: the sizes of a BERT, under the names of ``bert_config.json``."""

from dataclasses import asdict, dataclass, fields, replace
from functools import partialmethod
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.json_objects import read_json_object

# The names of activations in published configurations (activations.py). GELU (Hendrycks & Gimpel 2016) has two forms:
# the exact one, x * Phi(x), and its tanh approximation.
EXACT_GELU = ("gelu", "gelu_python")
TANH_GELU = ("gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate")
OTHER_ACTIVATIONS = ("gelu_10", "quick_gelu", "relu", "silu", "swish")
LARGEST = 2**24  # of any size: above all models' sizes, and a product of two is still exact
# Other models than the paper's (bert/variants/). A ``config.json`` with some has a model type of its own. So
# transformers' Auto classes refuse it. Its BertModel, called by name, only warns, and computes other numbers.
VARIANTS = ("pre-norm", "rotary", "gated", "rms-norm", "left-to-right")
MODEL_TYPE, VARIANT_TYPE = "bert", "bert-variant"


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT model and its dropout. Raises an InputError if no model has such a value.

    Defaults are BERT-base, uncased. Source: Devlin et al. 2018, section 3. Its L, H, A are ``num_hidden_layers``,
    ``hidden_size``, ``num_attention_heads``. The keys are from google-research/bert, ``modeling.py``. Only
    ``layer_norm_eps`` and ``tie_word_embeddings`` are from Hugging Face's ``config.json``. The latter is false for the
    few published models that score pieces with another table than the word embeddings. ``variant`` is our own: names
    of ``VARIANTS``, with commas between them. ``bert.variants.build.as_variant`` gives a model what it names.
    """

    vocab_size: int = 30_522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3_072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    tie_word_embeddings: bool = True
    variant: str = ""

    def __post_init__(self):
        for field in fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if kind is float and type(value) is int and abs(value) <= LARGEST:
                object.__setattr__(self, field.name, value := float(value))
            if type(value) is not kind:
                raise InputError(f"{field.name} is {value!r}: a BERT configuration needs {kind.__name__} here")
            if kind is int and value < 1:
                raise InputError(f"{field.name} is {value}: it must be at least 1")
            if kind is int and value > LARGEST:
                raise InputError(f"{field.name} is above {LARGEST:,}: no model is that large")
        if self.hidden_size % self.num_attention_heads:
            raise InputError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}: "
                f"each head needs the same whole number of dimensions"
            )
        known = EXACT_GELU + TANH_GELU + OTHER_ACTIVATIONS
        if self.hidden_act not in known:
            raise InputError(f"hidden_act is {self.hidden_act!r}: one of {', '.join(known)} was expected")
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: a probability from 0 to below 1 was expected")
        for name in ("initializer_range", "layer_norm_eps"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name} is {getattr(self, name)}: a positive number was expected")
        object.__setattr__(self, "variant", checked_variant(self.variant))
        if "rotary" in self.variant and self.hidden_size // self.num_attention_heads % 2:
            raise InputError(
                f"variant is {self.variant!r}: rotary positions turn pairs of numbers, and a head has "
                f"{self.hidden_size // self.num_attention_heads}; an even number was expected"
            )

    # ---- named sizes ----

    @classmethod
    def of_size(cls, num_hidden_layers: int, hidden_size: int, **changes) -> "BertConfig":
        """A configuration of BERT's proportions: heads of 64 dimensions, intermediate_size = 4 * hidden_size."""
        sizes: dict[str, Any] = {"num_attention_heads": hidden_size // 64, "intermediate_size": 4 * hidden_size}
        return cls(num_hidden_layers=num_hidden_layers, hidden_size=hidden_size, **(sizes | changes))

    # Base and large are from the paper, the smaller ones from Turc et al. 2019.
    tiny = partialmethod(of_size, 2, 128)
    mini = partialmethod(of_size, 4, 256)
    small = partialmethod(of_size, 4, 512)
    medium = partialmethod(of_size, 8, 512)
    base = partialmethod(of_size, 12, 768)
    large = partialmethod(of_size, 24, 1024)

    def replace(self, **changes) -> "BertConfig":
        """The same configuration with some values changed."""
        return replace(self, **changes)

    # ---- files ----

    @classmethod
    def from_dict(cls, values: dict, source: str = "the configuration") -> "BertConfig":
        """The configuration in a dictionary. Keys that do not concern the model's shape are ignored.

        Raises an InputError if a value is wrong. Also if a key asks for another model than the paper's BERT.
        """
        required = {
            "model_type": (VARIANT_TYPE if values.get("variant") else MODEL_TYPE,),
            "position_embedding_type": ("absolute",),
            "is_decoder": (False,),
            "add_cross_attention": (False,),
            "embedding_size": (None, values.get("hidden_size")),
        }
        for key, allowed in required.items():
            if key in values and values[key] not in allowed:
                raise InputError(
                    f"{source}: {key} is {values[key]!r}, which is not a BERT encoder; expected {allowed[0]!r}"
                )
        names = {field.name for field in fields(cls)}
        try:
            return cls(**{key: value for key, value in values.items() if key in names})
        except InputError as error:
            raise InputError(f"{source}: {error}") from None

    @classmethod
    def from_json_file(cls, path: str | Path) -> "BertConfig":
        """Reads a ``bert_config.json`` (Google) or a ``config.json`` (Hugging Face, or ours).

        Raises an InputError if there is no such file, or it does not describe a BERT.
        """
        return cls.from_dict(read_json_object(path), source=str(path))

    def to_dict(self) -> dict:
        """The values by name. That the word embeddings are tied, or that there is no variant, is not said."""
        values = asdict(self)
        if self.tie_word_embeddings:
            del values["tie_word_embeddings"]
        if not self.variant:
            del values["variant"]
        return values


def names_of_variant(variant: str) -> tuple[str, ...]:
    """The names in a variant.

    >>> names_of_variant("pre-norm,rotary"), names_of_variant("")
    (('pre-norm', 'rotary'), ())
    """
    return tuple(variant.split(",")) if variant else ()


def checked_variant(variant: str) -> str:
    """The names of a variant in the order of ``VARIANTS``. Raises an InputError if one is unknown, or there twice."""
    names = names_of_variant(variant)
    for name in names:
        if name not in VARIANTS or names.count(name) > 1:
            raise InputError(
                f"variant has {name!r}; of {', '.join(VARIANTS)} some were expected, each once, with commas between"
            )
    return ",".join(name for name in VARIANTS if name in names)
