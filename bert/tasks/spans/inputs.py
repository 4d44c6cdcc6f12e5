"""A question beside a context, in windows: ``[CLS] question [SEP] a part of the context [SEP]``.

As google-research/bert ``run_squad.py``, ``convert_examples_to_features``: the question is cut to 64 pieces, and
windows over the context overlap. A piece of the context counts in the window that shows most of the context around it.

A departure: each window begins half a window after the one before. The reference moves on by ``doc_stride`` = 128
pieces. Half a window of 384 tokens is about 180 pieces, so that there are fewer windows here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert.tasks.options import Options
from bert.tasks.spans.read import Question
from bert.tasks.windows import Inputs, Window, in_windows, most_context
from bert.tokenization.tokenizer import Tokenizer

LONGEST_QUESTION = 64


@dataclass(frozen=True, kw_only=True)
class QuestionWindow(Window):
    """A window with the way back from its pieces to the characters of the context."""

    offsets: np.ndarray  # (tokens, 2) int32: the characters of each piece; (-1, -1) for tokens outside of the context
    is_max_context: np.ndarray  # (tokens,) whether the piece counts in this window
    stretch: tuple[int, int]  # between these characters of the context, all pieces are in the window

    def positions_of(self, start: int, end: int) -> tuple[int, int]:
        """The first and last position of the answer ``context[start:end]``; (0, 0), [CLS], if a piece of it is missing.

        Characters without a piece, such as white space at the answer's ends, make no difference.
        """
        begins, ends = self.offsets[:, 0], self.offsets[:, 1]
        inside = np.flatnonzero((begins >= 0) & (ends > start) & (begins < end))
        if len(inside) == 0 or start < self.stretch[0] or end > self.stretch[1]:
            return 0, 0
        return int(inside[0]), int(inside[-1])


def question_inputs(tokenizer: Tokenizer, questions: Sequence[Question], options: Options, source: str = "") -> Inputs:
    """The windows of each question."""
    return in_windows(
        [question_windows(tokenizer, each.question, each.context, options.max_length) for each in questions]
    )


def question_windows(tokenizer: Tokenizer, question: str, context: str, max_length: int) -> list[Window]:
    """The ``QuestionWindow``s over a context; neighbours share about half of it.

    Raises:
        InputError: if the question leaves no room for a context.
    """
    pieces = tokenizer.pieces(question)
    if len(pieces.ids) > LONGEST_QUESTION:
        question = question[: pieces.offsets[LONGEST_QUESTION - 1][1]]
    room = max_length - 3 - min(len(pieces.ids), LONGEST_QUESTION)
    encodings = tokenizer.windows(question, context, max_length=max_length, overlap=max(room // 2, 0))
    candidates = []
    for index, encoding in enumerate(encodings):
        of_context = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
        for place in of_context:
            # As in run_squad.py, of two windows with as much context the longer one is a little better.
            score = min(place - of_context[0], of_context[-1] - place) + 0.01 * len(of_context)
            candidates.append((encoding.offsets[place], score, index))
    best = most_context(candidates)  # a piece's characters -> its window
    begins, ends = np.array(list(best) or [(0, 0)]).T
    windows: list[Window] = []
    for index, encoding in enumerate(encodings):
        is_context = np.array([sequence == 1 for sequence in encoding.sequence_ids])
        offsets = np.array(
            [offset if inside else (-1, -1) for offset, inside in zip(encoding.offsets, is_context)], np.int32
        ).reshape(-1, 2)
        counts = [bool(inside) and best[offset] == index for offset, inside in zip(encoding.offsets, is_context)]
        first, last = offsets[is_context].min(initial=len(context)), offsets[is_context].max(initial=0)
        windows.append(
            QuestionWindow(
                input_ids=np.array(encoding.input_ids, np.int32),
                token_type_ids=np.array(encoding.token_type_ids, np.int8),
                selected=None,
                offsets=offsets,
                is_max_context=np.array(counts),
                stretch=(int(ends[begins < first].max(initial=0)), int(begins[ends > last].min(initial=len(context)))),
            )
        )
    return windows
