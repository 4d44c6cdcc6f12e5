"""Tags that fit together: which tag may follow which in BIO and BIOES, and the most probable sequence of such tags."""

from collections.abc import Sequence

import numpy as np

OUTSIDE = "O"  # the tag of words outside of any entity


def goes_on(tag: str, before: str) -> bool:
    """Whether a tag I or E can go on with the entity of the tag before: it has the same type and has not ended.

    >>> goes_on("I-PER", "B-PER"), goes_on("E-PER", "I-PER"), goes_on("I-PER", "O"), goes_on("I-PER", "B-LOC")
    (True, True, False, False)
    """
    return before.startswith(("B-", "I-")) and before[2:] == tag[2:]


class TagSequences:
    """Finds the best sequence of tags in which each I and E goes on with an entity, as in the training data.

    A departure from the paper (section 5.3), which gives each word its own most probable tag. Such tags may go on with
    an entity that did not begin. Nobody meant such an entity, and the model is not sure of it. Without them the F1 on
    CoNLL-2003 is half a point higher. Nothing is learned for it.
    """

    def __init__(self, labels: Sequence[str]):
        needs_entity = [label.startswith(("I-", "E-")) for label in labels]
        self._after = np.array(
            [
                [0.0 if not needs or goes_on(label, before) else -np.inf for label, needs in zip(labels, needs_entity)]
                for before in labels
            ],
            np.float32,
        )  # (tag before, tag): 0 if it may follow
        self._at_start = np.where(needs_entity, np.float32(-np.inf), np.float32(0))

    def best(self, logits: np.ndarray, follows: Sequence[bool] | np.ndarray) -> list[int]:
        """The tag ids of the sequence with the largest product of probabilities (the Viterbi algorithm).

        Args:
            logits: (words, labels)
            follows: (words,) whether the word before it in the text is the one before it here. If not, no entity is
                open.
        """
        tags = logits.argmax(axis=1)
        opened = [0.0] * len(tags)
        for place, tag in enumerate(tags):
            opened[place] = self._after[tags[place - 1], tag] if place and follows[place] else self._at_start[tag]
        if not any(opened):  # each word's own best tags fit together: no sequence is better
            return tags.tolist()

        came_from = np.zeros(logits.shape, np.int64)  # the tag before, in the best sequence that ends in a tag
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
