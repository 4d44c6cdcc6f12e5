"""How fast text becomes a tokenized corpus, and a tokenized corpus becomes masked batches.

    python -m benchmarks.data_pipeline
    python -m benchmarks.data_pipeline --megabytes 60 --json results.json

The text is the unlabelled IMDb reviews in the folder that the environment variable BERT_DATA names, with the published
vocabulary. Without the variable it is the built-in corpus, with a vocabulary learned from it. If transformers is
installed, its collator takes turns with ours on the same sequences of ids. The table shows medians. The collator only
pads and masks. Ours also plans the pairs, reads the ids from the corpus and joins them. (The collator's whole-word
masking needs offsets into the text.)
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch

from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from data.corpus.held_out import TrainingDocuments
from data.corpus.tokenized import TokenizedCorpus, write_corpus
from data.prefetch import prefetch
from data.pretraining.batches import PretrainingBatches
from data.pretraining.sentence_pairs import plan_examples
from data.text.corpora import read_documents
from data.text.python_docs import read_python_docs

SHAPES = ((32, 128), (256, 128), (64, 512))
VARIANTS = {"whole words": {"whole_word_masking": True}, "single segments": {"nsp": False}}
TURNS, SECONDS = 5, 1.0  # turns in a case of batches, and seconds in a turn


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=20.0, help="how much text to take")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="for the parallel case")
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)

    name, documents, tokenizer = _text(options.megabytes)
    with tempfile.TemporaryDirectory() as directory:
        rows = list(_text_to_corpus(documents, tokenizer, Path(directory), options.processes))
        corpus = write_corpus(documents(), tokenizer, Path(directory) / "corpus")
        rows += _corpus_to_batches(corpus, tokenizer)

    print(f"{name}: {len(corpus.tokens):,} pieces; one core, unless the case says otherwise\n")
    print(f"{'case':58} {'ours':>12} {'theirs':>12} {'ratio':>6}  unit")
    for row in rows:
        theirs = "" if row["theirs"] is None else f"{row['theirs']:,.1f}"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.1f}x"
        print(f"{row['case']:58} {row['ours']:12,.1f} {theirs:>12} {ratio:>6}  {row['unit']}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _row(case: str, ours: float, theirs: float | None = None, unit: str = "real tokens/s") -> dict:
    ratio = None if theirs is None else ours / theirs
    return {"case": case, "precision": None, "ours": ours, "theirs": theirs, "unit": unit, "ratio": ratio}


def _text(megabytes: float) -> tuple[str, Callable[[], Iterator[list[str]]], WordPieceTokenizer]:
    """The text's name, a function that reads it from the beginning, and its tokenizer."""
    folder = os.environ.get("BERT_DATA")
    if folder is None:
        documents = list(_first(read_python_docs(), megabytes))
        vocabulary = train_wordpiece((sentence for document in documents for sentence in document), 8000)
        return "built-in corpus", lambda: iter(documents), WordPieceTokenizer(vocabulary)
    path = Path(folder) / "imdb" / "unsup.txt.xz"
    tokenizer = WordPieceTokenizer.from_file(Path(folder) / "vocab" / "bert-base-uncased.txt")
    return "IMDb", lambda: _first(read_documents([path], document_per_line=True), megabytes), tokenizer


def _first(documents: Iterable[list[str]], megabytes: float) -> Iterator[list[str]]:
    remaining = megabytes * 1e6
    for document in documents:
        remaining -= _bytes([document])
        if remaining < 0:
            return
        yield document


def _bytes(documents: Iterable[list[str]]) -> int:
    return sum(len(sentence.encode()) + 1 for document in documents for sentence in document)


def _text_to_corpus(
    documents: Callable[[], Iterator[list[str]]], tokenizer: Tokenizer, directory: Path, processes: int
) -> Iterator[dict]:
    megabytes = _bytes(documents()) / 1e6
    started = time.perf_counter()
    for _ in documents():
        pass
    yield _row("read text and split its sentences", megabytes / (time.perf_counter() - started), unit="MB/s")
    for count in sorted({1, processes}):
        started = time.perf_counter()
        write_corpus(documents(), tokenizer, directory / str(count), processes=count)
        speed = megabytes / (time.perf_counter() - started)
        yield _row(f"text to tokenized corpus, {count} worker process{'es' * (count > 1)}", speed, unit="MB/s")


def _corpus_to_batches(corpus: TokenizedCorpus, tokenizer: Tokenizer) -> Iterator[dict]:
    training = TrainingDocuments(corpus.number_of_documents, corpus.held_out)
    documents = training.corpus_indices(np.arange(training.count))
    started = time.perf_counter()
    planned = len(plan_examples(corpus, documents, training, 128, seed=0, epoch=0))
    yield _row("plan sentence pairs of 128", planned / (time.perf_counter() - started), unit="examples/s")
    for batch_size, max_length in SHAPES:
        shape = f"{batch_size} x {max_length}"
        batches = PretrainingBatches(corpus, tokenizer, batch_size, max_length, seed=0)
        streams = [_tokens_of(batches)]
        if (theirs := _their_tokens(batches, tokenizer)) is not None:
            streams.append(theirs)
        yield _row(f"corpus to masked batches, {shape}", *_in_turns(*streams))
        for name, how in VARIANTS.items():
            batches = PretrainingBatches(corpus, tokenizer, batch_size, max_length, seed=0, **how)
            yield _row(f"corpus to masked batches, {shape}, {name}", *_in_turns(_tokens_of(batches)))
    with contextlib.closing(prefetch(PretrainingBatches(corpus, tokenizer, 32, 128, seed=0))) as batches:
        yield _row("the first of these through a background thread", *_in_turns(_tokens_of(batches)))


def _in_turns(*streams: Iterator[int]) -> list[float]:
    """The median tokens per second of each stream. A stream's items are numbers of tokens."""
    speeds: list[list[float]] = [[] for _ in streams]
    for stream in streams:
        next(stream)
    for _ in range(TURNS):
        for stream, each in zip(streams, speeds):
            tokens, started = 0, time.perf_counter()
            while (seconds := time.perf_counter() - started) < SECONDS:
                tokens += next(stream)
            each.append(tokens / seconds)
    return [statistics.median(each) for each in speeds]


def _tokens_of(updates: Iterable) -> Iterator[int]:
    """The number of tokens in each update. To get it, the update is planned and made."""
    for update in updates:
        yield sum(len(batch.input_ids) for batch in update.micro_batches)


def _their_tokens(batches: PretrainingBatches, tokenizer: Tokenizer) -> Iterator[int] | None:
    """The same with transformers' collator, on our examples as lists of ids; None if it is not installed."""
    try:
        import transformers
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as directory:
        vocabulary = Path(directory) / "vocab.txt"
        vocabulary.write_text("\n".join(tokenizer.vocabulary), encoding="utf-8")
        theirs = transformers.BertTokenizerFast(str(vocabulary))
    collate = transformers.DataCollatorForLanguageModeling(theirs, mlm_probability=0.15, pad_to_multiple_of=8)
    examples = []
    for update in islice(batches, 20):
        [batch] = update.micro_batches
        lengths = batch.sequences.lengths.tolist()
        rows = zip(batch.input_ids.split(lengths), batch.token_type_ids.split(lengths))
        examples.append([{"input_ids": ids.tolist(), "token_type_ids": types.tolist()} for ids, types in rows])

    def tokens() -> Iterator[int]:
        for features in cycle(examples):
            collate([dict(feature) for feature in features])
            yield sum(len(feature["input_ids"]) for feature in features)

    return tokens()


if __name__ == "__main__":
    main()
