"""A model as an ONNX graph, which onnxruntime and many other programs run.

Needs the extra "export": onnx, onnxscript, onnxruntime.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bert.errors import InputError
from bert.export.onnx_int8 import write_in_8_bits
from bert.export.parts import Part
from bert.export.program import Runner, program_of

OPSET = 20  # the first one with GELU as an operation
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
MOST_IN_ONE_FILE = 2**31 - 2**24  # bytes: a graph's own file must stay below 2 GiB


def check_installed() -> None:
    """Raises an InputError if a package is missing: before the work, not after it."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise InputError(
            f"--format onnx needs the package {missing[0]}, which is missing; pip install 'bert-from-scratch[export]', "
            f"or pip install {' '.join(PACKAGES)}"
        )


def graph_of(part: Part) -> Any:
    """The graph of a part, an ``onnx.ModelProto``."""
    program, names = program_of(part), list(part.form.axes_of)
    with _quiet():
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, output_names=names, verbose=False, external_data=False
        )
    assert exported is not None
    graph = exported.model_proto
    _name_axes(graph, part)
    return graph


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The libraries warn about torchvision, which is not needed, and about their own code."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _name_axes(graph: Any, part: Part) -> None:
    """Gives the sizes that are not fixed our names, such as "batch", instead of PyTorch's."""
    names = {}
    for value in graph.graph.input:
        for axis, dimension in zip(part.form.inputs[value.name], value.type.tensor_type.shape.dim):
            if dimension.dim_param:
                names[dimension.dim_param] = axis
    del graph.graph.value_info[:]  # sizes in between, which a reader can work out again, under the old names
    for value in (*graph.graph.input, *graph.graph.output):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in names:
                dimension.dim_param = names[dimension.dim_param]


def write_graph(path: Path, part: Part, int8: bool) -> None:
    """Writes the graph's file. Weights of 2 GiB and more go to a second file beside it, ``NAME.onnx.data``.

    Args:
        int8: whether the matrices are in 8 bits.
    """
    import onnx

    graph = graph_of(part)
    is_large = graph.ByteSize() > MOST_IN_ONE_FILE
    if int8:
        with _quiet():
            write_in_8_bits(graph, path, part.module, is_large)
        return
    onnx.save_model(graph, path, save_as_external_data=is_large, location=f"{path.name}.data")


def open_graph(path: Path) -> Runner:
    """The graph in a file, run by onnxruntime on the CPU, with as many threads as PyTorch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    takes = {each.name for each in session.get_inputs()}

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        arrays = session.run(names, {name: value.numpy() for name, value in inputs.items() if name in takes})
        return {name: torch.from_numpy(array) for name, array in zip(names, arrays)}

    return run
