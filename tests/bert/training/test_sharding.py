"""Weights, gradients and optimizer state shared out among 1, 2 and 4 processes: the same numbers, and less memory."""

import json

import pytest

from tests.processes import all_ends

PROGRAM = """
import json
import os
import sys
import torch
from bert.config import BertConfig
from bert.heads.batch import Batch, sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.training.distributed import start_processes
from bert.training.loop import mean_losses, training_step
from bert.training.run import assemble
from bert.training.settings import TrainingSettings
from bert.training.sharding import own_share
from bert.training.totals import RunningTotals
torch.set_num_threads(1)
CONFIG = BertConfig(
    37, 14, 2, 2, 11, max_position_embeddings=13, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # sizes that 2 and 4 processes cannot share evenly


def part_of_update(step, part, parts):
    examples = []
    for example in range(8)[part::parts]:
        generator = torch.Generator().manual_seed(8 * step + example)
        length = int(torch.randint(4, 14, (), generator=generator))
        examples.append(torch.randint(37, (length,), generator=generator))
    ids = torch.cat(examples)
    sequences = sequences_of([len(each) for each in examples])
    labels = {"masked_labels": ids[sequences.first + 1], "next_sentence_labels": sequences.lengths.long() % 2}
    return Batch(ids, torch.zeros_like(ids), sequences, sequences.first + 1, labels=labels)


def bytes_of(tensors):
    return sum(own_share(tensor).numel() * tensor.element_size() for tensor in tensors)


def train(optimizer):
    torch.manual_seed(5)
    os.makedirs(f"{directory}/{optimizer}", exist_ok=True)
    settings = TrainingSettings(
        f"{directory}/{optimizer}", optimizer=optimizer, precision="fp32", shard=True, learning_rate=0.01
    )
    average = 3 if optimizer == "muon" else None  # updates: then the average is evaluated and saved
    run = assemble(settings, BertForPreTraining(CONFIG), processes, lambda sentence: None, {}, average)
    assert hasattr(run.model, "unshard") == (processes.world_size > 1)
    assert type(run.model).__name__ == "BertForPreTraining"  # a checkpoint names the class
    said = {"losses": [], "weights": bytes_of(run.model.parameters()), "gradients": 0}

    class Totals(RunningTotals):
        def add(self, losses):  # just after a backward pass
            super().add(losses)
            gradients = [own_share(p.grad) for p in run.model.parameters() if p.grad is not None]
            said["gradients"] = max(said["gradients"], bytes_of(gradients))

    if resumes:
        assert run.resume("the test") == {"kept": 7}
    run.model.train()
    for step in range(run.progress.step, 6):
        if step == 3 and not resumes:
            run.save(kept=7)
        parts = processes.world_size * accumulate
        batches = [part_of_update(step, processes.rank * accumulate + turn, parts) for turn in range(accumulate)]
        totals = Totals()
        training_step(run, batches, {"masked_lm": 8, "next_sentence": 8}, totals, max_gradient_norm=1.0)
        run.progress.step += 1
        said["losses"].append(totals.means(processes))
    said["optimizer"] = bytes_of(value for state in run.optimizer.state.values() for value in state.values())

    # Processes may evaluate different numbers of batches.
    with run.evaluation():
        mine = [part_of_update(99, 0, 1)] * 3 if processes.is_main_process else []
        said["evaluation"] = mean_losses(run.model, mine, run.precision, processes)
    weights = run.weights()
    if processes.is_main_process:
        plain = BertForPreTraining(CONFIG)
        plain.load_state_dict(weights)
        said["saved"] = plain.losses(part_of_update(99, 0, 1))["masked_lm"].sum.item() / 8
    said["bytes"] = processes.gather([said.pop(name) for name in ("weights", "gradients", "optimizer")])
    run.load_weights({name: torch.zeros_like(value) for name, value in BertForPreTraining(CONFIG).state_dict().items()})
    assert all(own_share(parameter).eq(0).all() for parameter in run.model.parameters())
    return said


directory, accumulate, resumes = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resume"
with start_processes("cpu") as processes:
    said = {optimizer: train(optimizer) for optimizer in sys.argv[4:]}
    if processes.is_main_process:
        print(json.dumps(said))
"""

SCALING = """
import torch
from bert.config import BertConfig
from bert.model.encoder import EncoderLayer
from bert.training.distributed import start_processes
from bert.training.optimizer import make_optimizer
from torch.distributed.fsdp import fully_shard
torch.set_num_threads(1)


class Layer(EncoderLayer):
    def __init__(self):
        super().__init__(BertConfig(11, 3, 1, 1, 5))
        self.attention = self.attention_norm = self.feed_forward_norm = None

    def forward(self, states):
        return self.feed_forward(states)


with start_processes("cpu") as processes:
    for name in ("bert-adamw", "adamw", "muon"):
        model = Layer()
        fully_shard(model)
        optimizer, scaler = make_optimizer(name, model, 0.1), torch.amp.GradScaler("cpu", init_scale=4.0)
        for broken in (False, True, False):
            before = [parameter.to_local().clone() for parameter in model.parameters()]
            scaler.scale(model(torch.ones(1, 3)).sum()).backward()
            if broken and processes.rank == 1:  # one process alone has a gradient that overflows
                model.feed_forward.output.weight.grad.to_local().fill_(float("inf"))
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            for old, new in zip(before, model.parameters(), strict=True):
                assert old.equal(new.to_local()) == broken, name
        assert scaler.get_scale() == 2.0

    torch.manual_seed(0)
    alone, shared = Layer(), Layer()
    shared.load_state_dict(alone.state_dict())
    fully_shard(shared)
    for model in (alone, shared):
        optimizer = make_optimizer("muon", model, 0.1, torch.float16)
        for step in (1, 2):
            model(step * torch.eye(3)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    for one, other in zip(alone.parameters(), shared.parameters(), strict=True):
        torch.testing.assert_close(one, other.full_tensor(), rtol=1e-3, atol=1e-4)
print("well")
"""


def run(program: str, processes: int, *arguments) -> str:
    """What the first process printed."""
    ended = all_ends(program, ["-c", *map(str, arguments)], processes)
    for code, _, errors in ended:
        assert code == 0, errors
    return ended[0][1]


def test_any_number_of_processes_computes_the_same_and_each_holds_its_share(tmp_path):
    few, all_three = ("bert-adamw", "adamw"), ("bert-adamw", "adamw", "muon")  # four processes take long
    begun = {
        count: json.loads(run(PROGRAM, count, tmp_path / str(count), 2, "begin", *optimizers))
        for count, optimizers in ((1, all_three), (2, all_three), (4, few))
    }
    # One run goes on without shards, the other one with them.
    resumed = {
        count: json.loads(run(PROGRAM, count, tmp_path / str(of), 1, "resume", *optimizers))
        for count, of, optimizers in ((1, 4, few), (2, 1, all_three))
    }
    for optimizer, alone in begun[1].items():
        for each in (begun[2], begun[4], *resumed.values()):
            if optimizer not in each:
                continue
            each = each[optimizer]
            for mine, expected in zip(each["losses"][::-1], alone["losses"][::-1]):  # a resumed run has the last three
                assert mine == pytest.approx(expected, rel=1e-4)
            assert each["evaluation"] == pytest.approx(alone["evaluation"], rel=1e-4)
            assert each["saved"] == pytest.approx(each["evaluation"]["masked_lm_loss"], rel=1e-4)
        whole = alone["bytes"][0]
        for count in (2, 4) if optimizer in few else (2,):
            shares = begun[count][optimizer]["bytes"]
            assert [sum(column) for column in zip(*shares)] == pytest.approx(whole, rel=0.02)  # AdamW also counts steps
            assert all(share[0] < 1.25 * whole[0] / count for share in shares)  # the sizes are uneven


def test_an_update_whose_gradient_overflows_in_one_process_is_skipped_in_all():
    assert run(SCALING, 2).strip() == "well"
