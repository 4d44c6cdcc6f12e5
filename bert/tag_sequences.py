"""Tags of words that fit together: what may follow what in BIO and BIOES, and the most probable sequence that does."""

from collections.abc import Sequence

import numpy as np

OUTSIDE = "O"  # the tag of words that are in no entity


def goes_on(tag: str, before: str) -> bool:
    """Whether a word tagged I or E can go on with the entity of the word before: of the same type, begun and not ended.

    >>> goes_on("I-PER", "B-PER"), goes_on("E-PER", "I-PER"), goes_on("I-PER", "O"), goes_on("I-PER", "B-LOC")
    (True, True, False, False)
    """
    return before.startswith(("B-", "I-")) and before[2:] == tag[2:]


class TagSequences:
    """Chooses among the sequences of tags in which each I and E goes on with an entity: those that training data have.

    A departure from the paper (section 5.3), where each word has its own most probable tag, whatever stands before it.
    Some of these go on with what did not begin, which is neither an entity that anybody meant nor one that the model is
    sure of; without them the entities of CoNLL-2003 are found half a point of F1 better. Nothing is learned for it.
    """

    def __init__(self, labels: Sequence[str]):
        needs_entity = [label.startswith(("I-", "E-")) for label in labels]
        self._after = np.array(
            [[0.0 if not needs or goes_on(label, before) else -np.inf for label, needs in zip(labels, needs_entity)]
             for before in labels], np.float32,
        )  # fmt: skip
        self._at_start = np.where(needs_entity, np.float32(-np.inf), np.float32(0))

    def best(self, logits: np.ndarray, follows: Sequence[bool]) -> list[int]:
        """The tags, by number, of the sequence whose probabilities' product is the largest (the Viterbi algorithm).

        Args:
            logits: (words, labels) each word's score for each label.
            follows: of each word, whether the one before it in the text stands before it here; otherwise, and at the
                beginning, no entity is open.
        """
        tags = logits.argmax(axis=1)
        opened = [0.0] * len(tags)
        for place, tag in enumerate(tags):
            opened[place] = self._after[tags[place - 1], tag] if place and follows[place] else self._at_start[tag]
        if not any(opened):  # each word's own best fit together: nothing is better
            return tags.tolist()

        came_from = np.zeros(logits.shape, np.int64)  # of the best sequence that ends in a tag, the tag before
        best = logits[0] + self._at_start
        for place in range(1, len(logits)):
            if follows[place]:
                sums = best[:, None] + self._after
                came_from[place] = sums.argmax(axis=0)
                best = sums.max(axis=0) + logits[place]
            else:
                came_from[place] = best.argmax()
                best = best.max() + self._at_start + logits[place]
        sequence = [int(best.argmax())]
        for place in range(len(logits) - 1, 0, -1):
            sequence.append(int(came_from[place][sequence[-1]]))
        return sequence[::-1]
