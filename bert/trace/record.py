"""Records what a model computes, tensor by tensor, while its code runs as it is written.

PyTorch tells a ``TorchFunctionMode`` of each operation that Python calls. The stack tells which expression called it,
and the variables of the functions on the stack tell the tensor's name. ``FlopCounterMode`` counts its operations. So
nothing about the model is written here, and a change of the model changes its trace.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from bert import fast
from bert.trace.where import Where, own_frames, where_is

# What PyTorch's functions compute, by their names. Everything else is spelled out in the model's own code.
FORMULAS = {
    "linear": "x Wᵀ + b",
    "embedding": "rows of a table",
    "layer_norm": "(x - mean) / √(variance + ε) · γ + β",
    "softmax": "exp(x) / Σ exp(x)",
    "gelu": "x Φ(x)",
    "tanh": "tanh(x)",
    "relu": "max(0, x)",
    "silu": "x / (1 + exp(-x))",
}


@dataclass
class Step:
    """A tensor, and what made it.

    Attributes:
        module: the path of the module whose code made it, such as "bert.encoder.layers.0.attention".
        name: of the variable that holds it, or of the module that gives it; else of the operation, in brackets.
        tensor: its values.
        where: the expression that made it.
        formula: what PyTorch's function computes; empty if the expression says it.
        operations: additions and multiplications of matrix products, as PyTorch counts them.
        nbytes: of new memory; 0 if the tensor is a view of another one.
        output: its name in what the model gives back, or empty.
    """

    module: str
    name: str
    tensor: Tensor
    where: Where
    formula: str = ""
    operations: int = 0
    nbytes: int = 0
    output: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def mean(self) -> float:
        """Of the finite numbers: a causal mask makes scores minus infinity."""
        return _finite(self.tensor).mean().item()

    @property
    def deviation(self) -> float:
        """The standard deviation of the finite numbers."""
        return _finite(self.tensor).std(correction=0).item()


@dataclass
class Trace:
    """What a model computed.

    Attributes:
        steps: in their order.
        operations: of all, as PyTorch counts them.
        left_out: how many tensors of whole numbers are not among the steps: they say which tokens belong together.
    """

    steps: list[Step] = field(default_factory=list)
    operations: int = 0
    left_out: int = 0


@torch.no_grad()
def trace(model: nn.Module, inputs: dict[str, Any]) -> Trace:
    """Runs a model in eval mode, without kernels, and records each tensor of real numbers.

    Args:
        inputs: what its forward pass takes.
    """
    model.eval()
    recorder = Recorder(model)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    hooks = [module.register_forward_hook(recorder.name_output) for module in model.modules()]
    try:
        model.requires_grad_(False)  # FlopCounterMode looks for the gradient of each module's inputs
        with fast.off(), recorder.counter, recorder:
            output = model(**inputs)
    finally:
        for parameter in trained:
            parameter.requires_grad_()
        for hook in hooks:
            hook.remove()
    recorder.finish(output)
    return recorder.trace


class Recorder(TorchFunctionMode):
    """Makes a step of each operation inside its block.

    Args:
        model: whose modules give names to places in it.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.trace = Trace()
        self.counter = FlopCounterMode(display=False)
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._steps: dict[int, Step] = {}  # by the tensor's id; a step keeps its tensor, so no other gets the id
        self._unnamed: set[int] = set()
        self._library: FrameType | None = None  # of the newest step: a library's function may take several operations

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        frames = list(own_frames(sys._getframe(1)))
        self._name_by_variables(frame for frame, _ in reversed(frames))
        before = self.counter.get_total_flops()
        result = func(*args, **(kwargs or {}))
        operations = self.counter.get_total_flops() - before
        self.trace.operations += operations
        if frames:
            given = list(_tensors((args, kwargs)))
            for tensor in _tensors(result):
                self._add(tensor, given, func, operations, *frames[0])
                operations = 0
        return result

    def name_output(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Names what a module gives back after the module. A hook of the module calls it."""
        for tensor in _tensors(output):
            if id(tensor) in self._unnamed:
                self._unnamed.remove(id(tensor))
                self._steps[id(tensor)].name = self._paths[id(module)].rpartition(".")[2]

    def finish(self, output: Any) -> None:
        """Notes the names by which the model gives its results back."""
        self._library = None
        results = {each.name: getattr(output, each.name) for each in fields(output)} if is_dataclass(output) else {}
        for name, value in results.items():
            if isinstance(value, Tensor) and id(value) in self._steps:
                self._steps[id(value)].output = name

    def _add(
        self, tensor: Tensor, given: list[Tensor], func: Callable, operations: int, frame: FrameType,
        library: FrameType | None,
    ) -> None:  # fmt: skip
        is_view = any(tensor.untyped_storage().data_ptr() == each.untyped_storage().data_ptr() for each in given)
        if not tensor.is_floating_point():
            self.trace.left_out += not is_view
            return
        if id(tensor) in self._steps or (is_view and any(tensor.shape == each.shape for each in given)):
            return  # nothing new
        step = Step(
            self._module_of(frame), "", tensor, where_is(frame), FORMULAS.get(func.__name__, ""), operations,
            0 if is_view else tensor.nbytes,
        )  # fmt: skip
        function = "view" if func.__name__ == "__get__" else func.__name__.strip("_")  # an attribute, such as mT
        if library is not None:
            function = library.f_code.co_name
        if library is not None and library is self._library:  # the same call goes on
            last = self.trace.steps.pop()
            del self._steps[id(last.tensor)]
            self._unnamed.discard(id(last.tensor))
            step.operations, step.nbytes = step.operations + last.operations, step.nbytes + last.nbytes
        step.name = f"({function})"
        self._library = library
        self.trace.steps.append(step)
        self._steps[id(tensor)] = step
        self._unnamed.add(id(tensor))

    def _name_by_variables(self, frames: Iterator[FrameType]) -> None:
        """Names tensors after the variables that hold them now. Of several frames, the first one's variable counts."""
        for frame in frames if self._unnamed else ():
            for name, value in frame.f_locals.items():
                if id(value) in self._unnamed and not name.startswith("."):
                    self._unnamed.remove(id(value))
                    self._steps[id(value)].name = name

    def _module_of(self, frame: FrameType | None) -> str:
        """The path of the innermost module of this project whose code runs."""
        for own, _ in own_frames(frame):
            if (path := self._paths.get(id(own.f_locals.get("self")))) is not None:
                return path
        return ""


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, in lists, tuples and dictionaries too."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


def _finite(tensor: Tensor) -> Tensor:
    numbers = tensor.double()
    finite = numbers[numbers.isfinite()]
    return finite if len(finite) else torch.full((1,), math.nan, dtype=torch.float64)
