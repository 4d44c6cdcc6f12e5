"""Mixed precision: matrix products in 16 bits if the hardware has them, weights and sums in 32."""

import contextlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bert.errors import InputError
from bert.fast.few_shapes import multiply_in_few_shapes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# The width of a model from which bf16 is faster on a CPU that computes in it. Below, conversions take as long as the
# products gain. These speeds are multiples of fp32's, of two layers, on an Intel Xeon with AMX. One thread: 1.1 to 1.2
# at a width of 64, 1.4 to 1.5 at 128, 1.6 at 192. Two threads: 0.96, 1.2, 1.2, and 1.8 at 256.
BF16_PAYS_FROM = 128


@dataclass(frozen=True)
class Precision:
    """How a run computes."""

    name: str  # "fp32", "bf16" or "fp16"
    device_type: str  # "cuda" or "cpu"
    reason: str  # why this precision, for the log

    def autocast(self) -> contextlib.AbstractContextManager:
        """Inside the block, matrix products are computed in the 16-bit type, and losses in float32."""
        if self.name == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device_type, dtype=DTYPES[self.name])

    def prepare(self, model: nn.Module) -> None:
        """Fits a model to 16 bits, by hooks. They do nothing outside of autocast.

        Every LayerNorm returns 16 bits. It computes mean and variance in float32, which autocast on a GPU would pass
        on. In 16 bits the next product, the next residual sum and the gradient need half the memory. All that is not a
        product needs half the time. On a CPU products get few shapes besides (``bert.fast.few_shapes``).
        """
        if self.name == "fp32":
            return
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.register_forward_hook(_to_autocast_dtype)
        if self.device_type == "cpu":
            multiply_in_few_shapes(model)

    def gradient_scaler(self) -> torch.amp.GradScaler:
        """Scales the loss up before the backward pass and the gradients down after it (Micikevicius et al. 2018).

        fp16 needs that: its smallest number is 6e-8, so small gradients would vanish. For bf16 and fp32 the scaler
        does nothing.
        """
        return torch.amp.GradScaler(self.device_type, enabled=self.name == "fp16")


def choose_precision(asked: str, device: torch.device, hidden_size: int = BF16_PAYS_FROM) -> Precision:
    """The precision to train in.

    Args:
        asked: "auto", "fp32", "bf16" or "fp16". auto is bf16 if the device computes in it, else fp32. It is fp32 for
            a narrow model on a CPU, too.
        hidden_size: of the model.

    Raises:
        InputError: if the device cannot compute in the precision asked for.
    """
    if device.type == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if asked == "auto":
        if has_bf16 and device.type == "cpu" and hidden_size < BF16_PAYS_FROM:
            return Precision("fp32", device.type, f"chosen: bf16 is slower here for a model of width {hidden_size}")
        if has_bf16:
            return Precision("bf16", device.type, f"chosen: this {device.type} computes in bf16")
        return Precision("fp32", device.type, f"chosen: this {device.type} does not compute in bf16")
    if asked == "fp16" and device.type == "cpu":
        raise InputError("--precision fp16 needs a CUDA GPU, and this run is on the CPU; leave it out, or ask for fp32")
    if asked == "bf16" and not has_bf16:
        return Precision(asked, device.type, f"asked for; this {device.type} emulates bf16, which is slower than fp32")
    return Precision(asked, device.type, "asked for")


def _to_autocast_dtype(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
    device = output.device.type
    return output.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else output
