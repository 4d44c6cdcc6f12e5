"""``--int8``: a command's model in 8 bits, with a note on what that saves."""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

from bert.fast.eight_bits import is_exact
from bert.quantization.model import quantize, weight_bytes

Model = TypeVar("Model", bound=nn.Module)


def in_eight_bits(model: Model, log: Callable[[str], None]) -> Model:
    """The model in 8 bits, in place. Notes the memory of its weights, and if this CPU gains no time by it."""
    before = weight_bytes(model)
    quantize(model)
    log(f"Note: --int8: the weights take {weight_bytes(model) / 1e6:,.1f} MB instead of {before / 1e6:,.1f} MB.")
    if not is_exact():
        log("Note: --int8: this CPU has no exact products of whole numbers (VNNI), so predictions take no less time.")
    return model
