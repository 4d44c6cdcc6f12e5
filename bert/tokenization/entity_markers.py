"""Markers around the two entities of a text, by which a model sees what it is asked to relate.

Baldini Soares et al. 2019, "Matching the Blanks: Distributional Similarity for Relation Learning", figure 3 (d to f),
"entity markers":

    [CLS] the [E1] author [/E1] of a key ##gen uses a [E2] di ##sas ##se ##mble ##r [/E2] ... [SEP]

The markers are pieces that the vocabulary has already, so that it keeps its size, and which they are follows from the
vocabulary alone: nothing about them needs to be saved. They are ``[unused1]`` to ``[unused4]``, which Google's
vocabularies keep free for such ends and no text is ever cut into. A vocabulary without them (one that was learned here,
or a SentencePiece model) lends its last four pieces. Learned vocabularies end with their rarest pieces: fine-tuning
gives them their new meaning, and where one does stand in a text, the head still reads the marker, whose position it is
told.
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from bert.errors import InputError
from bert.tokenization.long_texts import ModelInput, pad_inputs

UNUSED = ("[unused1]", "[unused2]", "[unused3]", "[unused4]")
Span = tuple[int, int]


class MarkedInput(NamedTuple):
    """entity_positions: where the two start markers are; is_cut: whether some of the text was left out."""

    input: ModelInput
    entity_positions: tuple[int, int]
    is_cut: bool


def marker_ids(tokenizer) -> list[int]:
    """The ids of the markers: first entity's start and end, second entity's start and end.

    Raises:
        InputError: where the vocabulary has fewer than four pieces besides the special tokens.
    """
    if all(tokenizer.token_to_id(piece) != tokenizer.unk_token_id for piece in UNUSED):
        return [tokenizer.token_to_id(piece) for piece in UNUSED]
    from_the_end = (i for i in reversed(range(tokenizer.vocab_size)) if i not in tokenizer.special_token_ids)
    ids = list(islice(from_the_end, len(UNUSED)))
    if len(ids) < len(UNUSED):
        raise InputError(f"a vocabulary of {tokenizer.vocab_size} pieces has none to spare for the markers of entities")
    return ids[::-1]


def marked_input(tokenizer, text: str, first: Span, second: Span, max_length: int) -> MarkedInput:
    """The input of a text with markers around its entities.

    Of a text that is too long the pieces nearest to an entity are kept, on both sides of both, so that what is left out
    is the beginning, the end, or the middle between two distant entities; the entities and markers always stay.

    Args:
        first, second: (start, end) of the entities, in characters. An entity that begins or ends within a piece has
            all of it. One may lie in the other.

    Raises:
        InputError: where an entity has no piece, or the entities alone are too long.
    """
    pieces = tokenizer.pieces(text)
    ids = np.array(pieces.ids, np.int32)
    bounds = np.array(pieces.offsets, np.int64).reshape(-1, 2)
    spans = []
    for start, end in (first, second):
        inside = np.flatnonzero((bounds[:, 1] > start) & (bounds[:, 0] < end))
        if len(inside) == 0:
            raise InputError(f"the entity {text[start:end][:40]!r} is of characters that no piece stands for")
        spans.append((int(inside[0]), int(inside[-1]) + 1))

    kept = _nearest(len(ids), spans, max_length - 2 - len(UNUSED))
    # A marker stands before the piece `place`. At one place ends come before starts, and of two entities that begin or
    # end there, the longer one is the outer one.
    markers = []
    for number, (start, end) in enumerate(spans):
        markers += [(start, True, -end, 2 * number), (end, False, -start, 2 * number + 1)]
    markers.sort()
    places = np.array([place for place, *_ in markers])
    which = [number for *_, number in markers]  # in the order of ``marker_ids``
    names = np.array(marker_ids(tokenizer), np.int32)[which]
    places_kept = np.searchsorted(kept, places)  # how many of the kept pieces are before each marker
    body = np.insert(ids[kept], places_kept, names)
    positions = 1 + places_kept + np.arange(len(markers))  # after [CLS], and behind the markers before it
    input_ids = np.concatenate([[tokenizer.cls_token_id], body, [tokenizer.sep_token_id]]).astype(np.int32)
    return MarkedInput(
        ModelInput(input_ids, len(input_ids)),
        (int(positions[which.index(0)]), int(positions[which.index(2)])),
        len(kept) < len(ids),
    )


def pad_marked(inputs: Sequence[MarkedInput], pad_token_id: int) -> dict[str, np.ndarray]:
    """Inputs as the arrays that the model takes.

    Returns:
        input_ids, token_type_ids, attention_mask: (batch, seq) int64; entity_positions: (batch, 2) int64.
    """
    arrays = pad_inputs([marked.input for marked in inputs], pad_token_id)
    return arrays | {"entity_positions": np.array([marked.entity_positions for marked in inputs], np.int64)}


def _nearest(count: int, spans: list[Span], room: int) -> np.ndarray:
    """The numbers, in order, of those ``room`` of ``count`` pieces that are nearest to a span; of equals, the former.

    >>> _nearest(12, [(2, 4), (9, 10)], 7).tolist()
    [1, 2, 3, 4, 8, 9, 10]
    """
    place = np.arange(count)
    distances = np.min([np.maximum(start - place, place - (end - 1)) for start, end in spans], axis=0)
    distances = np.maximum(distances, 0)
    if (distances == 0).sum() > room:
        raise InputError(
            f"its two entities have {(distances == 0).sum()} tokens, and beside [CLS], [SEP] and the markers there is "
            f"room for {max(room, 0)}; raise --max-length"
        )
    return np.sort(np.argsort(distances, kind="stable")[:room])
