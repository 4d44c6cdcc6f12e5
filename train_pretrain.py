"""Pretrains a BERT from nothing: corpus -> vocabulary -> shards -> masked language model and next sentence prediction.

    python train_pretrain.py                                # the built-in corpus, a small model, minutes on two cores
    python train_pretrain.py --corpus wiki/*.txt --size base --vocab vocab.txt --output runs/base --precision bf16
    torchrun --nproc_per_node 8 train_pretrain.py ...       # the same, on every GPU of the machine
    python train_pretrain.py --output runs/base --resume    # goes on as if it had never stopped
    python train_pretrain.py --output runs/base --resume --max-length 512 --max-steps 1000000    # then long sequences

All that it makes is in the run's directory: config.json, model.safetensors and the vocabulary, which load here and in
transformers; log.jsonl, curves.png and TensorBoard events; shards/, the tokenized corpus; and training_state/, which
is what --resume needs.
"""

import argparse
import functools
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import torch

from bert.checkpoints.directory import load_tokenizer, save_checkpoint, save_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.fill_mask import fill_mask
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.sentencepiece import SentencePieceTokenizer
from bert.tokenization.sentencepiece_trainer import train_sentencepiece
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from bert.training import arguments
from bert.training.arguments import (
    SHARED_DEFAULTS,
    SHARED_MAY_CHANGE,
    above_zero,
    add_number,
    add_switch,
    positive,
    probability,
    save_settings,
    settings_of_run,
)
from bert.training.distributed import Processes, start_processes
from bert.training.loop import Progress, Schedule, mean_losses, train
from bert.training.optimizer import make_optimizer
from bert.training.precision import choose_precision
from bert.training.reporting import Reporter, in_words
from bert.training.state import generator_state, load_newest_state, restore_generator_state, save_state
from data.batching import prefetch
from data.corpora import corpus_fingerprint, read_documents, require_sentence_pairs
from data.pretraining.baseline import unigram_baseline
from data.pretraining.batches import PretrainingBatches, evaluation_batches
from data.pretraining.held_out import training_sentences
from data.pretraining.shards import Shards, open_shards, write_shards
from data.python_docs import python_docs_fingerprint, read_python_docs

# The paper's recipe (section 3.1 and appendix A.2), sequences of 128 tokens: the first of its two phases.
PAPER = {
    "vocab_size": 30_522, "max_length": 128, "batch_size": 256, "learning_rate": 1e-4, "max_steps": 1_000_000,
    "dropout": 0.1, "initializer_range": 0.02, "sinusoidal_start": False,
}  # fmt: skip
# What a run does where no flag says otherwise. The smaller the model, the larger the learning rate that it stands, and
# the shorter the run that is worth its while. The two smallest depart from the paper further, for runs of minutes or
# hours: no dropout, which costs time (Geiping & Goldstein 2022); larger initial weights, since 0.02 goes with the width
# of BERT-base, and 0.02 * sqrt(768 / 128) = 0.05 gives the layers of tiny outputs of the same size; and position
# embeddings that start as sinusoids: 0.08 nats better after 1,000 steps of tiny (training loss, one run each).
# Only tiny's recipe was run to its end; those of mini, small and medium are a place to start from.
RECIPES = {
    "tiny": PAPER | {
        "vocab_size": 6_000, "max_length": 64, "batch_size": 32, "learning_rate": 1e-3, "max_steps": 7_300,
        "dropout": 0.0, "initializer_range": 0.05, "sinusoidal_start": True,
    },
    "mini": PAPER | {
        "vocab_size": 16_000, "batch_size": 64, "learning_rate": 1e-3, "max_steps": 20_000,
        "dropout": 0.0, "initializer_range": 0.035, "sinusoidal_start": True,
    },
    "small": PAPER | {"batch_size": 128, "learning_rate": 5e-4, "max_steps": 100_000},
    "medium": PAPER | {"learning_rate": 3e-4, "max_steps": 250_000},
    "base": PAPER,
    "large": PAPER,
}  # fmt: skip
DEFAULTS = {
    "output": "runs/pretrain", "size": "tiny", "corpus": None, "document_per_line": False,
    "encoding_errors": "strict", "tokenizer": "wordpiece", "vocab": None, "cased": False, "shards": None,
    "workers": None, "nsp": True, "whole_word_masking": False, "max_minutes": None, "eval_every": 1_000,
    "eval_examples": 1_000, "checkpoint_every": 1_000,
}  # fmt: skip
MAY_CHANGE = {"workers", "shards", "max_minutes", "eval_examples"}  # in a resumed run, besides what both scripts allow


def main(command_line: list[str] | None = None) -> int:
    """Runs the script and returns its exit code: 0, 2 for bad input (one sentence on stderr), 130 when interrupted."""
    try:
        settings = read_settings(command_line)
        with start_processes(settings.device) as processes:
            return pretrain(settings, processes)
    except InputError as error:
        print(f"train_pretrain.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("train_pretrain.py: interrupted; what was saved before is kept", file=sys.stderr)
        return 130


def pretrain(settings: SimpleNamespace, processes: Processes) -> int:
    """One run, from files to a checkpoint, as a sequence of what is made from what."""
    run = Path(settings.output)
    say = functools.partial(print, flush=True) if processes.is_first else (lambda *sentence: None)

    tokenizer = processes.from_first(lambda: find_tokenizer(settings, run, say))
    shards = open_shards(processes.from_first(lambda: tokenize_corpus(settings, run, tokenizer)))

    torch.manual_seed(settings.seed)
    config = getattr(BertConfig, settings.size)(
        vocab_size=tokenizer.vocab_size,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        initializer_range=settings.initializer_range,
    )
    model = BertForPreTraining(config)
    if settings.sinusoidal_start:
        model.bert.embeddings.start_positions_as_sinusoids(settings.initializer_range)
    model.to(processes.device)
    if not settings.nsp:  # nothing trains these two then
        model.bert.pooler.requires_grad_(False)
        model.next_sentence.requires_grad_(False)
    optimizer = make_optimizer(settings.optimizer, model, settings.learning_rate)
    precision = choose_precision(settings.precision, processes.device)
    scaler = precision.gradient_scaler()
    torch.manual_seed(settings.seed + 1 + processes.rank)  # each process drops out other activations

    progress = Progress()
    if settings.resume:
        resume(run, model, optimizer, scaler, progress, settings, processes, say)
    training, heldout = make_batches(settings, shards, tokenizer, progress, processes)
    if settings.epochs is not None:
        settings.max_steps = settings.epochs * training.updates_per_epoch
    schedule = make_schedule(settings)
    if settings.compile:
        model.bert.compile()

    if processes.is_first:
        save_tokenizer(run, tokenizer)
        save_settings(run, vars(settings))
    say(describe(config, model, shards, settings, training, precision, processes))
    with Reporter(run, progress, schedule.max_steps, silent=not processes.is_first) as reporter:
        if progress.step == 0:
            loss, accuracy = processes.from_first(lambda: baseline(settings, shards, tokenizer))
            reporter.record(
                unigram_masked_lm_loss=loss, unigram_masked_lm_accuracy=accuracy,
                precision=precision.name, device=str(processes.device), processes=processes.count,
            )  # fmt: skip
            reporter.say(
                f"Guessing the masked pieces by their frequency alone would give a held-out loss of {loss:.3f} nats, "
                f"and {accuracy:.1%} right."
            )

        def evaluate() -> None:
            means = mean_losses(model, heldout, precision, processes)
            reporter.record(**{f"heldout_{name}": value for name, value in means.items()})
            reporter.say(f"step {progress.step:,}, held out: {in_words(means)}")
            reporter.draw_curves()

        def checkpoint() -> None:
            generators = processes.gather(generator_state(processes.device))
            if not processes.is_first:
                return
            state = {
                "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict(),
                "progress": vars(progress), "generators": generators, "config": config.to_dict(),
                "max_length": settings.max_length,
            }  # fmt: skip
            save_state(run / "training_state", progress.step, state)
            save_checkpoint(run, model, tokenizer)

        ended = train(
            model, prefetch(training), optimizer, scaler, precision, processes, schedule, progress,
            reporter.report, evaluate, checkpoint,
        )  # fmt: skip
        evaluate()

    say(f"{ended.capitalize()} at step {progress.step:,} after {progress.seconds / 60:.1f} minutes of training.")
    if processes.is_first:
        fill_in_blanks(model, tokenizer, shards, say)
        say(next_commands(settings, ended))
    return 130 if ended == "interrupted" else 0


# ---- from text to batches ----


def find_tokenizer(settings: SimpleNamespace, run: Path, say):
    """The tokenizer of the run: its own where there is one, that of --vocab, or one learned from the corpus."""
    if settings.resume:
        return load_tokenizer(run)
    if settings.vocab is not None:
        path = Path(settings.vocab)
        if path.is_dir():
            return load_tokenizer(path)
        if path.suffix == ".model":
            return SentencePieceTokenizer.from_file(path)
        return WordPieceTokenizer.from_file(path, lowercase=not settings.cased)
    say(f"Learning a vocabulary of {settings.vocab_size:,} pieces from the training documents.")
    sentences = training_sentences(corpus_documents(settings, report=say))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokenizer = learn_tokenizer(sentences, settings)
    for warning in caught:
        say(f"Note: {warning.message}.")
    return tokenizer


def learn_tokenizer(sentences: Iterator[str], settings: SimpleNamespace):
    """A tokenizer of the kind asked for, its vocabulary learned from ``sentences``."""
    if settings.tokenizer == "sentencepiece":
        normalization = "nmt_nfkc" if settings.cased else "nmt_nfkc_cf"
        return SentencePieceTokenizer(
            train_sentencepiece(sentences, settings.vocab_size, normalization=normalization)
        )
    vocabulary = train_wordpiece(sentences, settings.vocab_size, lowercase=not settings.cased)
    return WordPieceTokenizer(vocabulary, lowercase=not settings.cased)


def corpus_documents(settings: SimpleNamespace, report=lambda sentence: None) -> Iterator[list[str]]:
    """The documents of the corpus, each a list of sentences."""
    if settings.corpus is None:
        return iter(python_docs(settings.workers))
    documents = read_documents(settings.corpus, settings.document_per_line, settings.encoding_errors, report)
    return require_sentence_pairs(documents) if settings.nsp else documents


@functools.cache
def python_docs(processes: int) -> list[list[str]]:
    """The built-in corpus: small enough to be held, and slow enough to parse that once will do."""
    return list(read_python_docs(processes))


def tokenize_corpus(settings: SimpleNamespace, run: Path, tokenizer) -> Path:
    """Where the corpus is as pieces in memory-mapped files; those that are there already are used again."""
    directory = Path(settings.shards or run / "shards")
    if settings.corpus is None:
        fingerprint = python_docs_fingerprint()
    else:
        fingerprint = corpus_fingerprint(settings.corpus, settings.document_per_line, settings.encoding_errors)
    write_shards(corpus_documents(settings), tokenizer, directory, settings.workers, fingerprint)
    return directory


def make_batches(settings, shards, tokenizer, progress: Progress, processes: Processes):
    """The endless training batches from where the run stands, and the held-out ones as a list."""
    training = PretrainingBatches(
        shards, tokenizer, settings.batch_size, settings.max_length, settings.seed, settings.nsp,
        settings.whole_word_masking, processes.rank, processes.count, settings.accumulate, progress.position,
        pad_to_max_length=settings.compile,
    )  # fmt: skip
    return training, list(heldout_batches(settings, shards, tokenizer, processes.rank, processes.count))


def heldout_batches(settings, shards: Shards, tokenizer, process: int, processes: int) -> Iterator[dict]:
    """One pass over examples of the held-out documents, the same ones each time."""
    return evaluation_batches(
        shards, tokenizer, 32, settings.max_length, settings.nsp, settings.whole_word_masking, process, processes,
        settings.eval_examples, pad_to_max_length=settings.compile,
    )  # fmt: skip


def baseline(settings, shards: Shards, tokenizer) -> tuple[float, float]:
    """Held-out loss and accuracy of guessing by frequency, over all processes' examples."""
    return unigram_baseline(shards, heldout_batches(settings, shards, tokenizer, 0, 1))


# ---- the run ----


def resume(run, model, optimizer, scaler, progress: Progress, settings, processes: Processes, say) -> None:
    """Puts everything back to where the newest whole state of the run left it."""
    state, complaints = load_newest_state(run / "training_state")
    for complaint in complaints:
        say(f"Note: {complaint}.")
    if state["config"] != model.config.to_dict():
        raise InputError(
            f"{run}: the model in its training state is not the one that its vocabulary and arguments.json make "
            f"({state['config']} where {model.config.to_dict()} was expected); put back the files that were changed"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    vars(progress).update(state["progress"])
    if len(state["generators"]) == processes.count:
        restore_generator_state(state["generators"][processes.rank], processes.device)
    else:
        say(
            f"Note: the run had {len(state['generators'])} processes and now has {processes.count}: dropout goes on "
            f"from other random numbers."
        )
    if state["max_length"] != settings.max_length:
        progress.position = (progress.position[0] + 1, 0, 0)
        say(
            f"Note: sequences go from {state['max_length']} to {settings.max_length} tokens; the examples are others, "
            f"so a new pass over the corpus begins."
        )
    say(f"Resuming {run} from step {progress.step:,}.")


def make_schedule(settings: SimpleNamespace) -> Schedule:
    """Paper, appendix A.2: 10,000 of 1,000,000 steps warm up. A run of less than 100,000 warms up for a tenth of it."""
    warmup_steps = settings.warmup_steps
    return Schedule(
        max_steps=settings.max_steps,
        learning_rate=settings.learning_rate,
        warmup_steps=min(10_000, settings.max_steps // 10) if warmup_steps is None else warmup_steps,
        report_every=settings.report_every,
        eval_every=settings.eval_every,
        checkpoint_every=settings.checkpoint_every,
        max_seconds=None if settings.max_minutes is None else 60 * settings.max_minutes,
    )


def describe(config, model, shards: Shards, settings, training, precision, processes: Processes) -> str:
    """What is about to happen, for the user to check."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"Model:  {settings.size}, {config.num_hidden_layers} layers of {config.hidden_size}, "
        f"{parameters:,} parameters.\n"
        f"Corpus: {shards.number_of_documents:,} documents, {len(shards.tokens):,} pieces of a vocabulary of "
        f"{config.vocab_size:,}; {len(shards.held_out):,} documents are held out.\n"
        f"Run:    {settings.max_steps:,} steps of {settings.batch_size} examples of up to {settings.max_length} tokens "
        f"(about {settings.max_steps / training.updates_per_epoch:.1f} epochs), to {settings.output}.\n"
        f"Device: {processes.count} x {processes.device.type}, precision {precision.name} ({precision.reason})."
    )


def fill_in_blanks(model, tokenizer, shards: Shards, say, count: int = 3) -> None:
    """Shows the model at work: the middle word left out of a sentence, in each of a few held-out documents.

    They are the first such sentences that there are, whatever the model makes of them.
    """
    shown = 0
    for document in shards.held_out.tolist():
        for sentence in range(shards.document_starts[document], shards.document_starts[document + 1]):
            ids = shards.tokens[shards.sentence_starts[sentence] : shards.sentence_starts[sentence + 1]].tolist()
            blank = len(ids) // 2
            if not 10 <= len(ids) <= 25 or any(tokenizer.continues_word[piece] for piece in ids[blank : blank + 2]):
                continue
            word = tokenizer.decode([ids[blank]])
            if not (word.isalpha() and len(word) > 2):
                continue
            with_blank = [*ids[:blank], tokenizer.mask_token_id, *ids[blank + 1 :]]
            text = tokenizer.decode(with_blank, skip_special_tokens=False)
            fillings = fill_mask(model, tokenizer, text)[0]
            say(f"\n{text}\n  was:     {word}")
            say("  guesses: " + ", ".join(f"{filling.piece} {filling.probability:.0%}" for filling in fillings))
            shown += 1
            break
        if shown == count:
            return


def next_commands(settings: SimpleNamespace, ended: str) -> str:
    """What the user may want to do now."""
    run = settings.output
    if ended != "finished":
        return f"\nTo go on: python train_pretrain.py --output {run} --resume"
    return (
        f"\nThe model is in {run}; its curves are in {run}/curves.png. Try it:\n"
        f'  python -m bert fill-mask {run} "This function returns the [MASK] of the list."'
    )


# ---- settings ----


def read_settings(command_line: list[str] | None) -> SimpleNamespace:
    """The run's settings: the flags given, over those of the run that is resumed, over its size's recipe.

    Raises:
        InputError: where they do not go together, or the run's directory holds another run.
    """
    given = vars(make_parser().parse_args(command_line))
    defaults = SHARED_DEFAULTS | DEFAULTS | RECIPES[given.get("size", DEFAULTS["size"])]
    settings = settings_of_run(given, defaults, SHARED_MAY_CHANGE | MAY_CHANGE)
    longest = BertConfig().max_position_embeddings
    if settings["max_length"] > longest:
        raise InputError(
            f"--max-length {settings['max_length']} is above the {longest} positions that BERT has embeddings for "
            f"(max_position_embeddings); use at most {longest}"
        )
    if settings["workers"] is None:
        settings["workers"] = min(8, os.cpu_count() or 1)
    return SimpleNamespace(**settings)


def make_parser() -> argparse.ArgumentParser:
    """The flags."""
    parser = arguments.make_parser(__doc__)
    arguments.add_run_arguments(parser)

    text = parser.add_argument_group("text")
    text.add_argument("--corpus", nargs="+", metavar="FILE", help="text, also .gz .xz .bz2 (Python's documentation)")
    add_switch(text, "--document-per-line", "a line is a document; else a sentence, and a blank line ends a document")
    text.add_argument("--encoding-errors", choices=("strict", "replace"), help="about bytes that are not UTF-8")
    text.add_argument("--tokenizer", choices=("wordpiece", "sentencepiece"), help="what to learn (wordpiece)")
    text.add_argument("--vocab", metavar="FILE", help="a vocab.txt, a .model or a run (one is learned from the corpus)")
    add_number(text, "--vocab-size", positive, "pieces to learn where there is no --vocab (by size)")
    add_switch(text, "--cased", "keep upper case and accents (lower-cased)")
    text.add_argument("--shards", metavar="DIR", help="where the tokenized corpus is, or is put (OUTPUT/shards)")
    add_number(text, "--workers", positive, "processes that tokenize the corpus (one per core, at most 8)")

    model = parser.add_argument_group("model and tasks")
    model.add_argument("--size", choices=tuple(RECIPES), help="the model's size, with the recipe for it (tiny)")
    add_number(model, "--dropout", probability, "of hidden states and attention weights (by size)")
    add_number(model, "--initializer-range", above_zero, "standard deviation of the initial weights (by size)")
    add_switch(model, "--sinusoidal-start", "position embeddings start as sinusoids, not random (by size)")
    add_switch(model, "--nsp", "next sentence prediction beside the masked language model (on)")
    add_switch(model, "--whole-word-masking", "mask all pieces of a word together")

    training = arguments.add_training_arguments(parser)
    add_number(training, "--max-minutes", above_zero, "stop training after this time, ready to --resume")
    add_number(training, "--eval-examples", positive, "held-out examples in an evaluation, at most (1,000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
