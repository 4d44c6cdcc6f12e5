"""A table of embeddings in 8 bits: each embedding as whole numbers and one scale."""

from torch import Tensor, nn
from torch.nn import functional as F

from bert.quantization.rows import dequantize_rows, quantize_rows


class QuantizedEmbedding(nn.Module):
    """A table in 8 bits, made from another one. Only the rows that a batch needs become floats again.

    It takes a quarter of the memory. In a small model the table of words is half of all weights.
    """

    weight: Tensor
    scales: Tensor

    def __init__(self, embedding: nn.Embedding):
        super().__init__()
        whole, scales = quantize_rows(embedding.weight.detach())
        self.register_buffer("weight", whole)
        self.register_buffer("scales", scales)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(...) ids -> (..., hidden_size) float32"""
        return dequantize_rows(F.embedding(input_ids, self.weight), self.scales[input_ids])
