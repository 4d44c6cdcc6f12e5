"""Puts layers in 8 bits in the place of a trained model's matrices.

in 8 bits         the six matrices of each encoder layer, a decoder's too; the table of word embeddings
float32, as is    position and segment embeddings, LayerNorms, attention itself, pooler and head

What was tried, on MiniLM (six layers, hidden_size 384). Left: a short fine-tuning on SST-2, its 872 dev texts. Right:
the vectors of 1,000 sentences of STS-B, their cosines with the vectors in float32, and Spearman's correlation.

                                                accuracy   labels that differ   mean cosine   lowest   Spearman
    float32                                       .8417                                                 .9257
    as it is here                                 .8417             6              .9974       .9954    .9260
    word embeddings in float32                    .8440             4              .9974       .9949    .9251
    and ``feed_forward.output`` in float32        .8429             3              .9980       .9962    .9256
    and ``feed_forward.output`` in bfloat16       .8440             4              .9980       .9958    .9254
    and its input moved to the middle of 8 bits   .8429             3              .9976       .9959    .9250
    one scale for each weight, not each output    .8440            18              .9702       .9390    .9221
    one scale for a batch, not for each token     .8417            16              .9542       .9098    .9190
    and ``feed_forward.output`` in float32        .8394            12              .9929       .9855    .9249

With one scale for a batch, the input of ``feed_forward.output`` costs the most: a few of its numbers are huge
(Bondarenko et al. 2021, "Understanding and Overcoming the Challenges of Efficient Transformer Quantization"). With a
scale for each token little is left to gain, and a text's result does not depend on the other texts of its batch.
"""

from typing import TypeVar

import torch
from torch import nn

from bert.adaptation.adapt import adaptation_of, merge
from bert.adaptation.matrices import PlainLinear
from bert.errors import InputError
from bert.model.attention import MultiHeadAttention
from bert.model.embeddings import Embeddings
from bert.model.feed_forward import FeedForward
from bert.quantization.embedding import QuantizedEmbedding
from bert.quantization.linear import QuantizedLinear, WholeStates
from bert.quantization.rows import quantize_rows

Model = TypeVar("Model", bound=nn.Module)

MATRICES = {MultiHeadAttention: ("query", "key", "value", "output"), FeedForward: ("intermediate", "output")}


def quantize(model: Model) -> Model:
    """Puts a trained model into 8 bits, in place. It can no longer be trained, saved or moved to a GPU.

    An adapter becomes part of the weights first. If it cannot, then what it wraps stays in float32, and so does the
    adapter. Inside ``with bert.fast.off():`` the weights stay ordinary int8 tensors, and the model is slow. Such a
    model can be exported.

    Returns:
        The same model.

    Raises:
        InputError: if the model is on a GPU, or not in float32.
    """
    if (device := next(model.parameters()).device).type != "cpu":
        raise InputError(
            f"a model in 8 bits computes on the CPU, and this one is on {device}; move it to the CPU first"
        )
    if others := {weight.dtype for weight in model.parameters() if weight.dtype != torch.float32}:
        raise InputError(f"a model in 8 bits is made of float32, and this one has {others.pop()}; call .float() first")
    if hasattr(model, "adaptation") and adaptation_of(model).method.merges:
        merge(model)
    modules = list(model.modules())
    for attention in modules:
        if type(attention) is MultiHeadAttention and all(
            map(_is_plain, (attention.query, attention.key, attention.value))
        ):
            attention.register_forward_pre_hook(_quantize_once)
    read_by_a_head = {id(getattr(module, "word_embeddings", None)) for module in modules}
    for module in modules:
        for kind, names in MATRICES.items():
            for name in names if isinstance(module, kind) else ():
                if _is_plain(linear := getattr(module, name)):
                    setattr(module, name, QuantizedLinear(linear))
        if isinstance(module, Embeddings):
            words = module.word_embeddings
            if type(words) is nn.Embedding and id(words.weight) not in read_by_a_head:
                module.set_submodule("word_embeddings", QuantizedEmbedding(words))
    return model


def weight_bytes(model: nn.Module) -> int:
    """The memory that a model's parameters and buffers take."""
    return sum(each.numel() * each.element_size() for each in (*model.parameters(), *model.buffers()))


def _is_plain(linear: nn.Module) -> bool:
    """Whether a matrix stands alone: no adapter is wrapped around it, and it is not in 8 bits already."""
    return type(linear) in (nn.Linear, PlainLinear)


def _quantize_once(attention: MultiHeadAttention, arguments: tuple) -> tuple:
    """A hook: query, key and value get the same whole numbers, made once."""
    from_states, to_states, *others = arguments
    whole = WholeStates(*quantize_rows(from_states))
    return (whole, whole if to_states is from_states else WholeStates(*quantize_rows(to_states)), *others)
