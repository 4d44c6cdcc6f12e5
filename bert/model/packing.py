"""The real tokens of a padded batch, laid end to end, so that padding costs nothing.

    padded (batch, seq)              packed (tokens)

    [CLS]  good  [SEP]   .     .
    [CLS]  not   bad    [SEP]  .     [CLS] good [SEP] [CLS] not bad [SEP] [CLS] well [SEP]
    [CLS]  well  [SEP]   .     .

All layers but attention look at a token alone, and take either form. Attention needs to know whose tokens are whose:
on the CPU the tokens are unpacked for it, padding and all, and on a GPU it is told where each sequence begins
(``packed_attention``).
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_PADDING = 1 / 16  # of a batch, for which packing is worth the copies: those that attention on the CPU makes


@cache
def lacks_packed_attention(device: torch.device) -> bool:
    """Whether a GPU is too old for attention among packed tokens: FlashAttention's kernels begin with Ampere."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) < (8, 0)


@dataclass(frozen=True)
class Packing:
    """
    Attributes:
        places: (tokens,) where each token stands in the batch, numbered row by row (row * seq + position).
        batch, seq: the shape of the padded batch; no sequence is longer than seq.
        boundaries: (sequences + 1,) int32: where each sequence begins among the tokens, and where the last one ends.
            None where no attention asks for it: on the CPU, and on GPUs that lack it (``lacks_packed_attention``).
    """

    places: Tensor
    batch: int
    seq: int
    boundaries: Tensor | None = None

    @property
    def positions(self) -> Tensor:
        """(tokens,): each token's position in its own sequence."""
        return self.places % self.seq

    def pack(self, padded: Tensor) -> Tensor:
        """(batch, seq, ...) -> (tokens, ...)"""
        return padded.flatten(0, 1).index_select(0, self.places)

    def unpack(self, packed: Tensor) -> Tensor:
        """(tokens, ...) -> (batch, seq, ...), with 0 at padding."""
        padded = packed.new_zeros(self.batch * self.seq, *packed.shape[1:])
        return padded.index_copy(0, self.places, packed).unflatten(0, (self.batch, self.seq))

    def rows_of(self, places: Tensor) -> Tensor:
        """Which of the packed tokens stand at these places of the batch, all of which hold one of them."""
        numbers = torch.arange(len(self.places), device=places.device)
        return numbers.new_zeros(self.batch * self.seq).index_copy(0, self.places, numbers)[places]


@dataclass(frozen=True)
class Chosen:
    """The tokens whose last states are wanted: the last layer is computed for them alone.

    Every token is looked at in the last layer, but only these need to look: their queries, and after attention the
    feed-forward network and the LayerNorms, are all that is left of it. Of BERT's pretraining that is a sixth of the
    tokens, [CLS] and the masked ones; of a classifier's, [CLS].

    Attributes:
        rows: (chosen,) which rows of the hidden states (flattened, or packed) they are.
        packing: how their queries, of which some sequences have more than others, stand in (batch, most queries). None:
            all tokens look, and what these have seen is taken. So it is on a GPU, which attention costs little, and to
            count the queries it would have to wait.
    """

    rows: Tensor
    packing: Packing | None

    def take(self, hidden_states: Tensor) -> Tensor:
        """(batch, seq, hidden_size), or packed (tokens, hidden_size) -> (chosen, hidden_size)"""
        return hidden_states.flatten(0, -2).index_select(0, self.rows)


def choose(places: Tensor, batch: int, seq: int, packing: Packing | None) -> Chosen:
    """
    Args:
        places: (chosen,) numbers of tokens in the batch (row * seq + position); on the CPU ascending, none twice.
        packing: how the hidden states are packed, all of ``places`` among them; or None where they are not.
    """
    rows = places if packing is None else packing.rows_of(places)
    if places.device.type != "cpu":
        return Chosen(rows, None)
    sequences = places // seq
    counts = torch.bincount(sequences, minlength=batch)
    width = int(counts.max()) if batch else 0
    number_in_sequence = torch.arange(len(places)) - (counts.cumsum(0) - counts)[sequences]
    return Chosen(rows, Packing(sequences * width + number_in_sequence, batch, width))


def packing_in(batch: dict[str, Tensor]) -> Packing | None:
    """How the loader has laid a batch end to end, which it does for a GPU; None where it has not.

    Args:
        batch: attention_mask (batch, seq); and perhaps packed_places (tokens,) and packed_boundaries (sequences + 1,):
            see ``Packing``.
    """
    if "packed_places" not in batch:
        return None
    places, boundaries = batch["packed_places"], batch["packed_boundaries"]
    return Packing(
        places, *batch["attention_mask"].shape, None if lacks_packed_attention(places.device) else boundaries
    )


def find_packing(attention_mask: Tensor | None) -> Packing | None:
    """How to pack a batch, or None where that does not pay: without padding, and on the CPU where there is hardly any.

    Args:
        attention_mask: (batch, seq), 1 or True for a real token, 0 or False for padding; None: no padding.
    """
    if attention_mask is None:
        return None
    batch, seq = attention_mask.shape
    places = attention_mask.flatten().nonzero().squeeze(1)
    on_cpu = places.device.type == "cpu"
    if len(places) == 0 or len(places) == batch * seq or (on_cpu and len(places) > (1 - LEAST_PADDING) * batch * seq):
        return None
    boundaries = None
    if not on_cpu and not lacks_packed_attention(places.device):
        boundaries = F.pad((attention_mask != 0).sum(dim=1).cumsum(0), (1, 0)).int()
    return Packing(places, batch, seq, boundaries)
