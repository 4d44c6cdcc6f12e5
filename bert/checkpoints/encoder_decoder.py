"""Hugging Face's names for the parameters of an encoder with a decoder, and ours.

Theirs are the names of two BERTs (``EncoderDecoderModel``). The prefix says which. The decoder has a language model's
head.
"""

from torch import Tensor

from bert.checkpoints.huggingface import UNTIED_DECODER, from_huggingface, to_huggingface_name
from bert.errors import InputError

# Of a decoder's parts our names, and the names of the same parts in a BERT of ours. Cross-attention is part of a layer.
_DECODER_PARTS = [
    ("decoder.embeddings.", "bert.embeddings."),
    ("decoder.layers.", "bert.encoder.layers."),
    ("decoder.head.", "masked_language_model."),
]
_OUR_BRIDGE, _THEIR_BRIDGE = "bridge.", "enc_to_dec_proj."


def to_encoder_decoder_name(name: str) -> str:
    """The name that transformers gives a parameter of an encoder with a decoder.

    >>> to_encoder_decoder_name("bert.encoder.layers.3.feed_forward_norm.weight")
    'encoder.encoder.layer.3.output.LayerNorm.weight'
    >>> to_encoder_decoder_name("decoder.layers.3.cross_attention_norm.weight")
    'decoder.bert.encoder.layer.3.crossattention.output.LayerNorm.weight'
    """
    for ours, of_bert in _DECODER_PARTS:
        if name.startswith(ours):
            return "decoder." + to_huggingface_name(of_bert + name.removeprefix(ours))
    if name.startswith("bert."):
        return "encoder." + to_huggingface_name(name).removeprefix("bert.")
    return name.replace(_OUR_BRIDGE, _THEIR_BRIDGE)


def from_encoder_decoder(weights: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """A checkpoint's parameters under our names, each once.

    Raises:
        InputError: if two names are of one weight, or the output is not tied to the decoder's word embeddings.
    """
    encoder, decoder, ours = {}, {}, {}
    for name, weight in weights.items():
        if name.startswith("encoder."):
            encoder[name.removeprefix("encoder.")] = weight
        elif name.startswith("decoder."):
            decoder[name.removeprefix("decoder.")] = weight
        else:
            ours[name.replace(_THEIR_BRIDGE, _OUR_BRIDGE)] = weight
    ours |= from_huggingface(encoder, f"{source}: the encoder")
    for name, weight in from_huggingface(decoder, f"{source}: the decoder").items():
        if name == UNTIED_DECODER:
            raise InputError(
                f"{source}: the scores of its pieces do not come from the decoder's word embeddings, and no decoder of "
                f"ours has a matrix of its own for them; train one whose output is tied (tie_word_embeddings)"
            )
        part = next((part for part in _DECODER_PARTS if name.startswith(part[1])), ("decoder.", ""))
        ours[part[0] + name.removeprefix(part[1])] = weight
    return ours
