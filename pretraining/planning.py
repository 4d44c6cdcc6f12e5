"""``--plan``: what a run of these settings needs, and how long it takes at the rate of a few of its updates here."""

import os
import statistics
import time

import numpy as np
import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.errors import InputError
from bert.training.distributed import Processes
from bert.training.loop import Losses, training_step
from bert.training.run import Run
from bert.training.sums import Sums
from data.packing import lay_end_to_end
from pretraining.plan import (
    MASKED_SHARE,
    Setup,
    bytes_sent_per_update,
    flops_per_token,
    largest_micro_batch,
    memory_by_part,
    paper_hours,
    parameters_by_part,
)
from pretraining.settings import PretrainingSettings

USABLE_MEMORY = 0.9  # of a device's; the rest is for PyTorch itself, a GPU's workspace, and pieces that fit nothing
MEASURED_ON_CPU = 1e12  # operations of an update to measure, about, and at most: a CPU is no faster with more
UPDATES, SECONDS = 5, 60  # to measure, at most
UPDATES_OF_A_GPU = 10  # that are measured as one: it has the next at hand while it is at work, as in training


def make_plan(settings: PretrainingSettings, run: Run) -> str:
    """The plan of the run that the settings describe, to print. Trains the run's model on random ids to measure.

    Raises:
        InputError: where the batch cannot be shared out evenly, or not a single example fits into the memory.
    """
    config, processes = run.model.config, run.processes
    setup = Setup(
        config, settings.max_length, settings.batch_size, settings.accumulate, settings.plan or processes.world_size,
        run.precision.name, settings.shard, settings.recompute, processes.device.type,
    )  # fmt: skip
    share = setup.accumulate * setup.processes
    if setup.batch_size % share:
        raise InputError(
            f"--batch-size {setup.batch_size} cannot be shared evenly among {setup.processes} processes with "
            f"{setup.accumulate} micro-batches each: use a multiple of {share}"
        )
    per_token = flops_per_token(config, setup.max_length)
    memory = device_memory(processes)
    largest = None if memory is None else largest_micro_batch(setup, int(memory * USABLE_MEMORY))
    if largest == 0:
        needed = sum(memory_by_part(setup, micro_batch=1).values())
        raise InputError(
            f"not even one example at a time fits: it takes {_in_bytes(needed)}, and a process has "
            f"{_in_bytes(memory)} here; use a smaller --size or --max-length, --recompute, or --shard-optimizer on "
            f"more processes"
        )
    examples = min(setup.micro_batch, largest or setup.micro_batch)
    if processes.device.type == "cpu":
        examples = min(examples, max(1, int(MEASURED_ON_CPU / per_token / setup.max_length)))
    run.say(f"Measuring a few updates of {examples} examples, random ids: about a minute at most.")
    on_gpu = processes.device.type == "cuda"
    batch = random_batch(config, examples, setup.max_length, settings.nsp, packed=on_gpu)
    seconds, updates = measure_update(run, batch)
    rate = examples * setup.max_length / seconds
    sending = "" if setup.processes == processes.world_size else ", had they nothing to send"
    measured = (
        f"{rate:,.0f} tokens/s by each process, {rate * per_token / 1e12:.3f} TFLOP/s: the "
        f"median of {updates} updates of {examples} examples, on {run.facts_in_words}"
    )
    steps = None if settings.epochs is not None else settings.max_steps  # epochs are of a corpus, which nobody read
    return describe_plan(setup, memory, largest, rate, measured, steps, sending)


def device_memory(processes: Processes) -> int | None:
    """Bytes that a process has: its GPU's, or its share of the machine's; None where the system does not say."""
    if processes.device.type == "cuda":
        return torch.cuda.get_device_properties(processes.device).total_memory
    if not hasattr(os, "sysconf"):
        return None
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes.world_size))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // here


def random_batch(config: BertConfig, examples: int, length: int, nsp: bool, packed: bool = False) -> dict[str, Tensor]:
    """A micro-batch of full length and no meaning, as ``BertForPreTraining.losses`` takes it; packed: as for a GPU."""
    input_ids = torch.randint(config.vocab_size, (examples, length))
    masked = torch.rand(examples, length).argsort().lt(max(1, round(MASKED_SHARE * length))).flatten()
    batch = {
        "input_ids": input_ids,
        "token_type_ids": (torch.arange(length) >= length // 2).long().repeat(examples, 1),
        "attention_mask": torch.ones_like(input_ids),
        "masked_positions": masked.nonzero().squeeze(1),
        "masked_labels": input_ids.flatten()[masked],
    }
    if packed:
        places, boundaries = lay_end_to_end(np.ones((examples, length), bool))
        batch |= {"packed_places": torch.from_numpy(places), "packed_boundaries": torch.from_numpy(boundaries)}
    if nsp:
        batch["next_sentence_labels"] = torch.arange(examples) % 2
    return batch


def measure_update(run: Run, batch: dict[str, Tensor], updates: int = UPDATES) -> tuple[float, int]:
    """Seconds of the training loop's update, exchange between processes included: the median, after one to warm up.

    Returns:
        The median, on a GPU of the means of ``UPDATES_OF_A_GPU`` each; and of how many updates it is: fewer than asked
        for where they would take more than a minute.
    """
    processes = run.processes
    losses: nn.Module = processes.wrap(Losses(run.model.train()))
    counts = {name: count * processes.world_size for name, count in run.model.label_counts(batch).items()}
    together = UPDATES_OF_A_GPU if processes.device.type == "cuda" else 1
    seconds: list[float] = []
    with run.compiled():
        while len(seconds) <= updates:
            started = time.perf_counter()
            for _ in range(together):
                health = training_step(
                    losses, [batch], run.optimizer, run.scaler, counts, run.precision, processes, 1.0, Sums()
                )  # fmt: skip
            health.item()  # waits for the device
            took = torch.tensor((time.perf_counter() - started) / together, dtype=torch.float64)
            seconds.append(processes.sum(took).item() / processes.world_size)
            if len(seconds) > 1 and together * (sum(seconds[1:]) + seconds[-1]) > SECONDS:
                break
    return statistics.median(seconds[1:]), together * (len(seconds) - 1)


def describe_plan(
    setup: Setup, memory: int | None, largest: int | None, rate: float, measured: str, steps: int | None,
    sending: str = "",
) -> str:  # fmt: skip
    """The plan as a table.

    Args:
        memory: bytes that a process has; largest: the micro-batch that fits into it. None where nobody knows.
        rate: tokens per second of a process; measured: how it was measured, in words.
        steps: updates of the run, or None; sending: what to say of the hours, where the rate is without the exchange
            between processes.
    """
    config, parts, held = setup.config, parameters_by_part(setup.config), memory_by_part(setup)
    per_token = flops_per_token(config, setup.max_length)
    has = "" if memory is None else f" of {_in_bytes(memory)}"
    lines = [
        ("parameters", f"{sum(parts.values()):,}: {config.num_hidden_layers} layers of {config.hidden_size}"),
        *((f"  {part}", f"{count:,}") for part, count in parts.items()),
        (
            "an update",
            f"{setup.batch_size} examples of {setup.max_length} tokens, {setup.precision}; processes: "
            f"{setup.processes}, micro-batches in each: {setup.accumulate}, examples in each of those: "
            f"{setup.micro_batch}",
        ),
        ("memory of a process", _in_bytes(sum(held.values())) + has),
        *((f"  {part}", _in_bytes(size)) for part, size in held.items()),
    ]
    if largest is not None:
        verdict = "these fit" if setup.micro_batch <= largest else "these do NOT fit: use more --accumulate"
        lines.append(("largest micro-batch", f"{largest:,} examples in {USABLE_MEMORY:.0%} of the memory; {verdict}"))
    lines += [
        ("arithmetic", f"{per_token / 1e6:,.1f} million operations per token, forward and backward"),
        ("sent per update", f"{_in_bytes(sum(bytes_sent_per_update(setup)))} by each process"),
        ("measured here", measured),
    ]
    if steps is not None:
        hours = steps * setup.batch_size * setup.max_length / rate / setup.processes / 3600
        done = f"{steps:,} updates; processes: {setup.processes}{sending}"
        lines.append(("hours at that rate", f"{hours:,.1f} for {done}"))
    lines.append(
        (
            "  the paper's recipe",
            f"{paper_hours(setup, rate * per_token):,.1f} for 1,000,000 updates of 256 sequences: 900,000 of 128 "
            f"tokens, then 100,000 of 512{sending}",
        )
    )
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _in_bytes(size: float) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
