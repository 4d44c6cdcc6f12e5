"""How fast an encoder is in 8 bits on the CPU, beside float32 and bfloat16, and beside onnxruntime's 8 bits.

    python -m benchmarks.int8
    python -m benchmarks.int8 --cases mini --seconds 10 --json results.json

In 8 bits it is as with ``python -m bert predict --int8``. bfloat16 is PyTorch's autocast. onnxruntime runs the same
weights: transformers' model, exported by ``torch.onnx``, and its dynamic quantization with one scale for each weight,
which is its fastest. All contestants read the same ids, without padding, and take turns. Speeds do not depend on the
weights, so these are random, and of BERT base only four of twelve layers are measured.
"""

import os
import tempfile
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.measuring import Turns, Work, options, run_cases, speed_row, take_turns
from benchmarks.training_step import their_model
from bert.config import BertConfig
from bert.model.bert import BertModel
from bert.quantization import quantize

CONFIGS = {
    "MiniLM": BertConfig(30_522, 384, 6, 12, 1_536),
    "base, 4 layers": BertConfig(30_522, 768, 4, 12, 3_072),
}
SHAPES = {(8, 128): 1, (1, 32): 20}  # rows and tokens of a batch, and how often a turn reads it
OURS, FLOAT32, BFLOAT16 = "8 bits", "float32", "bfloat16"
OPSET = 20


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__)
    parser.set_defaults(device="cpu", seconds=2.0)
    given = parser.parse_args(arguments)
    if given.device != "cpu":
        raise SystemExit("8 bits are for the CPU: leave out --device")
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        cases = {
            f"{size}, {rows} x {tokens} tokens": partial(
                _case, size=size, shape=(rows, tokens), folder=Path(folder), seconds=given.seconds
            )
            for size in CONFIGS for rows, tokens in SHAPES
        }  # fmt: skip
        run_cases(cases, given)


def _case(case: str, size: str, shape: tuple[int, int], folder: Path, seconds: float) -> list[dict]:
    """The rows of a size and a shape: ours in 8 bits beside each of the others."""
    makers = {precision: Ours(size, shape, precision) for precision in (OURS, FLOAT32, BFLOAT16)}
    graphs = write_graphs(size, shape, folder)
    makers |= {f"onnxruntime, {precision}": Onnx(shape, path) for precision, path in graphs.items()}
    turns: dict[str, Turns] = take_turns(makers, torch.device("cpu"), seconds)
    tokens = shape[0] * shape[1] * SHAPES[shape]
    return [
        speed_row(f"{case}, {OURS} / {other}", "int8", "tokens/s", turns[OURS], turns[other], tokens)
        for other in makers if other != OURS
    ]  # fmt: skip


def inputs_of(shape: tuple[int, int]) -> torch.Tensor:
    return torch.randint(5, 30_522, shape, generator=torch.Generator().manual_seed(0))


def model_of(size: str) -> BertModel:
    torch.manual_seed(0)
    return BertModel(CONFIGS[size]).eval()


@dataclass(frozen=True)
class Ours:
    """Makes a contestant: our model in a precision."""

    size: str
    shape: tuple[int, int]
    precision: str

    def __call__(self) -> Work:
        model, ids = model_of(self.size), inputs_of(self.shape)
        if self.precision == OURS:
            quantize(model)

        @torch.inference_mode()
        def read() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == BFLOAT16):
                for _ in range(SHAPES[self.shape]):
                    model(ids)

        return read


@dataclass(frozen=True)
class Onnx:
    """Makes a contestant: a graph in onnxruntime, with as many threads as PyTorch."""

    shape: tuple[int, int]
    path: Path

    def __call__(self) -> Work:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(self.path, settings, providers=["CPUExecutionProvider"])
        inputs = {session.get_inputs()[0].name: inputs_of(self.shape).numpy()}

        def read() -> None:
            for _ in range(SHAPES[self.shape]):
                session.run(None, inputs)

        return read


class States(torch.nn.Module):
    """Their model, from ids to last states."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids).last_hidden_state


def write_graphs(size: str, shape: tuple[int, int], folder: Path) -> dict[str, Path]:
    """Writes the graphs of a model for one shape: in float32, and in 8 bits."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    paths = {precision: folder / f"{size} {shape} {precision}.onnx" for precision in (FLOAT32, OURS)}
    theirs = States(their_model("BertModel", model_of(size), "sdpa").eval())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            theirs, (inputs_of(shape),), dynamo=True, opset_version=OPSET, verbose=False, external_data=False
        )
    assert program is not None
    graph = program.model_proto
    del graph.graph.value_info[:]  # onnxruntime's quantization cannot read these sizes
    onnx.save_model(graph, os.fspath(paths[FLOAT32]))
    quantize_dynamic(paths[FLOAT32], paths[OURS], weight_type=QuantType.QInt8)
    return paths


if __name__ == "__main__":
    main()
