"""Checks that training still makes sense: losses are finite, and fp16 finds a scale at which gradients are finite."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bert.errors import InputError
from bert.training.distributed import Processes

# GradScaler begins with a loss scale of 65,536. Gradients that overflow even below a scale of 1 overflow unscaled.
SMALLEST_SCALE = 1.0


@dataclass(frozen=True)
class _Failure:
    """An update whose loss or gradient is not finite, as one process sees it."""

    step: int
    examples: Any  # of this process
    is_loss: bool  # the loss of its own examples; otherwise the gradient, which all processes share


class FiniteLossCheck:
    """Notes an update's loss when the update is launched, and reads it one update later.

    So a GPU is busy with the next update while the host reads the number. A process may be alone in having a loss that
    is not finite: in fp16 its gradients overflow for all, but that is no failure. The others learn of it in an exchange
    that they make anyway. Then all check together.
    """

    def __init__(self):
        self._noted: tuple[int, Any, Callable[[], list[float]]] | None = None
        self._failure: _Failure | None = None

    @property
    def failed(self) -> bool:
        """Whether an update that was read was not finite in this process."""
        return self._failure is not None

    def note(self, step: int, examples: Any, loss: Tensor) -> None:
        """Notes an update.

        Args:
            step: its number.
            examples: the names of its examples in this process, for the message.
            loss: (2,), see ``loop.training_step``.
        """
        self._noted = step, examples, _sent_to_host(loss)

    def read(self) -> None:
        """Reads the update that was noted last."""
        if self._noted is None:
            return
        step, examples, read = self._noted
        self._noted = None
        loss, gradient_norm = read()
        if not (math.isfinite(loss) and math.isfinite(gradient_norm)) and self._failure is None:
            self._failure = _Failure(step, examples, not math.isfinite(loss))

    def check(self, processes: Processes) -> None:
        """Checks all updates that were noted. Waits for all processes.

        Raises:
            InputError: in the main process, if the loss or the gradients of an update were not finite in any process.
                It names the examples.
            SystemExit: in the others then, with exit code 2.
        """
        self.read()
        failures = [failure for failure in processes.gather(self._failure) if failure is not None]
        if not failures:
            return
        if not processes.is_main_process:
            raise SystemExit(2)
        first = min(failure.step for failure in failures)
        failures = [failure for failure in failures if failure.step == first]
        # Gradients are summed over the processes. So if a loss is not finite, only that process has the examples.
        failures = [failure for failure in failures if failure.is_loss] or failures
        examples = "; ".join(str(failure.examples) for failure in failures)
        raise InputError(
            f"the loss or its gradient is not a finite number at step {first} (examples {examples}); training "
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


def _sent_to_host(numbers: Tensor) -> Callable[[], list[float]]:
    """Starts a copy of some numbers to the host, and returns the function that reads them.

    The function waits for these numbers alone. ``tolist`` would wait for all that the GPU was given since.
    """
    if numbers.device.type != "cuda":
        return numbers.tolist
    on_host = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True).copy_(numbers, non_blocking=True)
    sent = torch.cuda.Event()
    sent.record()

    def read() -> list[float]:
        sent.synchronize()
        return on_host.tolist()

    return read
