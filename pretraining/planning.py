"""``--plan``: the needs of a run, and its hours at the measured rate of a few of its updates."""

import os
import statistics
import time
from dataclasses import replace

import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import Batch, sequences_of
from bert.training.distributed import Processes
from bert.training.loop import training_step
from bert.training.run import Run
from bert.training.totals import RunningTotals
from bert.variants.build import variant_of
from data.pretraining.requirements import check_batch_size
from pretraining.phases import phases
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

USABLE_MEMORY = 0.9  # of a device's memory: PyTorch, a GPU's workspace and fragments need the rest
MEASURED_ON_CPU = 1e12  # most operations of a measured update: a CPU is no faster with more
UPDATES, SECONDS = 5, 60  # most updates, and seconds, to measure
UPDATES_OF_A_GPU = 10  # measured as one: as in training, a GPU has the next update queued


def make_plan(settings: PretrainingSettings, run: Run) -> str:
    """The plan of the run that the settings describe, to print: one for each phase, and the hours of all.

    Raises:
        InputError: if the processes cannot share the batch evenly, or if not even one example fits into the memory.
    """
    if not settings.phases:
        return plan_phase(settings, run)[0]
    parts, hours = [], 0.0
    for length, start, end in phases(settings.phases):
        text, takes = plan_phase(replace(settings, max_length=length, max_steps=end - start), run)
        parts.append(f"Updates {start:,} to {end:,}, of {length} tokens:\n{text}")
        hours += takes or 0.0
    return "\n\n".join([*parts, f"All phases: {hours:,.1f} hours at these rates."])


def plan_phase(settings: PretrainingSettings, run: Run) -> tuple[str, float | None]:
    """The plan of a run with sequences of one length, and its hours if it has a number of updates.

    Trains the run's model on random ids to measure.

    Raises:
        InputError: if the processes cannot share the batch evenly, or if not even one example fits into the memory.
    """
    config, processes, joined = run.trainable.config, run.processes, settings.join_examples
    if variant := variant_of(run.model):
        raise InputError(f"--plan reckons with the paper's model, and this is a variant ({variant}); leave it out")
    setup = Setup(  # joined examples are one long one
        config, settings.max_length * joined, settings.batch_size // joined, settings.accumulate,
        settings.plan or processes.world_size, run.precision.name, settings.shard, settings.recompute,
        processes.device.type, max(settings.masking.rate), settings.optimizer, settings.average is not None,
    )  # fmt: skip
    check_batch_size(settings.batch_size, setup.processes, setup.accumulate, joined)
    per_token = flops_per_token(config, setup.max_length, setup.masked_share)
    memory = device_memory(processes)
    largest = None if memory is None else largest_micro_batch(setup, int(memory * USABLE_MEMORY))
    if largest == 0:
        needed = sum(memory_by_part(setup, micro_batch=1).values())
        raise InputError(
            f"not even one example at a time fits: it takes {_in_bytes(needed)}, and a process has "
            f"{_in_bytes(memory or 0)} here; use a smaller --size or --max-length, --recompute, or --shard on "
            f"more processes"
        )
    examples = min(setup.micro_batch, largest or setup.micro_batch)
    if processes.device.type == "cpu":
        examples = min(examples, max(1, int(MEASURED_ON_CPU / per_token / setup.max_length)))
    run.log(f"Measuring a few updates of {examples} examples, random ids: about a minute at most.")
    batch = random_batch(config, examples, setup.max_length, settings.nsp, setup.masked_share)
    seconds, updates = measure_update(run, batch)
    rate = examples * setup.max_length / seconds
    sending = "" if setup.processes == processes.world_size else ", had they nothing to send"
    measured = (
        f"{rate:,.0f} tokens/s by each process, {rate * per_token / 1e12:.3f} TFLOP/s: the "
        f"median of {updates} updates of {examples} examples, on {run.description}"
    )
    steps = None if settings.epochs is not None else settings.max_steps  # epochs are of a corpus, which nobody read
    hours = None if steps is None else steps * setup.batch_size * setup.max_length / rate / setup.processes / 3600
    return describe_plan(setup, memory, largest, rate, measured, steps, hours, sending), hours


def device_memory(processes: Processes) -> int | None:
    """The bytes of a process: its GPU's, or its share of the machine's. None if the system does not tell."""
    if processes.device.type == "cuda":
        return torch.cuda.get_device_properties(processes.device).total_memory
    if not hasattr(os, "sysconf"):
        return None
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes.world_size))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // here


def random_batch(
    config: BertConfig, examples: int, length: int, nsp: bool, masked_share: float = MASKED_SHARE
) -> Batch:
    """A micro-batch of full sequences of random ids, as ``BertForPreTraining.losses`` takes it."""
    tokens = examples * length
    input_ids = torch.randint(config.vocab_size, (tokens,))
    masked = torch.rand(examples, length).argsort().lt(max(1, round(masked_share * length))).flatten()
    labels = {"masked_labels": input_ids[masked]}
    if nsp:
        labels["next_sentence_labels"] = torch.arange(examples) % 2
    return Batch(
        input_ids=input_ids,
        token_type_ids=(torch.arange(tokens) % length >= length // 2).long(),
        sequences=sequences_of([length] * examples),
        selected=masked.nonzero().squeeze(1),
        labels=labels,
    )


def measure_update(run: Run, batch: Batch) -> tuple[float, int]:
    """Seconds of the training loop's update, exchange between processes included.

    Returns:
        The median after one update to warm up, and the number of updates measured. On a GPU it is the median of means
        of ``UPDATES_OF_A_GPU`` updates. Fewer are measured if they would take more than a minute.
    """
    processes = run.processes
    run.model.train()
    counts = {name: count * processes.world_size for name, count in run.trainable.label_counts(batch).items()}
    together = UPDATES_OF_A_GPU if processes.device.type == "cuda" else 1
    seconds: list[float] = []
    with run.training():
        while len(seconds) <= UPDATES:
            started = time.perf_counter()
            losses = [training_step(run, [batch], counts, RunningTotals(), 1.0) for _ in range(together)]
            losses[-1].tolist()  # synchronises
            took = torch.tensor((time.perf_counter() - started) / together, dtype=torch.float64)
            seconds.append(processes.sum(took).item() / processes.world_size)
            if len(seconds) > 1 and together * (sum(seconds[1:]) + seconds[-1]) > SECONDS:
                break
    return statistics.median(seconds[1:]), together * (len(seconds) - 1)


def describe_plan(
    setup: Setup, memory: int | None, largest: int | None, rate: float, measured: str, steps: int | None,
    hours: float | None, sending: str,
) -> str:  # fmt: skip
    """The plan as a table.

    Args:
        memory: bytes of a process, or None.
        largest: the micro-batch that fits into it, or None.
        rate: tokens per second of a process.
        measured: how it was measured, in words.
        steps, hours: of the run, or None.
        sending: a remark on the hours, if the rate leaves the exchange between processes out.
    """
    config, parts, held = setup.config, parameters_by_part(setup.config), memory_by_part(setup)
    per_token = flops_per_token(config, setup.max_length, setup.masked_share)
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
        done = f"{steps:,} updates; processes: {setup.processes}{sending}"
        lines.append(("hours at that rate", f"{hours:,.1f} for {done}"))
    hours = paper_hours(setup, rate * per_token)
    recipe = "1,000,000 updates of 256 sequences: 900,000 of 128 tokens, then 100,000 of 512"
    lines.append(("  the paper's recipe", f"{hours:,.1f} for {recipe}{sending}"))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _in_bytes(size: float) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
