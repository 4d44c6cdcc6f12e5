"""Vectors for pieces that are added to a trained model's vocabulary.

    before      ec ##ze ##ma                three pieces, three vectors
    after       eczema                      one piece: the mean of the three

So the model reads about the same as before, and trains from there. A random vector would be noise to a trained model.
The decoder is tied to these vectors. Its bias of a new piece is a mean, too.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bert.checkpoints.shapes import shapes_of
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.new_pieces import old_ids
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.variants.build import as_variant

# A row or a number for each piece. The second table is there if the decoder is not tied.
_OF_PIECES = (
    "bert.embeddings.word_embeddings.weight",
    "masked_language_model.decoder.weight",
    "masked_language_model.bias",
)


def with_new_vectors(
    model: BertForPreTraining, tokenizer: WordPieceTokenizer, pieces: Sequence[str]
) -> BertForPreTraining:
    """The same model with vectors for ``pieces``, the first one's id being ``tokenizer.vocab_size``.

    Rows that the model has beyond its vocabulary are taken first: some published models round their number up. Other
    weights are shared with ``model``.

    Args:
        tokenizer: cuts as before, without the new pieces.
    """
    made_of = [list(old_ids(tokenizer, piece)) for piece in pieces]
    rows = max(model.config.vocab_size, tokenizer.vocab_size + len(pieces))
    weights = {
        name: _grown(weight, rows, tokenizer.vocab_size, made_of) if name in _OF_PIECES else weight
        for name, weight in model.state_dict().items()
    }
    larger = shapes_of(lambda: as_variant(BertForPreTraining(model.config.replace(vocab_size=rows))))
    larger.load_state_dict(weights, assign=True)
    return larger.requires_grad_()


def _grown(weight: Tensor, rows: int, first: int, made_of: list[list[int]]) -> Tensor:
    """``weight`` (vocab_size, ...) with ``rows`` rows. From ``first`` on they are means of the rows in ``made_of``."""
    grown = torch.cat([weight, weight.new_zeros(rows - len(weight), *weight.shape[1:])])
    for row, ids in enumerate(made_of, first):
        grown[row] = weight[ids].mean(0)
    return grown
