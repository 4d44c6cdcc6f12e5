"""How fast a training step is, ours beside transformers': same weights, same batch, same precision, in one run.

    python -m benchmarks.training_step
    python -m benchmarks.training_step --cases mini --seconds 60 --json results.json

A pretraining step is the whole of it: forward, the two losses, backward, clipping, AdamW, with dropout 0.1. Ours is
``bert.training.loop.training_step`` as the scripts call it, with its labels at chosen positions; theirs is
``BertForPreTraining``, whose labels stand at all positions, with the better of its eager and sdpa attentions, and
torch's AdamW, fused. In a fine-tuning step both get the same SST-2 sentences (of the folder that the environment
variable BERT_DATA names), 32 in random order. Peak memory is that of a fresh process, less what it holds before the
model is made.

On a GPU the cases are others, in bf16: both sides as written and by ``torch.compile``, and ours with both of its
presets, *faithful* and *fast*, which drops out no attention weights. Theirs does. A turn is ten updates there, so that
the host can be ahead of the GPU, as in training.
"""

import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import matrix_product_rate, options, row, run_cases, take_turns
from benchmarks.operations import encoder_operations, pretraining_operations
from bert.checkpoints.huggingface import to_huggingface_name
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.heads.sequence import BertForSequenceClassification
from bert.tokenization.long_texts import fit_texts
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.compilation import compiled_parts
from bert.training.distributed import Processes
from bert.training.loop import Losses, training_step
from bert.training.optimizer import BertAdamW, parameter_groups
from bert.training.precision import DTYPES, Precision, choose_precision
from bert.training.sums import Sums
from data.packing import lay_end_to_end
from data.tasks.batches import input_batch
from data.tasks.classification import Columns, read_examples

SHAPES = {"mini": (32, 128), "base": (8, 128)}
SST2_BATCHES = {"mini": 8, "base": 3}  # of 32 sentences, in a turn
GPU_SHAPES = (("base", 256, 128), ("base", 64, 512), ("large", 32, 512))
GPU_UPDATES = 10  # in a turn
MASKED = 0.15
ATTENTIONS = ("eager", "sdpa")

Batch = dict[str, torch.Tensor]


def main(arguments: list[str] | None = None) -> None:
    parser = options(__doc__)
    parser.add_argument(
        "--precisions", nargs="+", choices=("fp32", "bf16"), help="of the CPU's pretraining steps (default: both where "
        "it computes in bf16, and else fp32: emulated, a step in bf16 takes minutes)",
    )  # fmt: skip
    parser.add_argument("--memory-of", nargs=2, metavar=("SIDE", "SIZE"), help="print one side's peak memory, in MB")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    if given.memory_of:
        print(_peak_memory(*given.memory_of, device))
        return
    run_cases(_cases(given, device), given)


def _cases(given, device: torch.device) -> dict[str, Callable[[str], list[dict]]]:
    """Each case by its name: a function that measures it."""
    cases = {}
    if device.type == "cuda":
        return {
            f"{size}, pretraining step, {batch_size} x {length}, {how}": (
                lambda case, shape=(size, batch_size, length), how=how: _on_a_gpu(
                    case, *shape, device, given.seconds, compiled=how == "compiled"
                )
            )
            for size, batch_size, length in GPU_SHAPES
            for how in ("as written", "compiled")
        }
    computes_in_bf16 = choose_precision("auto", device).name == "bf16"
    precisions = given.precisions or (["fp32", "bf16"] if computes_in_bf16 else ["fp32"])
    for size, (batch_size, length) in SHAPES.items():
        for precision in precisions:
            cases[f"{size}, pretraining step, {batch_size} x {length}, {precision}"] = (
                lambda case, size=size, precision=precision: _pretraining(case, size, precision, device, given.seconds)
            )
    cases["base, pretraining step, 8 x 128, theirs compiled"] = lambda case: _pretraining(
        case, "base", "fp32", device, given.seconds, compiled=True
    )
    for size in SHAPES:
        cases[f"{size}, fine-tuning step, SST-2 as it comes"] = lambda case, size=size: _finetuning(
            case, size, device, given.seconds
        )
        cases[f"{size}, pretraining step, peak memory"] = lambda case, size=size: _memory(case, size, given)
    return cases


# ---- the two sides ----


def our_steps(
    model: torch.nn.Module, batches: list[Batch], precision: str, device: torch.device
) -> Callable[[], object]:
    """One update of ours on each batch, as the scripts make it."""
    how = Precision(precision, device.type, "benchmark")
    optimizer = BertAdamW(parameter_groups(model), lr=1e-4)
    losses, counts = Losses(model.train()), [model.label_counts(batch) for batch in batches]
    processes, scaler = Processes(0, 1, device), how.gradient_scaler()

    def work() -> None:
        for batch, count in zip(batches, counts):
            training_step(losses, [batch], optimizer, scaler, count, how, processes, 1.0, Sums())

    return work


def their_steps(
    model: torch.nn.Module, batches: list[Batch], precision: str, device: torch.device
) -> Callable[[], object]:
    """One update of theirs on each batch: a training loop as their documentation writes it."""
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=1e-4, fused=True)
    model.train()

    def work() -> None:
        for batch in batches:
            batch = {name: values.to(device) for name, values in batch.items()}
            with torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32"):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return work


def their_model(kind: str, ours: torch.nn.Module, attention: str) -> torch.nn.Module:
    """Their model of a kind with our weights in it."""
    import transformers  # only here: it takes seconds, and the memory of ours is measured without it

    config = transformers.BertConfig(**ours.config.to_dict(), attn_implementation=attention)
    model = getattr(transformers, kind)(config)
    prefix = "" if kind != "BertModel" else "bert."  # names are translated with the part of a model that they are in
    weights = {
        to_huggingface_name(prefix + name).removeprefix(prefix): values for name, values in ours.state_dict().items()
    }
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert not [name for name in missing if "decoder" not in name and "position_ids" not in name], missing
    model.tie_weights()
    return model


# ---- cases ----


def pretraining_batches(config: BertConfig, batch_size: int, length: int) -> tuple[Batch, Batch]:
    """The same full rows of random ids, labels at 15 % of them, in our form and in theirs."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, config.vocab_size, (batch_size, length), generator=generator)
    types = (torch.arange(length) >= length // 2).long().expand(batch_size, length).contiguous()
    mask, next_sentence = torch.ones_like(ids), torch.randint(0, 2, (batch_size,), generator=generator)
    order = torch.randperm(batch_size * length, generator=generator)
    places = order[: masked_in(batch_size * length)].sort().values
    labels = torch.randint(5, config.vocab_size, (len(places),), generator=generator)
    everywhere = torch.full((batch_size * length,), -100).index_copy(0, places, labels).view(batch_size, length)
    inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
    return (
        inputs | {"masked_positions": places, "masked_labels": labels, "next_sentence_labels": next_sentence},
        inputs | {"labels": everywhere, "next_sentence_label": next_sentence},
    )


def masked_in(tokens: int) -> int:
    """How many of a batch's tokens have a label."""
    return round(MASKED * tokens)


def _pretraining(
    case: str, size: str, precision: str, device: torch.device, seconds: float, compiled: bool = False
) -> list[dict]:
    batch_size, length = SHAPES[size]
    torch.manual_seed(0)
    config = getattr(BertConfig, size)()
    model = BertForPreTraining(config).to(device)
    ours, theirs = pretraining_batches(config, batch_size, length)
    works = {}
    for attention in ("sdpa",) if compiled else ATTENTIONS:
        peer = their_model("BertForPreTraining", model, attention).to(device)
        works[attention] = their_steps(
            torch.compile(peer) if compiled else peer, [theirs], precision, device
        )
    works["ours"] = our_steps(model, [ours], precision, device)
    operations = pretraining_operations(config, batch_size, length, masked_in(batch_size * length))
    return _rows(case, precision, works, batch_size * length, device, seconds, operations)


def _on_a_gpu(
    case: str, size: str, batch_size: int, length: int, device: torch.device, seconds: float, compiled: bool
) -> list[dict]:
    """Both of our presets, laid end to end as the loader does it, beside their sdpa attention."""
    torch.manual_seed(0)
    config = getattr(BertConfig, size)()
    ours, theirs = pretraining_batches(config, batch_size, length)
    places, boundaries = lay_end_to_end(np.ones((batch_size, length), bool))
    ours |= {"packed_places": torch.from_numpy(places), "packed_boundaries": torch.from_numpy(boundaries)}
    presets = {"faithful": config, "fast": config.replace(attention_probs_dropout_prob=0.0)}
    works = {}
    torch.compiler.reset()  # each case makes programs of its own, and there is a limit to all that a process has
    with contextlib.ExitStack() as stack:
        models = {preset: BertForPreTraining(how).to(device) for preset, how in presets.items()}
        for preset, model in models.items():
            works[f"ours, {preset}"] = our_steps(model, [ours] * GPU_UPDATES, "bf16", device)
            if compiled:
                stack.enter_context(compiled_parts(model))
        peer = their_model("BertForPreTraining", models["faithful"], "sdpa").to(device)
        peer = torch.compile(peer) if compiled else peer
        works["sdpa"] = their_steps(peer, [theirs] * GPU_UPDATES, "bf16", device)
        tokens = batch_size * length
        operations = pretraining_operations(config, batch_size, length, masked_in(tokens), device.type)
        return _rows(case, "bf16", works, GPU_UPDATES * tokens, device, seconds, GPU_UPDATES * operations)


def _finetuning(case: str, size: str, device: torch.device, seconds: float) -> list[dict]:
    folder = os.environ.get("BERT_DATA")
    if folder is None:
        print(f"{case}: left out, since BERT_DATA names no folder with SST-2")
        return []
    tokenizer = WordPieceTokenizer.from_file(Path(folder) / "vocab" / "bert-base-uncased.txt")
    training = Path(folder) / "glue" / "SST-2" / "train.tsv"
    examples = read_examples(training, Columns("sentence", label="label"), "single_label_classification")
    chosen = np.random.default_rng(0).permutation(len(examples))[: 32 * SST2_BATCHES[size]]
    inputs = [parts[0] for parts in fit_texts(tokenizer, [examples[row].first for row in chosen], None, 128).inputs]
    labels = torch.tensor([int(examples[row].label) for row in chosen])
    batches = [
        input_batch(inputs[first : first + 32], tokenizer.pad_token_id) | {"labels": labels[first : first + 32]}
        for first in range(0, len(inputs), 32)
    ]
    torch.manual_seed(0)
    model = BertForSequenceClassification(getattr(BertConfig, size)()).to(device)
    works = {"ours": our_steps(model, batches, "fp32", device)}
    for attention in ATTENTIONS:
        peer = their_model("BertForSequenceClassification", model, attention).to(device)
        works[attention] = their_steps(peer, batches, "fp32", device)
    lengths = [len(each.input_ids) for each in inputs]
    operations = 3 * encoder_operations(model.config, lengths, read_of_each=1)
    return _rows(case, "fp32", works, sum(lengths), device, seconds, operations)


def _rows(
    case: str, precision: str, works: dict[str, Callable[[], object]], tokens: float, device: torch.device,
    seconds: float, operations: float,
) -> list[dict]:  # fmt: skip
    """Ours (and ours compiled) beside the best of theirs."""
    times = take_turns(works, device, seconds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    best = min((name for name in medians if not name.startswith("ours")), key=medians.__getitem__)
    rows = []
    for name in medians:
        if name.startswith("ours"):
            rows.append(row(
                f"{case}{name.removeprefix('ours')}; theirs {best}", precision, "real tokens/s", times[name],
                times[best], tokens, medians=medians,
                mfu=operations / medians[name] / matrix_product_rate(device, DTYPES[precision]),
            ))  # fmt: skip
    return rows


# ---- memory ----


def _memory(case: str, size: str, given) -> list[dict]:
    peaks = {}
    for side in ("ours", "ours, recomputing", *ATTENTIONS):
        line = [sys.executable, "-m", "benchmarks.training_step", "--memory-of", side, size, "--device", given.device]
        line += ["--threads", str(given.threads)]
        peaks[side] = float(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    theirs = min(peaks[attention] for attention in ATTENTIONS)
    return [
        {
            "case": case + side.removeprefix("ours"), "precision": "fp32", "ours": peaks[side], "theirs": theirs,
            "unit": "MB (less is better)", "ratio": peaks[side] / theirs, "peaks": peaks,
        }
        for side in peaks if side.startswith("ours")
    ]  # fmt: skip


def _peak_memory(side: str, size: str, device: torch.device) -> float:
    """Of three steps, in MB."""
    config = getattr(BertConfig, size)()
    ours, theirs = pretraining_batches(config, *SHAPES[size])
    if side in ATTENTIONS:
        import transformers  # now, so that it is not counted
        from transformers.models.bert import modeling_bert  # noqa: F401
    before = 0 if device.type == "cuda" else _memory_status("VmRSS")
    if side.startswith("ours"):
        model = BertForPreTraining(config).to(device)
        model.bert.encoder.recomputes = side == "ours, recomputing"
        step = our_steps(model, [ours], "fp32", device)
    else:
        peer_config = transformers.BertConfig(**config.to_dict(), attn_implementation=side)
        peer = transformers.BertForPreTraining(peer_config).to(device)
        step = their_steps(peer, [theirs], "fp32", device)
    for _ in range(3):
        step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return (_memory_status("VmHWM") - before) / 1e6


def _memory_status(name: str) -> int:
    """Bytes that this process holds now (VmRSS), or held at most (VmHWM; getrusage's begins with its parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
