"""AdaLoRA's budget: which triplets keep their rank (Zhang et al. 2023, sections 3.2 and 3.3).

    rank |-------.                                b0 = initial_rank * matrices
         |        '.                              bT = target_rank * matrices
         |          '-._
         |              '---------------------
         0       ti          T - tf          T    updates

The allocator is a companion of a run (``bert.training.companion``): the training loop calls it.
"""

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from bert.adaptation.adalora import AdaLora, adalora_matrices
from bert.adaptation.adapt import adaptation_of
from bert.errors import InputError

AVERAGING = 0.85  # of importance (beta 1) and of its uncertainty (beta 2); loralib's default


@dataclass(frozen=True)
class Budget:
    """The total rank after each of a run's updates.

    Raises:
        InputError: if no update is left between the two phases, so that there is no time to lower ranks.
    """

    first: int  # b0, the total rank at the beginning
    last: int  # bT, the total rank at the end
    initial_steps: int  # ti
    final_steps: int  # tf
    max_steps: int  # T
    every: int

    @classmethod
    def of(cls, settings: AdaLora, matrices: int, max_steps: int) -> "Budget":
        """The budget of a number of matrices over a run of ``max_steps`` updates."""
        initial, final = int(settings.initial_share * max_steps), int(settings.final_share * max_steps)
        return cls(
            settings.initial_rank * matrices, settings.target_rank * matrices, initial, final, max_steps, settings.every
        )

    def __post_init__(self):
        if self.max_steps - self.initial_steps - self.final_steps < 1:
            raise InputError(
                f"AdaLoRA's schedule is too short: of {self.max_steps:,} updates the first {self.initial_steps:,} keep "
                f"all ranks, and the last {self.final_steps:,} have the target rank; make both shares smaller, or "
                f"train longer"
            )

    def at(self, step: int) -> int:
        """b(t), the total rank after update ``step``, from 1. Source: section 3.3, rounded down as in loralib.

        >>> [Budget(90, 60, 2, 3, 10, every=1).at(step) for step in range(1, 11)]
        [90, 90, 75, 66, 61, 60, 60, 60, 60, 60]
        """
        shrinking = self.max_steps - self.initial_steps - self.final_steps
        left = (
            1 - (min(max(step, self.initial_steps), self.max_steps - self.final_steps) - self.initial_steps) / shrinking
        )
        return int(self.last + (self.first - self.last) * left**3)

    def is_cut_at(self, step: int) -> bool:
        """Whether triplets are cut after update ``step``: never at first, then at times, and always at the end."""
        if step <= self.initial_steps:
            return False
        return step >= self.max_steps - self.final_steps or step % self.every == 0


class Averages(NamedTuple):
    """Running averages for each element of a parameter, of its shape."""

    importance: Tensor
    uncertainty: Tensor


class Allocator:
    """Deals out the total rank after each update, by importance. It works on an adapted model in place.

    A lambda that was cut learns on, and may come back. P and Q are never cut. Importance is |w * gradient|, as the
    weight is after the update and the gradient before it (loralib's ``RankAllocator``). If the gradients were clipped,
    they are the clipped ones.

    Processes have the same gradients, so they keep the same triplets. Nothing synchronises.

    Raises:
        InputError: if the model is not adapted with AdaLoRA.
    """

    def __init__(self, model: nn.Module):
        method = adaptation_of(model).method
        if not isinstance(method, AdaLora):
            raise InputError(f"the model is adapted with {method.name}; AdaLoRA's budget needs {AdaLora.name}")
        self.settings = method
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.matrices = adalora_matrices(model)
        self.averages = {
            f"{name}.{part}": Averages(torch.zeros_like(getattr(module, part)), torch.zeros_like(getattr(module, part)))
            for name, module in self.matrices.items()
            for part in ("lora_A", "lora_E", "lora_B")
        }

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All that a resumed run needs, by name. To resume, load values into these tensors, in place."""
        return {
            f"{name}.{average}": tensor
            for name, averages in self.averages.items()
            for average, tensor in averages._asdict().items()
        }

    def begin(self, max_steps: int) -> None:
        """Lays the budget over a run of ``max_steps`` updates. Raises an InputError if that is too short."""
        self.budget = Budget.of(self.settings, len(self.matrices), max_steps)

    def before_step(self) -> None:
        """Nothing: gradients stay as they are."""

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Updates the averages, and cuts triplets if it is time.

        Call it when the optimizer has made update ``step`` (from 1), once however many micro-batches that had, before
        the gradients are set to zero. They must be unscaled. In fp16 GradScaler skips an update whose gradients
        overflow, and then this does nothing either.
        """
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        was_made = torch.stack([gradient.isfinite().all() for gradient in gradients]).all()  # (): it stays there
        for name, module in self.matrices.items():
            for part in ("lora_A", "lora_E", "lora_B"):
                _update(self.averages[f"{name}.{part}"], getattr(module, part), was_made)
        if self.budget.is_cut_at(step):
            self._cut(self.budget.at(step), was_made)

    def _cut(self, total_rank: int, was_made: Tensor) -> None:
        """Sets the lambdas to 0 of all triplets but the ``total_rank`` most important ones. Source: section 3.2."""
        scores = [self._scores(name) for name in self.matrices]
        best = torch.cat(scores).argsort(descending=True, stable=True)[:total_rank]
        is_kept = torch.zeros(sum(map(len, scores)), dtype=torch.bool, device=best.device).index_fill(0, best, True)
        lambdas = [module.lora_E for module in self.matrices.values()]
        for each, its_kept in zip(lambdas, is_kept.split([len(each) for each in lambdas]), strict=True):
            each.masked_fill_((~its_kept & was_made)[:, None], 0.0)

    def _scores(self, name: str) -> Tensor:
        """(rank,) the importance of each triplet of a matrix. Source: section 3.2.

        That of its lambda, and the means over its row of Q and its column of P.
        """
        q, value, p = (
            self.averages[f"{name}.{part}"].importance * self.averages[f"{name}.{part}"].uncertainty
            for part in ("lora_A", "lora_E", "lora_B")
        )
        return value.squeeze(1) + q.mean(dim=1) + p.mean(dim=0)


def _update(averages: Averages, parameter: Tensor, was_made: Tensor) -> None:
    """One update of the averages, in place. Source: section 3.2."""
    importance, uncertainty = averages
    sensitivity = (parameter * cast(Tensor, parameter.grad)).abs()
    new_importance = AVERAGING * importance + (1 - AVERAGING) * sensitivity
    new_uncertainty = AVERAGING * uncertainty + (1 - AVERAGING) * (sensitivity - new_importance).abs()
    importance.copy_(torch.where(was_made, new_importance, importance))
    uncertainty.copy_(torch.where(was_made, new_uncertainty, uncertainty))
