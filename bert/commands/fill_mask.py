"""Filling in blanks: the masked language model's own task, on one text."""

from dataclasses import dataclass

import torch

from bert.adaptation.loading import source_of
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.errors import InputError
from bert.files.terminal import print_line
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Filling:
    """A piece for a blank, and its probability."""

    piece: str
    probability: float


def print_fillings(directory: str, text: str) -> None:
    """Loads a model and prints the five best pieces for each ``[MASK]``."""
    source = source_of(directory)
    if source.adapter is None:
        # The pooler and next sentence prediction are not used here. A model pretrained without them may lack both.
        model = load_checkpoint(directory, BertForPreTraining, fresh=("bert.pooler", "next_sentence"))
    elif source.is_of(BertForCloze):
        model = source.load(BertForCloze)
    else:
        raise InputError(
            f"{directory}: is an adapter without the head of masked language modelling; name a run of cloze questions, "
            f"or a pretraining run"
        )
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, model.config, directory)
    for number, fillings in enumerate(fill_mask(model, tokenizer, text), start=1):
        print_line(f"[MASK] {number}:")
        for filling in fillings:
            print_line(f"  {filling.probability:6.1%}  {filling.piece}")


@torch.inference_mode()
def fill_mask(
    model: BertForPreTraining | BertForCloze, tokenizer: Tokenizer, text: str, top: int = 5
) -> list[list[Filling]]:
    """The most probable pieces for each ``[MASK]`` in the text's order. The most probable comes first.

    As in pretraining, no blank knows the others' fillings. Special tokens are never suggested. Their probability is
    not shared out among the others. Raises an InputError if the text has no ``[MASK]``, or is too long for the model.
    Also if the model's scores are not finite.
    """
    encoding = tokenizer(text)
    longest = model.config.max_position_embeddings
    if len(encoding) > longest:
        raise InputError(f"the text is {len(encoding):,} tokens long, and this model reads {longest:,}; shorten it")
    positions = [position for position, token in enumerate(encoding.input_ids) if token == tokenizer.mask_token_id]
    if not positions:
        raise InputError("the text has no blank: write [MASK] in place of a word")
    device = next(model.parameters()).device
    model.eval()
    input_ids, token_type_ids = (
        torch.tensor([ids], device=device) for ids in (encoding.input_ids, encoding.token_type_ids)
    )
    states = model.bert(input_ids, token_type_ids).last_hidden_state[0, positions]  # (blanks, hidden_size)
    logits = model.masked_language_model(states, model.word_embeddings)
    if not logits.isfinite().all():
        raise InputError("the model's scores are not finite numbers: its weights are too large; use another checkpoint")
    probabilities = logits.float().softmax(dim=-1)[:, : tokenizer.vocab_size]
    probabilities[:, sorted(tokenizer.special_token_ids)] = 0
    best = probabilities.topk(min(top, probabilities.shape[-1]))
    return [
        [Filling(tokenizer.id_to_token(piece), probability) for piece, probability in zip(pieces, values)]
        for pieces, values in zip(best.indices.tolist(), best.values.tolist())
    ]
