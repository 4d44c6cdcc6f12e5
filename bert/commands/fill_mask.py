"""Filling in blanks: what the masked language model was trained to do, asked of one text."""

from dataclasses import dataclass

import torch

from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining


@dataclass(frozen=True)
class Filling:
    """A piece that may stand in a blank, and the model's probability of it."""

    piece: str
    probability: float


@torch.inference_mode()
def fill_mask(model: BertForPreTraining, tokenizer, text: str, top: int = 5) -> list[list[Filling]]:
    """The most probable pieces for each ``[MASK]`` in a text, in the text's order, the most probable first.

    Each blank is filled without knowing what is put into the others, as in pretraining. Only special tokens are never
    suggested; their share of the probability is not given to the others.

    Raises:
        InputError: where the text has no ``[MASK]``, or is longer than the model can take in.
    """
    encoding = tokenizer(text)
    longest = model.config.max_position_embeddings
    if len(encoding) > longest:
        raise InputError(f"the text is {len(encoding):,} tokens long, and this model reads {longest:,}; shorten it")
    positions = [place for place, token in enumerate(encoding.input_ids) if token == tokenizer.mask_token_id]
    if not positions:
        raise InputError("the text has no blank: write [MASK] where a word is to be filled in")
    device = next(model.parameters()).device
    model.eval()
    output = model(
        torch.tensor([encoding.input_ids], device=device),
        torch.tensor([encoding.token_type_ids], device=device),
        masked_positions=torch.tensor(positions, device=device),
    )
    probabilities = output.prediction_logits.float().softmax(dim=-1)[:, : tokenizer.vocab_size]
    probabilities[:, sorted(tokenizer.special_token_ids)] = 0
    best = probabilities.topk(min(top, probabilities.shape[-1]))
    return [
        [Filling(tokenizer.id_to_token(piece), probability) for piece, probability in zip(pieces, values)]
        for pieces, values in zip(best.indices.tolist(), best.values.tolist())
    ]
