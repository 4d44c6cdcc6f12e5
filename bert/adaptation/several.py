"""Several adapters on one body: tasks with heads of their own, and batches that mix tasks.

    tasks = AdaptedModel(body)                  a BertModel; its weights are in memory once
    tasks.add("sst2", model)                    an adapted model, whose body becomes this one
    tasks(**inputs, tasks=["sst2", "ner"])      a task for each row

Each task has its own modules around the shared weights. So no adapter can change what another one computes. A mixed
batch runs once per task, on that task's rows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from bert.adaptation.adapt import adaptation_of
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import Batch, sequences_of
from bert.heads.loss import Loss
from bert.model.bert import BertModel


class TaskOutput(NamedTuple):
    """What a head gave for the rows of its task."""

    rows: Tensor  # (rows,) their indices in the mixed batch
    output: Any  # of the head


@dataclass(frozen=True)
class MixedBatch:
    """A batch of examples of several tasks, each task's part as its head takes it.

    Attributes:
        parts: by task. A task without examples is left out.
    """

    parts: Mapping[str, Batch]

    @property
    def tokens(self) -> int:
        """How many tokens all parts have."""
        return sum(part.tokens for part in self.parts.values())

    def to(self, device: torch.device) -> "MixedBatch":
        """The batch on a device."""
        return MixedBatch({task: part.to(device) for task, part in self.parts.items()})


class AdaptedModel(nn.Module):
    """One frozen body with several tasks: for each an adapter and a head.

    Args:
        body: frozen, in place.
    """

    def __init__(self, body: BertModel):
        super().__init__()
        self.config: BertConfig = body.config
        self.body = body.requires_grad_(False)
        self.tasks = nn.ModuleDict()

    def add(self, task: str, model: nn.Module) -> None:
        """Takes up an adapted model as a task. Its frozen parameters become the body's, so its own are freed.

        What its method trained of the body, such as biases, stays the task's own.

        Raises:
            InputError: if the name is taken, or cannot be a module's; if the model is not adapted; or if its body is
                another one.
        """
        if not task or "." in task or task in self.tasks or hasattr(self.tasks, task):
            raise InputError(f"the task is called {task!r}; a name that no other task has, without dots, was expected")
        trained = set(adaptation_of(model).trained)
        model.to(next(self.body.parameters()).device)
        ours = dict(self.body.named_parameters(prefix="bert"))
        theirs = {name: each for name, each in model.named_parameters() if name.startswith("bert.")}
        frozen = {name: parameter for name, parameter in theirs.items() if name not in trained}
        for name, parameter in frozen.items():
            if name not in ours or not parameter.equal(ours[name]):
                raise InputError(
                    f"the body of task {task!r} is another one: its {name} differs; use the same checkpoint"
                )
        for name in frozen:
            place, _, last = name.rpartition(".")
            setattr(model.get_submodule(place), last, ours[name])
        self.tasks[task] = model

    def use(self, task: str) -> nn.Module:
        """The model of one task, an ordinary one with a head. Raises an InputError if there is no such task."""
        if task not in self.tasks:
            raise InputError(f"there is no task {task!r}; the tasks are {', '.join(self.tasks) or 'none'}")
        return self.tasks[task]

    def forward(
        self, input_ids: Tensor, tasks: Sequence[str], token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None, **options,
    ) -> dict[str, TaskOutput]:  # fmt: skip
        """A padded batch with a task for each row, which runs task by task.

        Args:
            input_ids, token_type_ids, attention_mask: (batch, seq)
            tasks: (batch,) names.
            options: what the heads take besides; with (batch, ...) values, of which each task gets its rows.
        """
        if len(tasks) != len(input_ids):
            raise ValueError(f"{len(tasks)} tasks were given for {len(input_ids)} rows; one for each was expected")
        inputs = {"input_ids": input_ids, "token_type_ids": token_type_ids, "attention_mask": attention_mask} | options
        outputs = {}
        for task in dict.fromkeys(tasks):
            rows = torch.tensor(
                [row for row, its_task in enumerate(tasks) if its_task == task], device=input_ids.device
            )
            its_inputs = {name: each[rows] if isinstance(each, Tensor) else each for name, each in inputs.items()}
            outputs[task] = TaskOutput(rows, self.use(task)(**its_inputs))
        return outputs

    def losses(self, batch: MixedBatch) -> dict[str, Loss]:
        """The losses of a mixed batch, named "task/loss".

        A task without examples has none. Its parameters still take part, with gradients of 0, since the processes of a
        run must agree on which parameters have one.
        """
        losses = {
            f"{task}/{name}": loss
            for task, part in batch.parts.items()
            for name, loss in cast(Any, self.use(task)).losses(part).items()
        }
        absent = [self.tasks[task] for task in self.tasks if task not in batch.parts]
        unused = [each for model in absent for each in model.parameters() if each.requires_grad]
        if unused and losses:
            name, (total, count, correct) = next(iter(losses.items()))
            losses[name] = Loss(total + sum(0.0 * parameter.sum() for parameter in unused), count, correct)
        return losses

    def label_counts(self, batch: MixedBatch) -> dict[str, int]:
        """How many labels each loss of ``batch`` will count, known before the forward pass.

        The names are the same for every batch: a task without examples counts 0.
        """
        nothing = torch.empty(0, dtype=torch.int64)
        empty = Batch(nothing, nothing, sequences_of([]), labels=defaultdict(lambda: nothing))
        counts = {}
        for task in self.tasks:
            model, part = cast(Any, self.tasks[task]), batch.parts.get(task)
            for name, number in model.label_counts(empty if part is None else part).items():
                counts[f"{task}/{name}"] = 0 if part is None else number
        return counts
