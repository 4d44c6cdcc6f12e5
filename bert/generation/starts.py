"""What a model begins with: weights of checkpoints, or new ones (Rothe et al. 2020, section 4).

    start       encoder           decoder                                  cross-attention
    scratch     new               new                                      new
    bert2rnd    a checkpoint's    new                                      new
    bert2bert   a checkpoint's    a checkpoint's, perhaps another one's    new
    share       a checkpoint's    the encoder's own weights                new
    whole       a run's           the run's                                the run's

The last one goes on with a whole model, on other data. The others take the encoder alone of such a run.

In the paper the encoder is what pays. A decoder from a checkpoint adds nothing to translation and little to summaries.
Shared weights help summaries.
"""

from pathlib import Path
from typing import Any

import torch

from bert.checkpoints.directory import load_checkpoint, load_encoder_config
from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel

STARTS = ("scratch", "bert2rnd", "bert2bert", "share", "whole")


def start_model(
    start: str, config: EncoderDecoderConfig, checkpoint: str | Path | None = None,
    decoder_checkpoint: str | Path | None = None, same_vocabulary: bool = True, label_smoothing: float = 0.0,
) -> BertForConditionalGeneration:  # fmt: skip
    """A model that is ready to be trained. What is new comes from torch's default generator.

    Args:
        start: one of ``STARTS``.
        config: the sizes; they must be the checkpoints'.
        checkpoint: has the encoder, or the whole model.
        decoder_checkpoint: has what the decoder takes over. None: the encoder's checkpoint.
        same_vocabulary: whether the target has the vocabulary of the decoder's checkpoint. If not, its word embeddings
            are new.
        label_smoothing: see ``BertForConditionalGeneration``.

    Raises:
        InputError: if a checkpoint is missing, damaged, or does not fit; or if the start cannot be had with these
            vocabularies.
    """
    if start not in STARTS:
        raise InputError(f"the start is {start!r}; one of {', '.join(STARTS)} was expected")
    if config.shared != (start == "share") and start != "whole":
        raise InputError(f"the start {start} and a configuration with shared={config.shared} contradict each other")
    if decoder_checkpoint is not None and start != "bert2bert":
        raise InputError(f"the start {start} takes no decoder from a checkpoint; leave it out, or start with bert2bert")
    if start == "scratch":
        return BertForConditionalGeneration(config, label_smoothing).eval()
    if checkpoint is None:
        raise InputError(f"the start {start} takes the encoder from a checkpoint; name one, or start from scratch")
    if start == "share" and not same_vocabulary:
        raise InputError("the start share needs one vocabulary for source and target; use it, or start with bert2rnd")
    if start == "whole":
        return load_checkpoint(checkpoint, BertForConditionalGeneration, config=config, label_smoothing=label_smoothing)
    model = BertForConditionalGeneration(config, label_smoothing).eval()
    encoder = load_checkpoint(checkpoint, BertModel, config=config.encoder, with_pooler=False)
    model.bert.load_state_dict(encoder.state_dict(), assign=True)
    if start != "bert2rnd":
        _take_over(model, Path(decoder_checkpoint or checkpoint), same_vocabulary)
    return model


def is_new(name: str, start: str, same_vocabulary: bool = True) -> bool:
    """Whether a start leaves a parameter new, by its name. The decoder's head counts as new: many checkpoints lack it.

    >>> is_new("decoder.layers.0.attention.query.weight", "bert2rnd")
    True
    >>> is_new("decoder.layers.0.attention.query.weight", "bert2bert")
    False
    """
    if start == "scratch":
        return True
    if start == "whole" or name.startswith("bert."):
        return False
    taken_over = name.startswith(("decoder.embeddings.", "decoder.layers.")) and "cross_attention" not in name
    if start == "bert2rnd" or not taken_over:
        return True
    return not same_vocabulary and name == "decoder.embeddings.word_embeddings.weight"


@torch.no_grad()
def _take_over(model: BertForConditionalGeneration, directory: Path, same_vocabulary: bool) -> None:
    """Puts a checkpoint's layers, embeddings and head into the decoder, in place. Without a head there it stays new."""
    decoder, found = model.decoder, load_encoder_config(directory)
    sizes = decoder.config if same_vocabulary else decoder.config.replace(vocab_size=found.vocab_size)
    may_lack = ("masked_language_model", "next_sentence", "bert.pooler")
    source: Any = load_checkpoint(directory, BertForPreTraining, may_lack, sizes)
    pairs = [
        (decoder.embeddings, source.bert.embeddings),
        (decoder.head, source.masked_language_model),
        *zip(decoder.layers, source.bert.encoder.layers, strict=True),
    ]
    of_vocabulary = () if same_vocabulary else ("word_embeddings.weight", "bias")
    for ours, theirs in pairs:
        weights = {name: weight for name, weight in theirs.state_dict().items() if name not in of_vocabulary}
        ours.load_state_dict(weights, strict=False)
