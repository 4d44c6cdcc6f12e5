"""A model's weights as text: whole numbers and scales, compressed, then base64.

The bytes of the tensors follow each other, each tensor from a multiple of 4 bytes on, little-endian:

    vector (n,)               n float32
    matrix (rows, columns)    the scales, rows float32; then rows * columns int8

``page/weights.js`` reads them.
"""

import base64
import zlib
from dataclasses import dataclass

from torch import Tensor

from bert.quantization.rows import EIGHT_BITS, quantize_rows


@dataclass(frozen=True)
class PackedWeights:
    """The weights of one model.

    Attributes:
        tensors: the name and the shape of each, in the order of their bytes.
        content: base64 of zlib's format. Browsers call it "deflate".
    """

    tensors: list[tuple[str, list[int]]]
    content: str


def pack_weights(weights: dict[str, Tensor], largest: int = EIGHT_BITS) -> PackedWeights:
    """Packs vectors and matrices under their names.

    Args:
        largest: the largest whole number of a matrix, see ``quantize_rows``.
    """
    parts = []
    for weight in weights.values():
        if weight.dim() == 2:
            whole, scales = quantize_rows(weight, largest)
            content = whole.numpy().tobytes()
            parts += [scales.numpy().astype("<f4").tobytes(), content, bytes(-len(content) % 4)]
        else:
            parts.append(weight.numpy().astype("<f4").tobytes())
    # Weights never repeat, so looking for repetitions is in vain. But small numbers are frequent: Huffman's code alone.
    compressor = zlib.compressobj(level=9, memLevel=9, strategy=zlib.Z_HUFFMAN_ONLY)
    compressed = b"".join([*map(compressor.compress, parts), compressor.flush()])
    tensors = [(name, list(weight.shape)) for name, weight in weights.items()]
    return PackedWeights(tensors, base64.b64encode(compressed).decode("ascii"))
