"""Whether training still makes sense: losses are finite, and fp16 finds a scale at which gradients are."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bert.errors import InputError

SMALLEST_SCALE = 1.0  # of the loss in fp16, which begins with 65,536: what overflows below it does so unscaled


class Health:
    """Takes note of an update's loss when the update is given out, and looks at it later, so that a GPU need not be
    waited for while it has nothing else to do.
    """

    def __init__(self):
        self._noted: tuple[int, Any, Callable[[], float]] | None = None

    def note(self, step: int, examples: Any, health: Tensor) -> None:
        """Takes note of an update.

        Args:
            step, examples: which one it is.
            health: (), finite where the update's loss and gradients are.
        """
        self._noted = step, examples, _sent_to_host(health)

    def check(self) -> None:
        """
        Raises:
            InputError: where the update that was noted last was not healthy.
        """
        if self._noted is None:
            return
        step, examples, read = self._noted
        self._noted = None
        if not math.isfinite(read()):
            raise InputError(
                f"the loss or its gradient is not a finite number at step {step} (examples {examples}); training "
                f"stopped, and what was saved before is kept. Try a lower --learning-rate or --precision fp32, with "
                f"--resume where there is a checkpoint to go on from"
            )


def check_scale(scaler: torch.amp.GradScaler, step: int) -> None:
    """The scaler leaves out updates whose gradients overflow, and halves its scale; where no scale helps, none is made.

    Raises:
        InputError: where the scale has fallen below SMALLEST_SCALE.
    """
    if scaler.is_enabled() and scaler.get_scale() < SMALLEST_SCALE:
        raise InputError(
            f"in fp16 the gradients are not finite numbers, whatever the loss is scaled by (step {step}): updates are "
            f"left out, and nothing is learned; what was saved before is kept. Try --precision bf16 or fp32"
        )


def _sent_to_host(number: Tensor) -> Callable[[], float]:
    """What reads a number, (), that a GPU is still computing: it waits for this one, and not, as ``item`` does, for all
    that the GPU has been given since.
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
