"""The table of formats, by the names of ``--format``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.export.google import write_archive
from bert.export.onnx_graph import check_installed, open_graph, write_graph
from bert.export.parts import Part, parts_of
from bert.export.program import Runner, open_program, write_program
from bert.export.running import run_by
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Format:
    """How a model becomes files, and how these are run to compare them with it.

    Attributes:
        suffix: of the files, one for each part of the model. None: the format has files of its own.
        write: (directory, model, tokenizer, in 8 bits) -> the files, and a model that runs them.
        check: raises an InputError if something that the format needs is missing.
        has_int8: whether it can be in 8 bits.
    """

    suffix: str | None
    write: Callable[[Path, Any, Tokenizer, bool], Any]
    check: Callable[[], None] = lambda: None
    has_int8: bool = False

    def refuse_unless_possible(self, int8: bool) -> None:
        """Raises an InputError if the format cannot be written here, or not in 8 bits."""
        if int8 and not self.has_int8:
            raise InputError(
                "--int8: only an ONNX graph can be in 8 bits, since our own 8-bit weights are packed for this "
                "processor; use --format onnx, or bert predict --int8 without an export"
            )
        self.check()


def files_of_parts(
    suffix: str, write: Callable[[Path, Part, bool], None], load: Callable[[Path], Runner]
) -> Callable[[Path, Any, Tokenizer, bool], Any]:
    """What writes a file for each part of a model.

    Args:
        write: (path, part, in 8 bits) -> the file.
        load: the file -> a function that runs it.
    """

    def write_all(directory: Path, model: Any, tokenizer: Tokenizer, int8: bool) -> Any:
        runners = {}
        for name, part in parts_of(model).items():
            write(path := directory / f"{name}{suffix}", part, int8)
            runners[name] = load(path)
        return run_by(model, runners)

    return write_all


FORMATS = {
    "torch": Format(".pt2", files_of_parts(".pt2", write_program, open_program)),
    "onnx": Format(".onnx", files_of_parts(".onnx", write_graph, open_graph), check_installed, has_int8=True),
    "google": Format(None, write_archive),
}
