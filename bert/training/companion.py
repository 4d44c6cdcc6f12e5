"""What may act beside the optimizer at each update: AdaLoRA's budget, A-GEM's projection, an average of weights."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Companion(Protocol):
    """Acts at each update of a run (``Run.companions``). The training loop calls it; there is nothing else to call."""

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """What a resumed run needs, by name. It belongs to the training state, which loads into it in place."""
        ...

    def begin(self, max_steps: int) -> None:
        """Prepares for a run of so many updates, some of which may be done. Raises an InputError if they do not fit."""
        ...

    def before_step(self) -> None:
        """May change the gradients. They are whole and unscaled, and not clipped yet. In fp16 some may be infinite."""
        ...

    def after_step(self, step: int) -> None:
        """May change the weights after update ``step`` (from 1). The gradients of the update are still there."""
        ...
