r"""Adapters of Houlsby et al. 2019: one after each sublayer, before the residual sum.

x ---------------------------------------------------- + --- LayerNorm --->
 \--- sublayer --- dropout --- h ----------- + ------- /
                                \-- A(h) --- /
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from bert.adaptation.bottleneck import Bottleneck
from bert.adaptation.checks import check_count
from bert.adaptation.matrices import WrappedLinear
from bert.model.dropout import Dropout


@dataclass(frozen=True)
class Houlsby:
    """The settings of Houlsby's adapters. Raises an InputError if no adapter has such a size.

    All LayerNorms are trained, the embeddings' too (google-research/adapter-bert, ``modeling.py``, the collections
    "adapters" and "layer_norm"). The pooler stays frozen.
    """

    name: ClassVar[str] = "houlsby"
    merges: ClassVar[bool] = False

    size: int = 64  # of the bottleneck

    def __post_init__(self):
        check_count("size", self.size)

    def wrap(self, model: nn.Module) -> None:
        """Puts an adapter behind the last matrix of each sublayer, with the sublayer's dropout between the two."""
        for layer in model.bert.encoder.layers:  # pyright: ignore
            rate = layer.dropout.p
            layer.attention.output = AdaptedLinear(layer.attention.output, self.size, rate)
            layer.feed_forward.output = AdaptedLinear(layer.feed_forward.output, self.size, rate)
            layer.dropout = nn.Identity()  # both have their own now
        for module in model.bert.modules():  # pyright: ignore
            if isinstance(module, nn.LayerNorm):
                module.requires_grad_()


class AdaptedLinear(WrappedLinear):
    """A dense layer, dropout, and an adapter with its residual sum: h + A(h).

    Source: Houlsby et al. 2019, section 2.1; adapter-bert ``modeling.py``, ``transformer_model``: there too the adapter
    stands after dropout. Initial weights have the code's standard deviation of 0.001, where the paper has 0.01.
    """

    def __init__(self, base: nn.Linear, size: int, dropout: float):
        super().__init__(base)
        self.dropout = Dropout(dropout)
        self.adapter = Bottleneck(base.out_features, size, "gelu", 1e-3, like=base.weight)

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)"""
        states = self.dropout(super().forward(input))
        return states + self.adapter(states)
