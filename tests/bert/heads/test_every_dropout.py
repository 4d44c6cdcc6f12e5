"""Every head: dropout is at each place of Google's code, at that place's rate, and nowhere else."""

import pytest
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bert import fast
from tests.bert.heads.test_every_head import CONFIG, HEADS, make_model
from tests.ragged import ragged

HIDDEN, ATTENTION = 0.3, 0.2
HEAD_DROPS = {  # before its last dense layer: so many states of so many numbers (of the batch in test_every_head)
    "pretraining": [],
    "sequence": [(5, 48)],
    "token": [(10, 48)],
    "span": [],  # google-research/bert run_squad.py has none
    "relation": [(5, 96)],
    "summary": [(10, 48)],
    "choices": [(4, 48)],
    "similarity": [],
    "retrieval": [],
    "cloze": [],
    "cloze of long words": [],
}


class Dropouts(TorchFunctionMode):
    """Sees each dropout, in place of which nothing is dropped; of one it drops everything."""

    def __init__(self, dropped=None):
        super().__init__()
        self.seen, self.dropped = [], dropped

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        if function is not F.dropout:
            return function(*arguments, **named)
        (states,) = arguments
        if not named["training"] or named["p"] == 0:
            return states
        self.seen.append((tuple(states.shape), named["p"]))
        return torch.zeros_like(states) if self.dropped == len(self.seen) - 1 else states


def with_dropout(head):
    torch.manual_seed(3)
    model = HEADS[head][0](CONFIG.replace(hidden_dropout_prob=HIDDEN, attention_probs_dropout_prob=ATTENTION))
    model.load_state_dict(make_model(head).state_dict())
    return model


def losses_and_dropouts(model, batch, dropped=None):
    with fast.off(), torch.no_grad(), Dropouts(dropped) as mode:
        losses = model.losses(batch)
    return sum(loss.sum.item() for loss in losses.values()), mode.seen


@pytest.mark.parametrize("head", HEADS)
def test_dropout_is_at_each_place_at_its_rate(head):
    batch = ragged(HEADS[head][1])
    _, seen = losses_and_dropouts(with_dropout(head).train(), batch)
    sequences, tokens = len(batch.sequences.lengths), len(batch.input_ids)
    in_encoder = len(seen) - len(HEAD_DROPS[head])
    assert seen[0] == ((tokens, 48), HIDDEN)  # the embeddings
    for layer in range(CONFIG.num_hidden_layers):
        first = 1 + layer * (sequences + 2)
        weights, states = seen[first : first + sequences], seen[first + sequences : first + sequences + 2]
        assert all((rate, shape[0]) == (ATTENTION, 3) for shape, rate in weights)  # of each head
        assert [rate for _, rate in states] == [HIDDEN, HIDDEN]  # of attention's output, and the feed-forward network's
        assert all(shape[1] == 48 for shape, _ in states)
    assert in_encoder == 1 + CONFIG.num_hidden_layers * (sequences + 2)
    assert seen[in_encoder:] == [(shape, HIDDEN) for shape in HEAD_DROPS[head]]


@pytest.mark.parametrize("head", HEADS)
def test_each_dropout_takes_part_in_the_loss(head):
    model, batch = with_dropout(head).train(), ragged(HEADS[head][1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    whole, seen = losses_and_dropouts(model, batch)
    assert whole == pytest.approx(losses_and_dropouts(model.eval(), batch)[0], rel=1e-5)  # nothing is dropped
    model.train()
    for place in range(len(seen)):
        assert losses_and_dropouts(model, batch, dropped=place)[0] != pytest.approx(whole, rel=1e-6), place


@pytest.mark.parametrize("head", HEADS)
def test_a_model_that_does_not_train_has_none(head):
    assert losses_and_dropouts(with_dropout(head).eval(), ragged(HEADS[head][1]))[1] == []
