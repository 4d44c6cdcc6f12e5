"""The whole model in float32, as users run it, against the equations: padded, end to end, plain and fast."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from bert import fast
from bert.heads.batch import Batch
from bert.heads.loss import IGNORE_INDEX
from bert.selftest.equations.bert import Numbers, bert
from bert.selftest.equations.losses import cross_entropy
from bert.selftest.rows import SINGLE, Row, check, largest_of
from bert.selftest.subject import Subject

EVERY = 3  # of the tokens, one in so many has a label


@torch.no_grad()
def whole_rows(subject: Subject) -> Iterator[Row]:
    """The rows of the whole model. It is in eval mode, so its dropout must do nothing."""
    inputs = subject.inputs
    right = bert(inputs.input_ids, inputs.token_type_ids, inputs.lengths, subject.parameters, subject.sizes)
    for name, switch in (("plain", fast.off), ("fast", contextlib.nullcontext)):

        def padded_error(switch=switch) -> float:
            with switch():
                return padded_batch_error(subject, right)

        def losses_error(switch=switch) -> float:
            with switch():
                return batch_losses_error(subject, right)

        yield check(f"padded batch, {name}", "bert/model/bert.py", SINGLE, padded_error)
        yield check(f"losses of both tasks, {name}", "bert/heads/pretraining.py", SINGLE, losses_error)


def padded_batch_error(subject: Subject, right: Numbers) -> float:
    """All states and scores of a padded batch."""
    inputs = subject.inputs
    padded = inputs.padded(inputs.input_ids), inputs.padded(inputs.token_type_ids), inputs.attention_mask
    ids, types, mask = map(subject.tensor, padded)
    found = subject.model(ids, types, mask, return_hidden_states=True)
    hidden_states = found.encoder.hidden_states or ()
    if len(hidden_states) != len(right.states):
        raise ValueError(f"there are {len(hidden_states)} hidden states, not {len(right.states)}")

    def unpadded(values: torch.Tensor) -> np.ndarray:
        return inputs.unpadded(values.cpu().numpy())

    return largest_of(
        [
            *((unpadded(state), expected) for state, expected in zip(hidden_states, right.states)),
            (found.encoder.pooler_output, right.pooled),
            (unpadded(found.prediction_logits), right.piece_scores),
            (found.next_sentence_logits, right.next_sentence_scores),
        ]
    )


def batch_losses_error(subject: Subject, right: Numbers) -> float:
    """The sums and counts of both losses, for a batch as pretraining makes it: labels at some tokens alone."""
    inputs = subject.inputs
    selected = np.arange(1, len(inputs.input_ids), EVERY)[::-1].copy()  # any order will do
    labels = inputs.input_ids[selected].copy()
    labels[0] = IGNORE_INDEX
    is_random = np.arange(len(inputs.lengths)) % 2
    ids, types, sequences = inputs.tensors(subject.device)
    labelled = {"masked_labels": labels, "next_sentence_labels": is_random}
    on_device = {name: subject.tensor(values) for name, values in labelled.items()}
    batch = Batch(ids, types, sequences, subject.tensor(selected), labels=on_device)
    found = subject.model.losses(batch)
    expected = {
        "masked_lm": cross_entropy(right.piece_scores[selected], labels),
        "next_sentence": cross_entropy(right.next_sentence_scores, is_random),
    }
    return largest_of(
        pair
        for name, (total, count) in expected.items()
        for pair in ((found[name].sum, total), (found[name].count, count))
    )
