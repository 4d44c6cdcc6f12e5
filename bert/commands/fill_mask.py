"""Filling in blanks: the masked language model's own task, on one text."""

from dataclasses import dataclass

import torch

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.errors import InputError
from bert.files.terminal import print_line
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Filling:
    """A piece for a blank, and its probability."""

    piece: str
    probability: float


def print_fillings(directory: str, text: str) -> None:
    """Loads a model and prints the five best pieces for each ``[MASK]``."""
    # The pooler and next sentence prediction are not used here. A model pretrained without them may lack both.
    model = load_checkpoint(directory, BertForPreTraining, fresh=("bert.pooler", "next_sentence"))
    tokenizer = load_tokenizer(directory)
    check_vocabulary_fits(tokenizer, model.config, directory)
    for number, fillings in enumerate(fill_mask(model, tokenizer, text), start=1):
        print_line(f"[MASK] {number}:")
        for filling in fillings:
            print_line(f"  {filling.probability:6.1%}  {filling.piece}")


@torch.inference_mode()
def fill_mask(model: BertForPreTraining, tokenizer: Tokenizer, text: str, top: int = 5) -> list[list[Filling]]:
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
    output = model(
        torch.tensor([encoding.input_ids], device=device),
        torch.tensor([encoding.token_type_ids], device=device),
        masked_positions=torch.tensor(positions, device=device),
    )
    if not output.prediction_logits.isfinite().all():
        raise InputError("the model's scores are not finite numbers: its weights are too large; use another checkpoint")
    probabilities = output.prediction_logits.float().softmax(dim=-1)[:, : tokenizer.vocab_size]
    probabilities[:, sorted(tokenizer.special_token_ids)] = 0
    best = probabilities.topk(min(top, probabilities.shape[-1]))
    return [
        [Filling(tokenizer.id_to_token(piece), probability) for piece, probability in zip(pieces, values)]
        for pieces, values in zip(best.indices.tolist(), best.values.tolist())
    ]
