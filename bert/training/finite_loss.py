"""Checks that training still makes sense: losses are finite, and fp16 finds a scale at which gradients are finite."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bert.errors import InputError

# GradScaler begins with a loss scale of 65,536. Gradients that overflow even below a scale of 1 overflow unscaled.
SMALLEST_SCALE = 1.0


class FiniteLossCheck:
    """Notes an update's loss when the update is launched, and checks it one update later.

    So a GPU is busy with the next update while the host reads the number.
    """

    def __init__(self):
        self._noted: tuple[int, Any, Callable[[], float]] | None = None

    def note(self, step: int, examples: Any, loss: Tensor) -> None:
        """Notes an update.

        Args:
            step: its number.
            examples: the names of its examples, for the message.
            loss: (), finite if the update's loss and gradients are.
        """
        self._noted = step, examples, _sent_to_host(loss)

    def check(self) -> None:
        """Checks the update that was noted last. Raises InputError if its loss or gradients were not finite."""
        if self._noted is None:
            return
        step, examples, read = self._noted
        self._noted = None
        if not math.isfinite(read()):
            raise InputError(
                f"the loss or its gradient is not a finite number at step {step} (examples {examples}); training "
                f"stopped, and the last checkpoint is kept. Try a lower --learning-rate or --precision fp32; --resume "
                f"continues from a checkpoint"
            )


def check_scale(scaler: torch.amp.GradScaler, step: int) -> None:
    """GradScaler skips an update whose gradients overflow and halves the loss scale.

    Raises:
        InputError: if the gradients overflow at every scale.
    """
    if scaler.is_enabled() and scaler.get_scale() < SMALLEST_SCALE:
        raise InputError(
            f"in fp16 the gradients are not finite numbers, whatever the loss scale (step {step}): every update is "
            f"skipped, and nothing is learned; the last checkpoint is kept. Try --precision bf16 or fp32"
        )


def _sent_to_host(number: Tensor) -> Callable[[], float]:
    """Starts a copy of a number, (), to the host, and returns the function that reads it.

    The function waits for this number alone. ``item`` would wait for all that the GPU was given since.
    """
    if number.device.type != "cuda":
        return number.item
    on_host = torch.empty((), dtype=number.dtype, pin_memory=True).copy_(number, non_blocking=True)
    sent = torch.cuda.Event()
    sent.record()

    def read() -> float:
        sent.synchronize()
        return on_host.item()

    return read
