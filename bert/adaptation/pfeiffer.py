r"""Adapters of Pfeiffer et al. 2021 ("AdapterFusion"): one in each layer, after the feed-forward network.

x ------------------------------------------------------- + --- LayerNorm --->
 \--- feed-forward --- f ------------------------- + ---- /
 |                     \                           /
 \----------------------+--- LayerNorm --- A(h) --/
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from bert.adaptation.bottleneck import Bottleneck
from bert.adaptation.checks import check_count
from bert.config import names_of_variant
from bert.errors import InputError
from bert.layer_norm import LayerNorm


@dataclass(frozen=True)
class Pfeiffer:
    """The settings of Pfeiffer's adapters. Raises an InputError if no adapter has such a size.

    The default is a sixteenth of base's hidden_size (``adapters``, ``SeqBnConfig``: reduction_factor 16).
    """

    name: ClassVar[str] = "pfeiffer"
    merges: ClassVar[bool] = False

    size: int = 48  # of the bottleneck

    def __post_init__(self):
        check_count("size", self.size)

    def wrap(self, model: nn.Module) -> None:
        """Puts an adapter around the LayerNorm after each feed-forward network.

        Raises an InputError if there is no such LayerNorm, since the model is a variant.
        """
        names = names_of_variant(model.bert.config.variant)  # pyright: ignore
        if unlike := [name for name in names if name in ("pre-norm", "rms-norm")]:
            raise InputError(
                f"this adapter stands around the LayerNorm after the feed-forward network, and the model is "
                f"{' and '.join(unlike)}; use another way to adapt it, such as houlsby"
            )
        for layer in model.bert.encoder.layers:  # pyright: ignore
            layer.feed_forward_norm = AdaptedNorm(layer.feed_forward_norm, self.size)


class AdaptedNorm(LayerNorm):
    """The LayerNorm after a feed-forward network, used twice: LN(s + A(LN(s))), if s is the residual sum x + f.

    Source: ``adapters``, ``SeqBnConfig`` (original_ln_before, residual_before_ln; ReLU; weights of deviation 0.02). The
    LayerNorm's own weight and bias stay frozen.
    """

    def __init__(self, base: nn.LayerNorm, size: int):
        nn.Module.__init__(self)
        self.normalized_shape, self.eps = base.normalized_shape, base.eps
        self.elementwise_affine = base.elementwise_affine
        self.weight, self.bias = base.weight, base.bias
        self.adapter = Bottleneck(base.normalized_shape[0], size, "relu", 0.02, like=base.weight)

    def forward(self, input: Tensor) -> Tensor:
        """(..., hidden_size) -> the same shape"""
        return super().forward(input + self.adapter(super().forward(input)))
