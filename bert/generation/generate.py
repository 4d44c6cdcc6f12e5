"""From sources to outputs, as the settings ask: greedy, beam search or sampling."""

from collections.abc import Sequence

import torch
from torch import Tensor

from bert.generation.beam_search import search
from bert.generation.constraints import Constraints, SpecialPieces
from bert.generation.decoding import LENGTH_PENALTY, Decoding
from bert.generation.greedy import most_probable, write_piece_by_piece
from bert.generation.sampling import Sampler
from bert.generation.stepwise import Output, StepwiseModel


@torch.inference_mode()
def generate(
    model: StepwiseModel,
    input_ids: Tensor,
    attention_mask: Tensor,
    pieces: SpecialPieces,
    decoding: Decoding,
    names: Sequence[int] | None = None,
) -> list[Output]:
    """The output for each source of a batch. Dropout is off.

    Args:
        input_ids, attention_mask: (sources, seq) int64, and 1 at its tokens, 0 at padding.
        pieces: of the vocabulary that outputs are written in.
        names: a number for each source, such as its line. Sampling draws by them; a source with the same name, seed
            and model has the same output in any batch. None: 0, 1, 2 ...

    Raises:
        InputError: if the model's scores are not numbers.
    """
    model.eval()
    device = input_ids.device
    cache = model.start(model.encode(input_ids, attention_mask))
    constraints = Constraints(pieces, decoding)
    if decoding.beams > 1:
        alpha = LENGTH_PENALTY if decoding.length_penalty is None else decoding.length_penalty
        return search(model, cache, len(input_ids), constraints, decoding.beams, alpha, device)
    choose = most_probable
    if decoding.sample:
        temperature = 1.0 if decoding.temperature is None else decoding.temperature
        top_p = 1.0 if decoding.top_p is None else decoding.top_p
        choose = Sampler(temperature, top_p, decoding.seed or 0)
    sources = torch.arange(len(input_ids)) if names is None else torch.tensor(names)
    return write_piece_by_piece(model, cache, sources.to(device), constraints, choose)
