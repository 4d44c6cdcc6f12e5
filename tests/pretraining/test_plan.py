"""The plan against the real model: its parameters, what it saves for the backward pass, and a process's memory."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.training.average import Average
from bert.training.muon import muon_groups
from bert.training.optimizer import make_optimizer
from bert.training.precision import choose_precision
from pretraining.plan import (
    PAPER_BATCH,
    Setup,
    activation_bytes_per_token,
    bytes_sent_per_update,
    flops_per_token,
    largest_micro_batch,
    memory_by_part,
    paper_hours,
    parameter_count,
    parameters_by_part,
)

ROOT = Path(__file__).parents[2]
BASE, LARGE = BertConfig.base(), BertConfig.large()
SIZES = ("tiny", "mini", "small", "medium", "base", "large")


@pytest.mark.parametrize("size", SIZES)
def test_parameters_are_those_of_the_real_model_part_by_part(size):
    config = getattr(BertConfig, size)(vocab_size=1_009)
    with torch.device("meta"):
        model = BertForPreTraining(config)
    real = {
        "embeddings": model.bert.embeddings, "encoder": model.bert.encoder, "pooler": model.bert.pooler,
        "masked language model": model.masked_language_model, "next sentence": model.next_sentence,
    }  # fmt: skip
    for part, module in real.items():
        assert parameters_by_part(config)[part] == sum(parameter.numel() for parameter in module.parameters()), part
    assert parameter_count(config) == sum(parameter.numel() for parameter in model.parameters())


def test_base_and_large_have_the_millions_of_the_paper():
    assert round(parameter_count(BASE) / 1e6) == 110
    assert abs(parameter_count(LARGE) / 1e6 - 340) < 5


# ---- memory ----


def saved_bytes(layers, precision, dropout):
    """Bytes that a forward pass of 4 examples of 64 tokens leaves for the backward pass, the parameters aside."""
    torch.manual_seed(0)
    config = BertConfig.of_size(layers, 128, vocab_size=50, hidden_dropout_prob=dropout,
                                attention_probs_dropout_prob=dropout)  # fmt: skip
    model = BertForPreTraining(config).train()
    chosen = choose_precision(precision, torch.device("cpu"))
    chosen.prepare(model)
    parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = storage  # held, so that no other takes its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), chosen.autocast():
        output = model(torch.zeros(4, 64, dtype=torch.int64), masked_positions=torch.tensor([3]))
    assert output.prediction_logits.requires_grad
    return config, sum(storage.nbytes() for storage in saved.values())


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_activations_are_what_the_layers_really_save(precision, dropout):
    (one, few), (three, more) = saved_bytes(1, precision, dropout), saved_bytes(3, precision, dropout)
    setups = [Setup(config, 64, 4, precision=precision, device_type="cpu") for config in (one, three)]
    planned = [
        4 * 64 * activation_bytes_per_token(setup) + memory_by_part(setup)["weights in 16 bits"] for setup in setups
    ]
    assert planned[1] - planned[0] == pytest.approx(more - few, rel=0.05)
    without_layer_norms = planned[1] - planned[0] - 2 * 2 * 4 * 64 * 128 * 4
    assert without_layer_norms != pytest.approx(more - few, rel=0.05)


def test_recomputed_layers_keep_their_input_and_one_of_them_the_rest():
    setup = Setup(BASE, 512, 32, precision="fp32", device_type="cpu")
    of_one = activation_bytes_per_token(replace(setup, config=BASE.replace(num_hidden_layers=1)))
    recomputed = activation_bytes_per_token(replace(setup, recompute=True))
    assert recomputed == of_one + 12 * 4 * BASE.hidden_size
    assert recomputed < activation_bytes_per_token(setup) / 5


def test_attention_written_out_keeps_weights_that_fused_attention_does_not():
    on_cpu = Setup(BASE, 512, 32, precision="fp32", device_type="cpu")
    on_gpu, without = replace(on_cpu, device_type="cuda"), replace(BASE, attention_probs_dropout_prob=0.0)
    weights = 12 * 12 * 512 * 10  # layers, heads, tokens looked at; before and after dropout, and which were kept
    masks = (2 * 12 + 1) * 768  # of hidden states; on the CPU a byte more for each number
    assert activation_bytes_per_token(on_cpu) - activation_bytes_per_token(on_gpu) == weights + masks
    of_gpu = activation_bytes_per_token(on_gpu) + masks
    assert activation_bytes_per_token(replace(on_cpu, config=without)) == of_gpu


PROGRAM = """
import re
import torch
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.training.distributed import Processes
from bert.training.loop import training_step
from bert.training.run import assemble
from bert.training.settings import TrainingSettings
from bert.training.totals import RunningTotals
from pretraining.planning import random_batch

torch.set_num_threads(1)
alone = Processes(0, 1, torch.device("cpu"))


def train(config, examples, length, recompute=False):
    settings = TrainingSettings("nowhere", precision="fp32", recompute=recompute)
    run = assemble(settings, BertForPreTraining(config), alone, print, {})
    batch = random_batch(config, examples, length, True)
    with run.training():
        for _ in range(2):
            training_step(run, [batch], run.model.label_counts(batch), RunningTotals(), 1.0)


def peak():  # of this process alone: getrusage's would begin with that of the process that started it
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])


no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
train(BertConfig.of_size(1, 64, vocab_size=100, **no_dropout), 1, 16)  # libraries and threads are there now
before = peak()
train(BertConfig.mini(**no_dropout), 8, 128, RECOMPUTE)
print(peak() - before)
"""


# To glibc: return freed memory to the system at once. Otherwise fragments of it count too.
RETURN_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize("recompute", [False, True])
def test_a_process_grows_by_what_was_planned(recompute):
    program = PROGRAM.replace("RECOMPUTE", str(recompute))
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **RETURN_FREED_MEMORY},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    config = BertConfig.mini(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    setup = Setup(config, 128, 8, precision="fp32", device_type="cpu", recompute=recompute)
    planned = sum(memory_by_part(setup).values())
    assert planned == pytest.approx(int(ended.stdout), rel=0.25)


def test_each_process_holds_its_share_and_what_it_gathers():
    whole = Setup(LARGE, 128, 256, processes=8)
    held, shared = memory_by_part(whole), memory_by_part(replace(whole, shard=True))
    for part, size in (("weights", 4), ("gradients", 4), ("optimizer state", 8)):
        assert held[part] == size * parameter_count(LARGE)
        assert shared[part] == pytest.approx(held[part] / 8, rel=1e-6)
    outside_the_layers = parameter_count(LARGE) - parameters_by_part(LARGE)["encoder"]
    two_layers = 2 * parameters_by_part(LARGE)["encoder"] // 24
    assert shared["gathered weights and gradients"] == 8 * (outside_the_layers + two_layers)
    accumulated = memory_by_part(replace(whole, shard=True, accumulate=2))
    assert accumulated["gathered weights and gradients"] == 4 * (
        outside_the_layers + two_layers + parameter_count(LARGE)
    )
    assert held["gathered weights and gradients"] == 0
    assert memory_by_part(replace(whole, shard=True, processes=1)) == memory_by_part(replace(whole, processes=1))


def test_the_largest_micro_batch_fits_and_one_more_does_not():
    setup = Setup(BASE, 128, 256)
    memory = 80 * 10**9
    largest = largest_micro_batch(setup, memory)
    assert sum(memory_by_part(setup, largest).values()) <= memory < sum(memory_by_part(setup, largest + 1).values())
    assert largest_micro_batch(setup, 10**9) == 0
    assert memory_by_part(replace(setup, accumulate=4)) == memory_by_part(setup, micro_batch=64)


# ---- arithmetic, traffic, hours ----


def test_the_arithmetic_is_what_pytorch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    config = BertConfig.of_size(3, 128, vocab_size=1_009, attention_probs_dropout_prob=0.0)
    model = BertForPreTraining(config)
    examples, length, masked = 2, 40, 12  # 15 % of 80
    with FlopCounterMode(display=False) as counter:
        output = model(torch.zeros(examples, length, dtype=torch.int64), masked_positions=torch.arange(masked),
                       return_attention=True)  # fmt: skip
        (output.prediction_logits.sum() + output.next_sentence_logits.sum()).backward()
    assert counter.get_total_flops() == pytest.approx(examples * length * flops_per_token(config, length), rel=1e-6)


def test_muon_keeps_half_of_adams_state_for_the_layers_matrices_and_an_average_is_a_copy_of_the_weights():
    plain = Setup(BertConfig.tiny(), 64, 32, precision="fp32")
    model = BertForPreTraining(plain.config)
    held = memory_by_part(replace(plain, optimizer="muon", averages=True))
    for name, part in (("bert-adamw", memory_by_part(plain)), ("muon", held)):
        optimizer = make_optimizer(name, model, 1e-3)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        kept = [tensor for state in optimizer.state.values() for tensor in state.values()]
        assert part["optimizer state"] == sum(tensor.nbytes for tensor in kept)
    assert held["average of the weights"] == sum(each.nbytes for each in Average(model, 3).tensors.values())
    assert "average of the weights" not in memory_by_part(plain)
    shared = memory_by_part(replace(plain, optimizer="muon", averages=True, shard=True, processes=8))
    for part in ("optimizer state", "average of the weights"):
        assert shared[part] == pytest.approx(held[part] / 8, rel=1e-5)


def test_with_shards_muon_gathers_the_momentum_of_the_layers_matrices():
    plain = Setup(BASE, 128, 256, processes=8, shard=True)
    with torch.device("meta"):
        model = BertForPreTraining(BASE)
    matrices = sum(each.numel() for each in muon_groups(model)[0]["params"])
    for precision, size in (("fp32", 4), ("bf16", 2)):
        sent = [sum(bytes_sent_per_update(replace(plain, optimizer=name, precision=precision)))
                for name in ("muon", "bert-adamw")]  # fmt: skip
        assert sent[0] - sent[1] == pytest.approx(7 / 8 * size * matrices)
    alone = replace(plain, shard=False)
    assert bytes_sent_per_update(replace(alone, optimizer="muon")) == bytes_sent_per_update(alone)


def test_traffic_is_that_of_a_ring():
    alone = Setup(BASE, 128, 256)
    assert bytes_sent_per_update(alone) == (0, 0)
    once = 7 / 8 * 4 * parameter_count(BASE)
    assert bytes_sent_per_update(replace(alone, processes=8)) == pytest.approx((2 * once, 0))
    again = 7 / 8 * 4 * parameters_by_part(BASE)["encoder"]
    assert bytes_sent_per_update(replace(alone, processes=8, shard=True)) == pytest.approx((once, once + again))
    accumulated = bytes_sent_per_update(replace(alone, processes=8, shard=True, accumulate=3))
    assert accumulated == pytest.approx((once, 3 * (once + again)))


def test_hours_are_the_papers_tokens_at_the_rate_or_the_traffic_where_that_takes_longer():
    tokens = PAPER_BATCH * (900_000 * 128 + 100_000 * 512)
    assert tokens == 42_598_400_000
    setup = Setup(BASE, 128, 256)
    hours = paper_hours(setup, flops_per_second=1e14)
    at_128, at_512 = (tokens * flops_per_token(BASE, length) / 1e14 / 3600 for length in (128, 512))
    assert at_128 < hours < at_512
    assert paper_hours(replace(setup, processes=8), 1e14) == pytest.approx(hours / 8)
    gradients, _ = bytes_sent_per_update(replace(setup, processes=8))
    slow = paper_hours(replace(setup, processes=8), 1e14, bytes_per_second=1e8)
    assert slow == pytest.approx(1_000_000 * gradients / 1e8 / 3600)


def test_the_table_in_the_docs_is_what_the_functions_give():
    rows = re.findall(
        r"^\| (base|large) \| (\d+) \| (.*)$", (ROOT / "docs/scaling.md").read_text(encoding="utf-8"), re.M
    )
    assert len(rows) == 6
    for size, gpus, cells in rows:
        whole, sharded, sent, hours, flags, _ = (cell.strip() for cell in cells.split("|"))
        processes, parts = int(gpus), re.search(r"--accumulate (\d+)` at 512", flags)
        setup = Setup(getattr(BertConfig, size)(), 128, 256, processes=processes)
        long = replace(setup, max_length=512, accumulate=int(parts[1]) if parts else 1)
        for cell, is_sharded in ((whole, False), (sharded, True))[:processes]:  # one has nobody to share with
            memory = [sum(memory_by_part(replace(phase, shard=is_sharded)).values()) / 1e9 for phase in (setup, long)]
            assert cell == f"{memory[0]:.1f} / {memory[1]:.1f} GB"
        assert sent == f"{bytes_sent_per_update(setup)[0] / 1e9:.2f} GB".replace("0.00 GB", "0 GB")
        speed = {1: float("inf"), 8: 450e9, 64: 50e9}[processes]
        assert hours == f"{paper_hours(setup, 0.36 * 989e12, speed):.1f}"
