"""An ONNX graph in 8 bits. Matrices become integers with a scale for each column. A table of embeddings has one scale.

onnxruntime quantizes what goes into a matrix as it comes ("dynamic"), and multiplies integers. The second matrix of
each feed-forward network stays in float. A few of its inputs are far larger than the others, and one scale for all
leaves the others few steps.

What was tried, with MiniLM after 150 updates on SST-2. Of the 872 labels of dev, so many flip. The seconds are
onnxruntime's.

    float32                                             0 flip     6.5 s    91 MB
    all matrices, one scale each                       20          3.1      59
    all matrices, a scale for each column              10          3.6      59
    the same in 7 bits (reduce_range)                   6          2.8      59
    all but feed-forward's second, one scale each       9          3.6      70
    all but feed-forward's second, by column            4          3.7      70
    the same, with embeddings in 8 bits                 5          3.7      34     this one
    all matrices by column, with embeddings            12          3.2      24

The pooler and the layer of labels stay in float, too.
"""

from pathlib import Path
from typing import Any

from torch import nn

from bert.model.feed_forward import FeedForward


def write_in_8_bits(graph: Any, path: Path, module: nn.Module, is_large: bool) -> None:
    """Writes a graph in 8 bits.

    Args:
        graph: an ``onnx.ModelProto`` without the sizes in between: the library takes the exporter's for contradictions.
        module: what the graph was made of.
        is_large: whether the weights go to a second file.
    """
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(
        graph,
        path,
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        nodes_to_exclude=second_matrices(graph, module),
        use_external_data_format=is_large,
    )


def second_matrices(graph: Any, module: nn.Module) -> list[str]:
    """The names of the products with a feed-forward network's second matrix, found by its shape."""
    shapes = {tuple(part.output.weight.shape)[::-1] for part in module.modules() if isinstance(part, FeedForward)}
    weights = {weight.name for weight in graph.graph.initializer if tuple(weight.dims) in shapes}
    return [node.name for node in graph.graph.node if node.op_type == "MatMul" and weights & set(node.input)]
