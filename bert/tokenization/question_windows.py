"""A question beside a context, in windows: ``[CLS] question [SEP] a part of the context [SEP]``.

As google-research/bert ``run_squad.py``, ``convert_examples_to_features``: the question is cut to 64 pieces, windows
over the context overlap, and each piece of the context counts in the window where it has the most context on both sides
("maximum context"). A departure: a window begins half a window after the one before, where the reference moves on by
``doc_stride`` = 128 pieces; of 384 tokens that is about 180, and so fewer windows.
"""

from typing import NamedTuple

import numpy as np

from bert.tokenization.long_texts import ModelInput

LONGEST_QUESTION = 64


class QuestionWindow(NamedTuple):
    """input: the window; offsets: (seq, 2) int32, where in the context a position's piece stands, (-1, -1) at positions
    that are not of the context; is_max_context: (seq,) whether this window is the one in which the piece counts;
    stretch: the part of the context in which there are no pieces but the window's.
    """

    input: ModelInput
    offsets: np.ndarray
    is_max_context: np.ndarray
    stretch: tuple[int, int]

    def positions_of(self, start: int, end: int) -> tuple[int, int]:
        """The first and last position of the answer ``context[start:end]``, or (0, 0), that is [CLS], where not all of
        its pieces are in this window. What is of no piece, as white space at its ends, makes no difference.
        """
        begins, ends = self.offsets[:, 0], self.offsets[:, 1]
        inside = np.flatnonzero((begins >= 0) & (ends > start) & (begins < end))
        if len(inside) == 0 or start < self.stretch[0] or end > self.stretch[1]:
            return 0, 0
        return int(inside[0]), int(inside[-1])


def question_windows(tokenizer, question: str, context: str, max_length: int) -> list[QuestionWindow]:
    """The windows over a context, neighbours sharing about a half of it.

    Raises:
        InputError: where the question leaves no room for a context.
    """
    pieces = tokenizer.pieces(question)
    if len(pieces.ids) > LONGEST_QUESTION:
        question = question[: pieces.offsets[LONGEST_QUESTION - 1][1]]
    room = max_length - 3 - min(len(pieces.ids), LONGEST_QUESTION)
    encodings = tokenizer.windows(question, context, max_length=max_length, overlap=max(room // 2, 0))
    best: dict[tuple[int, int], tuple[float, int]] = {}  # a piece's place in the context -> (score, window)
    for number, encoding in enumerate(encodings):
        of_context = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        for place in of_context:
            # As in run_squad.py, of two windows with as much context the longer one is a little better.
            score = min(place - of_context[0], of_context[-1] - place) + 0.01 * len(of_context)
            key = encoding.offsets[place]
            if key not in best or score > best[key][0]:
                best[key] = (score, number)
    begins, ends = np.array(sorted(best) or [(0, 0)]).T
    windows = []
    for number, encoding in enumerate(encodings):
        is_context = np.array([sequence == 1 for sequence in encoding.sequence_ids])
        offsets = np.array(
            [offset if inside else (-1, -1) for offset, inside in zip(encoding.offsets, is_context)], np.int32
        ).reshape(-1, 2)
        counts = [bool(inside) and best[tuple(offset)][1] == number
                  for offset, inside in zip(offsets.tolist(), is_context)]  # fmt: skip
        ids = np.array(encoding.input_ids, np.int32)
        from_, to = offsets[is_context].min(initial=len(context)), offsets[is_context].max(initial=0)
        stretch = int(ends[begins < from_].max(initial=0)), int(begins[ends > to].min(initial=len(context)))
        first_length = encoding.token_type_ids.count(0)
        windows.append(QuestionWindow(ModelInput(ids, first_length), offsets, np.array(counts), stretch))
    return windows
