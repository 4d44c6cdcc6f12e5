"""A trained model in 8 bits, for a CPU: less memory, and less time on a CPU that multiplies whole numbers.

rows.py         a matrix as whole numbers, with a scale for each row
linear.py       a dense layer of such matrices: weights once and for all, the tokens' states as they come
embedding.py    a table of embeddings
model.py        puts both in the place of a model's matrices
"""

from bert.quantization.model import quantize

__all__ = ["quantize"]
