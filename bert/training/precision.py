"""Mixed precision: matrix products in 16 bits where the hardware has them, weights and sums in 32."""

import contextlib
from dataclasses import dataclass

import torch

from bert.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """name: "fp32", "bf16" or "fp16"; device_type: "cuda" or "cpu"; reason: why this one, for the log."""

    name: str
    device_type: str
    reason: str

    def autocast(self) -> contextlib.AbstractContextManager:
        """Inside it, matrix products run in the 16-bit type, and losses stay in float32. LayerNorm's results go on in
        16 bits (``bert/model/layer_norm.py``), and on the CPU those of softmax do.
        """
        if self.name == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device_type, dtype=DTYPES[self.name])

    def gradient_scaler(self) -> torch.amp.GradScaler:
        """fp16 reaches down to 6e-8 only: small gradients vanish unless the loss is scaled up before the backward
        pass, and the gradients down after it (Micikevicius et al. 2018). For bf16 and fp32 the scaler does nothing.
        """
        return torch.amp.GradScaler(self.device_type, enabled=self.name == "fp16")


def choose_precision(asked: str, device: torch.device) -> Precision:
    """The precision to train in.

    Args:
        asked: "auto", "fp32", "bf16" or "fp16". auto takes bf16 where the device computes in it, fp32 elsewhere.

    Raises:
        InputError: where the device cannot do what was asked.
    """
    if device.type == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if asked == "auto":
        if has_bf16:
            return Precision("bf16", device.type, f"chosen: this {device.type} computes in bf16")
        return Precision("fp32", device.type, f"chosen: this {device.type} does not compute in bf16")
    if asked == "fp16" and device.type == "cpu":
        raise InputError("--precision fp16 needs a CUDA GPU, and this run is on the CPU; leave it out, or ask for fp32")
    if asked == "bf16" and not has_bf16:
        return Precision(asked, device.type, f"asked for; this {device.type} emulates bf16, which is slower than fp32")
    return Precision(asked, device.type, "asked for")
