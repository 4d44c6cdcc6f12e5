"""Weights in 8 bits, as the page has them.

Embeddings of rare pieces are small, so each row has a scale of its own. A vector, such as a bias, stays as it is, since
all vectors together take little room.
"""

from torch import Tensor

from bert.quantization.rows import EIGHT_BITS, dequantize_rows, quantize_rows

# A replay has ten models. Smaller numbers are shorter once they are compressed: about 6 bits each.
OF_A_REPLAY = 40


def rounded(weights: dict[str, Tensor], largest: int = EIGHT_BITS) -> dict[str, Tensor]:
    """A model's weights as they are in the page, to be compared with or loaded into PyTorch.

    The page computes with the matrix that the whole numbers stand for.
    """
    return {
        name: dequantize_rows(*quantize_rows(weight, largest)) if weight.dim() == 2 else weight
        for name, weight in weights.items()
    }
