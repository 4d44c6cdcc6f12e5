"""The table of formats, by the names of ``--format``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bert.errors import InputError
from bert.export.onnx_graph import check_installed, open_graph, write_graph
from bert.export.parts import Part
from bert.export.program import Runner, open_program, write_program


@dataclass(frozen=True)
class Format:
    """How a model becomes files, and how these are run to compare them with it.

    Attributes:
        suffix: of the files, one for each part of the model.
        write: (path, part, in 8 bits) -> the file.
        open: the file -> a function that runs it.
        check: raises an InputError if something that the format needs is missing.
        has_int8: whether it can be in 8 bits.
    """

    suffix: str
    write: Callable[[Path, Part, bool], None]
    open: Callable[[Path], Runner]
    check: Callable[[], None] = lambda: None
    has_int8: bool = False

    def refuse_unless_possible(self, int8: bool) -> None:
        """Raises an InputError if the format cannot be written here, or not in 8 bits."""
        if int8 and not self.has_int8:
            raise InputError(
                "--int8: a program of PyTorch cannot hold our 8-bit weights, which are packed for this processor; use "
                "--format onnx, or bert predict --int8 without an export"
            )
        self.check()


FORMATS = {
    "torch": Format(".pt2", write_program, open_program),
    "onnx": Format(".onnx", write_graph, open_graph, check_installed, has_int8=True),
}


def write_files(directory: Path, parts: Mapping[str, Part], format: Format, int8: bool) -> dict[str, Path]:
    """Writes a file for each part of a model, and gives their paths by the parts' names."""
    paths = {name: directory / f"{name}{format.suffix}" for name in parts}
    for name, part in parts.items():
        format.write(paths[name], part, int8)
    return paths
