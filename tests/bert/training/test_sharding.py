"""The sharded optimizer in two processes: the same weights as without shards, and half of the state each."""

import socket
import subprocess
import sys
from pathlib import Path

from bert.training.sharding import share_out

ROOT = Path(__file__).parents[3]

PROGRAM = """
import copy
import torch
from torch import nn
from bert.training.distributed import start_processes
from bert.training.optimizer import make_optimizer
from bert.training.sharding import shard_optimizer, whole_state
torch.set_num_threads(1)


def make(name):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Embedding(11, 7), nn.Linear(7, 5), nn.LayerNorm(5), nn.Linear(5, 3))
    optimizer = make_optimizer(name, model, 0.1)
    # Two groups that learn at rates of their own, as with --layer-decay.
    first, second = copy.copy(optimizer.param_groups[0]), optimizer.param_groups[0]
    first["params"], second["params"], second["lr"] = first["params"][:1], second["params"][1:], 0.02
    optimizer.param_groups.append(first)
    return model, optimizer


def train(model, optimizer, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        output = model(torch.randint(11, (13,), generator=generator))
        (output * torch.randn(output.shape, generator=generator)).sum().backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        optimizer.zero_grad()


def same(model, other):
    return all(a.equal(b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def same_states(state, other):
    assert state["param_groups"] == other["param_groups"]
    assert list(state["state"]) == list(range(len(list(whole[0].parameters()))))
    for index, kept in other["state"].items():
        assert all(torch.as_tensor(value).equal(torch.as_tensor(state["state"][index][name]))
                   for name, value in kept.items()), index
    return True


with start_processes("cpu") as processes:
    for name in ("bert-adamw", "adamw"):
        whole, sharded, norms = make(name), make(name), []
        shard_optimizer(sharded[1], processes)
        train(*whole, range(4))
        train(*sharded, range(4))
        assert norms[:4] == norms[4:] and norms[0] > 1
        assert same(whole[0], sharded[0])

        kept = len(sharded[1].state_dict()["state"])
        everyones = sum(processes.gather(kept))
        assert 0 < kept < everyones == len(list(whole[0].parameters()))

        state = whole_state(sharded[1], processes)
        assert not processes.is_main_process or same_states(whole[1].state_dict(), state)

        # From whole to shards: as when a run of one process goes on in two.
        again = make(name)
        again[0].load_state_dict(whole[0].state_dict())
        shard_optimizer(again[1], processes)
        again[1].load_state_dict(copy.deepcopy(whole[1].state_dict()))
        assert len(again[1].state_dict()["state"]) == kept
        before = copy.deepcopy(whole[0])
        train(*whole, range(4, 7))
        train(*again, range(4, 7))
        assert same(whole[0], again[0]) and not same(whole[0], before)

        # Weights that are not sent stay behind.
        alone = make(name)
        shard_optimizer(alone[1], processes)
        alone[1]._optimizer_step_post_hooks.clear()
        train(*alone, range(4))
        assert not same(alone[0], sharded[0])
print("well")
"""


def test_two_processes_with_half_of_the_state_each_train_the_same_weights_and_save_and_load_the_whole():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment | {"RANK": str(rank), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in running:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        assert output.strip().endswith("well")


def test_parameters_are_shared_out_evenly_and_the_same_way_everywhere():
    sizes = [31_000, 1_000, 700, 700, 700, 500, 400, 3, 3, 3]
    owners = share_out(sizes, 3)
    assert owners == share_out(list(sizes), 3)
    owned = [sum(size for size, owner in zip(sizes, owners) if owner == process) for process in range(3)]
    assert max(owned) == 31_000  # one that is not divided
    assert abs(owned[1] - owned[2]) <= 500
    assert set(share_out([5] * 12, 4)) == {0, 1, 2, 3}
    assert share_out(sizes, 1) == [0] * len(sizes)
