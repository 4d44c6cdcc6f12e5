"""Rows of several processes: two processes that share a batch have the loss and the gradients of one."""

import json

import pytest
import torch

from bert.heads.embedding import BertForRetrieval
from bert.heads.gathering import Gathered, gathered
from tests.bert.heads.test_embedding import CONFIG, INPUTS, ROWS, ids
from tests.processes import ends_of
from tests.ragged import ragged

# Process 0 has the sequences of the first row, and process 1 those of the other two. "alone": nothing is gathered.
PROGRAM = """
import json, sys
import torch
import torch.distributed as dist
from tests.bert.heads.test_gathering import gradients_of, share_of

torch.set_num_threads(1)
dist.init_process_group("gloo")
found = {how: gradients_of(share_of(dist.get_rank()), how) for how in ("gathered", "alone")}
for how, values in found.items():
    dist.all_reduce(values)
print(json.dumps({how: values.tolist() for how, values in found.items()}))
dist.destroy_process_group()
"""
NUMBERS = ids([0, 1, 2], [3, 3, 5], [6])  # two texts are equal, and in different processes


def share_of(process):
    """The sequences of a process, and the labels of its rows."""
    sequences, rows = ([0, 1, 4], [0]) if process == 0 else ([2, 3, 5, 6], [1, 2])
    inputs = {name: values[sequences] for name, values in INPUTS.items()}
    places = {name: [sequences.index(place) for place in ROWS[name].tolist() if place in sequences] for name in ROWS}
    numbers = {name: values[rows] for name, values in NUMBERS.items() if name != "negative_ids"}
    numbers["negative_ids"] = NUMBERS["negative_ids"][: len(places["negatives"])]
    return ragged(inputs | {name: torch.tensor(place, dtype=torch.long) for name, place in places.items()} | numbers)


def gradients_of(batch, how="gathered"):
    """The loss, and its gradients by all parameters, in a row."""
    torch.manual_seed(1)
    model = BertForRetrieval(CONFIG, temperature=0.5)
    gather = gathered if how == "gathered" else Gathered.alone
    loss = model.loss(model(**batch.inputs).vectors, batch.labels, gather).sum
    loss.backward()
    return torch.cat([loss.detach()[None], *(each.grad.flatten() for each in model.parameters())]).double()


def test_two_processes_have_each_others_texts_as_negatives_and_equal_one():
    expected = gradients_of(ragged(INPUTS | ROWS | NUMBERS))
    for code, output in ends_of(PROGRAM, "", 2):
        assert code == 0, output
        found = json.loads(output.splitlines()[-1])
        torch.testing.assert_close(torch.tensor(found["gathered"]).double(), expected, rtol=1e-4, atol=1e-5)
        assert found["alone"][0] != pytest.approx(expected[0].item(), rel=1e-2)


def test_a_process_alone_has_its_own_rows():
    rows = torch.arange(3.0)
    assert gathered(rows).values is rows and gathered(rows).begin == 0
