"""A model as a program of PyTorch: ``torch.export`` follows the model once and keeps its operations.

The program's file is loaded and run by torch alone: ``torch.export.load("model.pt2").module()``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from bert.export.parts import Part

Runner = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]  # inputs by name -> outputs by name


@torch.no_grad()
def program_of(part: Part) -> torch.export.ExportedProgram:
    """The program of a part, for any batch and any length up to the model's longest."""
    return torch.export.export(
        part.module,
        args=(),
        kwargs=part.form.example(part.longest),
        dynamic_shapes=part.form.dynamic_shapes(part.longest),
    )


def write_program(path: Path, part: Part, int8: bool) -> None:
    """Writes the program's file. ``int8`` is refused before (``bert.export.formats``)."""
    torch.export.save(program_of(part), path)


def open_program(path: Path) -> Runner:
    """The program in a file, on the CPU."""
    module = torch.export.load(path).module()

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.inference_mode():
            return module(**inputs)

    return run
