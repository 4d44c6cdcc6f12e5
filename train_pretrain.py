"""Pretrains a BERT from nothing: corpus -> vocabulary -> tokenized corpus -> the two tasks.

    python train_pretrain.py                                # the built-in corpus, a small model, minutes on two cores
    python train_pretrain.py --corpus wiki/*.txt --size base --vocab vocab.txt --output runs/base --precision bf16
    torchrun --nproc_per_node 8 train_pretrain.py ...       # the same, on every GPU of the machine
    python train_pretrain.py --size base --plan 8           # what it needs on 8 processes, and how many hours it takes
    python train_pretrain.py --output runs/base --resume    # goes on as if it had never stopped
    python train_pretrain.py --output runs/base --resume --max-length 512 --max-steps 1000000    # then long sequences

It writes to the run's directory alone. config.json, model.safetensors and the vocabulary load here and in transformers.
There are log.jsonl, curves.png and TensorBoard events. shards/ is the tokenized corpus. --resume needs training_state/
and arguments.json.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.vocabulary import save_tokenizer
from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.tokenizer import Tokenizer
from bert.training.distributed import Processes
from bert.training.loop import mean_losses, train
from bert.training.reporting import in_words
from bert.training.run import Run, assemble
from bert.training.schedule import make_schedule
from bert.training.script import lock, make_log, run_script
from bert.training.settings import save_settings
from bert.training.state_schema import COUNT, indices
from bert.training.threads import threads_restored
from data.corpus.tokenized import TokenizedCorpus, open_corpus
from data.prefetch import prefetch
from data.pretraining.baseline import unigram_baseline
from data.pretraining.batches import PretrainingBatches, evaluation_batches
from pretraining.messages import describe, fill_in_blanks, next_commands, warn_of_random_pairs
from pretraining.planning import make_plan
from pretraining.reading import find_tokenizer, tokenize_corpus
from pretraining.settings import PretrainingSettings, read_settings
from pretraining.sinusoids import start_positions_as_sinusoids

MOST_WARMUP_STEPS = 10_000  # of 1,000,000 (paper, appendix A.2). In a run of less than 100,000 a tenth warms up


def main(command_line: list[str] | None = None) -> int:
    """Runs the script and returns its exit code: 0, 2 for bad input (one sentence on stderr), 130 when interrupted."""
    return run_script("train_pretrain.py", command_line, partial(read_settings, description=__doc__), pretrain_or_plan)


def pretrain_or_plan(settings: PretrainingSettings, processes: Processes) -> int:
    """Trains, or plans if the flags say so, and returns the exit code."""
    if settings.plan is not None:
        return plan(settings, processes)
    with lock(settings.output, processes), threads_restored():
        return pretrain(settings, processes)


def pretrain(settings: PretrainingSettings, processes: Processes) -> int:
    """One run, from files to a checkpoint."""
    directory, log = Path(settings.output), make_log(processes)
    tokenizer = processes.broadcast(lambda: find_tokenizer(settings, directory, log), takes_hours=True)
    shards = processes.broadcast(lambda: tokenize_corpus(settings, directory, tokenizer, log), takes_hours=True)
    corpus = open_corpus(shards)

    torch.manual_seed(settings.seed)
    model = processes.on_all(lambda: make_model(settings, tokenizer.vocab_size)).to(processes.device)
    run = assemble(settings, model, processes, log, identity={"corpus or vocabulary": corpus.checksum})
    if settings.resume:
        resume(run, settings)
    training = processes.on_all(lambda: PretrainingBatches(
        corpus, tokenizer, settings.batch_size, settings.max_length, settings.seed, settings.nsp,
        settings.whole_word_masking, processes.rank, processes.world_size, settings.accumulate, run.progress.position,
    ))  # fmt: skip
    heldout = processes.on_all(lambda: list(heldout_batches(settings, corpus, tokenizer, processes)))
    schedule = make_schedule(settings, training.updates_per_epoch, MOST_WARMUP_STEPS, settings.max_minutes)

    processes.broadcast(lambda: save_settings(directory, settings))
    processes.broadcast(lambda: save_tokenizer(directory, tokenizer))
    log(*describe(settings, run, corpus, schedule, training.updates_per_epoch))
    if note := warn_of_random_pairs(training.random_pairs, corpus, settings.max_length):
        log(note)
    measures = any(processes.gather(len(heldout) > 0))
    if not measures:
        log("Note: the corpus is too small to hold documents out: only the training loss tells how it learns.")
    with run.reporter(schedule.max_steps) as reporter:
        if run.progress.step == 0 and measures:
            alone = Processes(0, 1, torch.device("cpu"))  # the baseline counts the examples of all processes
            examples = heldout_batches(settings, corpus, tokenizer, alone)
            loss, accuracy = processes.broadcast(lambda: unigram_baseline(corpus, examples))
            pairs = {"random_pairs": training.random_pairs} if settings.nsp else {}
            reporter.record(unigram_masked_lm_loss=loss, unigram_masked_lm_accuracy=accuracy, **pairs, **run.metadata)
            reporter.log(
                f"Guessing the masked pieces by their frequency alone would give a held-out loss of {loss:.3f} nats, "
                f"and {accuracy:.1%} right."
            )

        def evaluate() -> None:
            """Measures on the held-out documents, if there are any."""
            if not measures:
                return
            with run.evaluation():
                means = mean_losses(model, heldout, run.precision, processes)
            reporter.record(**{f"heldout_{name}": value for name, value in means.items()})
            reporter.log(f"step {run.progress.step:,}, held out: {in_words(means)}")
            reporter.draw_curves()

        def checkpoint() -> None:
            run.save(max_length=settings.max_length)
            weights = run.weights()
            processes.broadcast(lambda: save_checkpoint(directory, model, tokenizer, weights))

        with closing(prefetch(training)) as updates:
            ended = train(run, updates, schedule, reporter.report, evaluate, checkpoint)
        evaluate()
    run.log_end(ended)
    with run.evaluation():
        if processes.is_main_process:
            fill_in_blanks(model, tokenizer, corpus, log)
    log(*next_commands(settings, ended))
    return 130 if ended == "interrupted" else 0


def plan(settings: PretrainingSettings, processes: Processes) -> int:
    """Prints the needs and the hours of a run of these settings. Reads no corpus and writes nothing."""
    log = make_log(processes)
    torch.manual_seed(settings.seed)
    vocab_size = settings.vocab_size
    if settings.resume or settings.vocab is not None:  # the vocabulary exists, and need not be learned
        tokenizer = processes.broadcast(lambda: find_tokenizer(settings, Path(settings.output), log))
        vocab_size = tokenizer.vocab_size
    model = processes.on_all(lambda: make_model(settings, vocab_size)).to(processes.device)
    run = assemble(replace(settings, learning_rate=1e-6), model, processes, log, identity={})
    log(*make_plan(settings, run).split("\n"))
    return 0


def heldout_batches(
    settings: PretrainingSettings, corpus: TokenizedCorpus, tokenizer: Tokenizer, processes: Processes
) -> Iterator[Batch]:
    """One pass over examples of the held-out documents, the same each time."""
    return evaluation_batches(
        corpus, tokenizer, 32, settings.max_length, settings.nsp, settings.whole_word_masking, processes.rank,
        processes.world_size, settings.eval_examples,
    )  # fmt: skip


def make_model(settings: PretrainingSettings, vocab_size: int) -> BertForPreTraining:
    """A model of the size asked for, with initial weights."""
    config = getattr(BertConfig, settings.size)(
        vocab_size=vocab_size,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout if settings.preset == "faithful" else 0.0,
        initializer_range=settings.initializer_range,
    )
    model = BertForPreTraining(config)
    if settings.sinusoidal_start:
        start_positions_as_sinusoids(model.bert.embeddings, settings.initializer_range)
    if not settings.nsp and model.bert.pooler is not None:  # nothing trains these two then
        model.bert.pooler.requires_grad_(False)
        model.next_sentence.requires_grad_(False)
    return model


def resume(run: Run, settings: PretrainingSettings) -> None:
    """Takes everything back to the newest training state. If max_length changed, a new pass over the corpus begins."""
    saved = run.resume("its corpus, vocabulary and arguments.json", {"position": indices(3), "max_length": COUNT})
    max_length = saved.get("max_length", settings.max_length)
    if max_length != settings.max_length and run.progress.position is not None:
        run.progress.position = (run.progress.position[0] + 1, 0, 0)
        run.log(
            f"Note: sequences go from {max_length} to {settings.max_length} tokens; the examples are others, so a new "
            f"pass over the corpus begins."
        )


if __name__ == "__main__":
    raise SystemExit(main())
