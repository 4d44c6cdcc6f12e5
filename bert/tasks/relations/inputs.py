"""Texts with markers around their two entities -> windows, of which the head reads the two start markers.

Baldini Soares et al. 2019, "Matching the Blanks: Distributional Similarity for Relation Learning", figure 3 (d to f),
"entity markers":

    [CLS] the [E1] author [/E1] of a key ##gen uses a [E2] di ##sas ##se ##mble ##r [/E2] ... [SEP]

The markers are pieces that the vocabulary has already. So the vocabulary keeps its size, and nothing needs to be saved
about them. They are ``[unused1]`` to ``[unused4]``, which Google's vocabularies keep free for such uses; no text has
them. A vocabulary without them (learned here, or of SentencePiece) lends its last four pieces. Those are the rarest of
a learned vocabulary, and fine-tuning gives them their new meaning. If a text does have one, the head still reads the
marker, since it is told the position.
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from bert.errors import InputError
from bert.tasks.options import Options
from bert.tasks.relations.read import MarkedText
from bert.tasks.windows import Inputs, Window
from bert.tokenization.tokenizer import Tokenizer

UNUSED = ("[unused1]", "[unused2]", "[unused3]", "[unused4]")
Span = tuple[int, int]


class MarkedInput(NamedTuple):
    """The input of one text."""

    window: Window
    is_cut: bool  # whether some of the text was left out


def marked_inputs(tokenizer: Tokenizer, texts: Sequence[MarkedText], options: Options, source: str = "") -> Inputs:
    """The window of each text.

    Raises:
        InputError: if an entity has no piece, or the two are too long; it names the line.
    """
    inputs = []
    for text in texts:
        try:
            inputs.append(marked_input(tokenizer, text.text, text.first, text.second, options.max_length))
        except InputError as error:
            raise InputError(f"{source}: line {text.line}: {error}") from None
    return Inputs([[window] for window, _ in inputs], sum(is_cut for _, is_cut in inputs))


def marker_ids(tokenizer: Tokenizer) -> list[int]:
    """The ids of the markers: first entity's start and end, second entity's start and end.

    Raises:
        InputError: if the vocabulary has fewer than four pieces besides the special tokens.
    """
    if all(tokenizer.token_to_id(piece) != tokenizer.unk_token_id for piece in UNUSED):
        return [tokenizer.token_to_id(piece) for piece in UNUSED]
    from_the_end = (i for i in reversed(range(tokenizer.vocab_size)) if i not in tokenizer.special_token_ids)
    ids = list(islice(from_the_end, len(UNUSED)))
    if len(ids) < len(UNUSED):
        raise InputError(f"a vocabulary of {tokenizer.vocab_size} pieces has none to spare for the markers of entities")
    return ids[::-1]


def marked_input(tokenizer: Tokenizer, text: str, first: Span, second: Span, max_length: int) -> MarkedInput:
    """The input of a text with markers around its entities.

    A text that is too long keeps the pieces nearest to an entity, on both sides of both entities. It loses its
    beginning, its end, or the middle between two distant entities. Entities and markers always stay.

    Args:
        first, second: (start, end) of the entities, in characters. An entity has every piece that it has a part of. One
            entity may lie in the other.

    Raises:
        InputError: if an entity has no piece, or the entities alone are too long.
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
    # A marker stands before the piece `place`. At one place ends come before starts. If two entities begin or end
    # there, the longer one is the outer one.
    markers = []
    for number, (start, end) in enumerate(spans):
        markers += [(start, True, -end, 2 * number), (end, False, -start, 2 * number + 1)]
    markers.sort()
    places = np.array([place for place, *_ in markers])
    which = [number for *_, number in markers]  # in the order of ``marker_ids``
    names = np.array(marker_ids(tokenizer), np.int32)[which]
    places_kept = np.searchsorted(kept, places)  # the number of kept pieces before each marker
    body = np.insert(ids[kept], places_kept, names)
    positions = 1 + places_kept + np.arange(len(markers))  # after [CLS] and the markers before it
    input_ids = np.concatenate([[tokenizer.cls_token_id], body, [tokenizer.sep_token_id]]).astype(np.int32)
    window = Window(
        input_ids=input_ids,
        token_type_ids=np.zeros(len(input_ids), np.int8),
        selected=(int(positions[which.index(0)]), int(positions[which.index(2)])),  # the start markers
    )
    return MarkedInput(window, len(kept) < len(ids))


def _nearest(count: int, spans: list[Span], room: int) -> np.ndarray:
    """The indices, ascending, of the ``room`` of ``count`` pieces that are nearest to a span; of equals the first.

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
