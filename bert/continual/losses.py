"""The losses of a model that learns a later task: of the examples, of old scores, and of changed weights."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from bert.continual.ewc import Penalty
from bert.continual.label_groups import scores_of_own_task
from bert.continual.lwf import lwf_loss
from bert.heads.batch import Batch
from bert.heads.loss import Loss


@dataclass
class ContinualLosses:
    """Stands around a classifier's losses, as training sees them.

    Attributes:
        model: the classifier. ``attach`` makes these its losses.
        old_groups: the groups of old labels, for ``lwf_loss``.
        temperature, lwf_weight: of ``lwf_loss``. It takes part if a batch has "old_scores".
        penalty: of changed weights; None: there is none.
    """

    model: Any
    old_groups: list[list[int]]
    temperature: float
    lwf_weight: float
    penalty: Penalty | None = None

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch as ``ContinualTask`` makes it, with "lwf" and "ewc" beside it."""
        logits = self.model(**batch.inputs).logits
        own = batch.labels.get("own")
        losses = self.model.loss(logits if own is None else scores_of_own_task(logits, own), batch.labels["labels"])
        if (old_scores := batch.labels.get("old_scores")) is not None:
            losses["lwf"] = lwf_loss(logits, old_scores, self.old_groups, self.temperature, self.lwf_weight)
        if self.penalty is not None:
            losses["ewc"] = self.penalty(self.model)
        return losses

    def label_counts(self, batch: Batch) -> dict[str, int]:
        """How many labels each loss of ``batch`` will count. The penalty counts once."""
        counts = type(self.model).label_counts(self.model, batch)
        if "old_scores" in batch.labels:
            counts["lwf"] = len(batch.labels["old_scores"])
        return counts if self.penalty is None else counts | {"ewc": 1}

    def attach(self) -> None:
        """Makes these the losses of the model, for training."""
        model: nn.Module = self.model
        model.losses, model.label_counts = self.losses, self.label_counts  # pyright: ignore
