"""From text files to a tokenizer and a tokenized corpus, as the flags say."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, islice
from pathlib import Path

from bert.checkpoints.vocabulary import load_tokenizer, load_tokenizer_json
from bert.errors import InputError
from bert.files.terminal import progress_bar
from bert.tokenization.new_pieces import add_pieces, learn_pieces
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from bert.training.script import Log
from data.corpus.held_out import heldout_documents, training_sentences
from data.corpus.tokenized import holds_corpus, write_corpus
from data.text.corpora import corpus_fingerprint, read_documents, require_sentence_pairs
from data.text.python_docs import python_docs_fingerprint, read_python_docs
from pretraining.settings import PretrainingSettings
from pretraining.start import needs_checkpoint

COMPARED_DOCUMENTS = 200  # held-out documents on which the old and the new vocabulary are compared


def find_tokenizer(settings: PretrainingSettings, run: Path, log: Log) -> Tokenizer:
    """The run's own tokenizer, or the one of --checkpoint or --vocab, or one learned from the corpus."""
    if settings.checkpoint is not None:
        return tokenizer_of_checkpoint(settings, run, log)
    if settings.resume and any(os.path.exists(run / name) for name in ("vocab.txt", "spm.model")):
        tokenizer = load_tokenizer(run)  # unless it was stopped before it had one
        refuse_other_tokenizer(settings, run, tokenizer)
        return tokenizer
    if settings.vocab is not None:
        path = Path(settings.vocab)
        if os.path.isdir(path):  # Path.is_dir raises if a name is too long
            return load_tokenizer(path)
        if path.suffix == ".json":
            return load_tokenizer_json(path)
        if path.suffix == ".model":
            return SentencePieceTokenizer.from_file(path)
        return WordPieceTokenizer.from_file(path, lowercase=not settings.cased)
    log(f"Learning a vocabulary of {settings.vocab_size:,} pieces from the training documents.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokenizer = learn_tokenizer(settings, log)
    for warning in caught:
        log(f"Note: {warning.message}.")
    return tokenizer


def tokenizer_of_checkpoint(settings: PretrainingSettings, run: Path, log: Log) -> Tokenizer:
    """The tokenizer of a run with --checkpoint, with the pieces that --add-pieces learns from the corpus."""
    if not needs_checkpoint(settings, run):
        return load_tokenizer(run)
    tokenizer = load_tokenizer(str(settings.checkpoint))
    count = settings.add_pieces
    if count is None:
        return tokenizer
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise InputError(
            f"--add-pieces: {settings.checkpoint} has a SentencePiece model, in which a piece needs a score beside all "
            f"others, and they were learned together; leave the flag out, or name a checkpoint with a vocab.txt"
        )
    log(f"Learning {count:,} pieces that the vocabulary of {tokenizer.vocab_size:,} lacks.")
    with progress_bar("Reading the corpus") as reached:
        sentences = training_sentences(corpus_documents(settings, log, reached))
        pieces = learn_pieces(tokenizer, sentences, count)
    if len(pieces) < count:
        log(
            f"Note: the training documents give {len(pieces):,} pieces to add, not {count:,}: no other two pieces of a "
            f"word stand side by side more than once."
        )
    larger = add_pieces(tokenizer, pieces)
    if pieces:
        log(f"Added {len(pieces):,} pieces, such as {', '.join(pieces[:3])}.")
        log(*compare_tokenizers(tokenizer, larger, corpus_documents(settings, report=lambda *lines: None)))
    return larger


def compare_tokenizers(before: Tokenizer, after: Tokenizer, documents: Iterable[list[str]]) -> list[str]:
    """How many pieces a held-out word takes, as lines; none if no document is held out."""
    sentences = list(chain.from_iterable(islice(heldout_documents(documents), COMPARED_DOCUMENTS)))
    words = sum(len(set(before.pieces(sentence).word_ids)) for sentence in sentences)
    if not words:
        return []
    fewer, more = (sum(map(len, tokenizer.encode_batch(sentences))) / words for tokenizer in (after, before))
    return [f"A word of held-out text takes {fewer:.3f} pieces with them, and {more:.3f} without."]


def planned_vocabulary(settings: PretrainingSettings, run: Path, log: Log) -> int:
    """How many pieces the run's vocabulary will have. Reads no corpus, and learns nothing."""
    if settings.checkpoint is not None and needs_checkpoint(settings, run):
        return load_tokenizer(settings.checkpoint).vocab_size + (settings.add_pieces or 0)
    if settings.resume or settings.vocab is not None:  # the vocabulary exists, and need not be learned
        return find_tokenizer(settings, run, log).vocab_size
    return settings.vocab_size


def refuse_other_tokenizer(settings: PretrainingSettings, run: Path, tokenizer: Tokenizer) -> None:
    """Raises an InputError if the run's tokenizer is not the one that its flags ask for."""
    vocab = settings.vocab
    if vocab is not None and (vocab.endswith((".json", ".model")) or not os.path.isfile(vocab)):
        return  # it has settings of its own
    wanted = None
    if isinstance(tokenizer, WordPieceTokenizer):
        wanted = WordPieceTokenizer(tokenizer.vocabulary, lowercase=not settings.cased).fingerprint
    is_sentencepiece = settings.vocab is None and settings.tokenizer == "sentencepiece"
    if wanted != (None if is_sentencepiece else tokenizer.fingerprint):
        raise InputError(
            f"{run}: its tokenizer is not the one that the run was begun with (--tokenizer, --cased): a file of it was "
            f"changed or is missing; put back tokenizer_config.json, vocab.txt or spm.model, or begin another run"
        )


def learn_tokenizer(settings: PretrainingSettings, report: Log) -> Tokenizer:
    """A tokenizer of the kind asked for, with a vocabulary learned from the training documents."""
    with progress_bar("Reading the corpus") as reached, progress_bar("Joining pieces") as joined:
        sentences = training_sentences(corpus_documents(settings, report, reached))
        if settings.tokenizer == "sentencepiece":
            normalization = "nmt_nfkc" if settings.cased else "nmt_nfkc_cf"
            return SentencePieceTokenizer(
                train_sentencepiece(sentences, settings.vocab_size, normalization=normalization)
            )
        vocabulary = train_wordpiece(sentences, settings.vocab_size, lowercase=not settings.cased, reached=joined)
        return WordPieceTokenizer(vocabulary, lowercase=not settings.cased)


def corpus_documents(
    settings: PretrainingSettings, report: Log, reached: Callable[[int, int], None] = lambda done, whole: None
) -> Iterator[list[str]]:
    """The documents of the corpus, each a list of sentences.

    Args:
        report: takes sentences about what was replaced or passed over.
        reached: is told again and again how much is read, and of how much.
    """
    if settings.corpus is None:
        return _told(python_docs(settings.workers), reached)
    documents = read_documents(
        settings.corpus, settings.document_per_line, settings.encoding_errors, report, settings.text_column, reached
    )
    return require_sentence_pairs(documents) if settings.nsp else documents


def _told(documents: list[list[str]], reached: Callable[[int, int], None]) -> Iterator[list[str]]:
    for number, document in enumerate(documents):
        reached(number, len(documents))
        yield document


@cache
def python_docs(processes: int) -> list[list[str]]:
    """The built-in corpus. It fits into memory, and parsing it is slow, so it is parsed once."""
    return list(read_python_docs(processes))


def tokenize_corpus(settings: PretrainingSettings, run: Path, tokenizer: Tokenizer, log: Log) -> Path:
    """Tokenizes the corpus into memory-mapped files, unless they exist, and returns their directory.

    A run that is resumed may come from somebody else. So it only reads --shards, and writes into its own directory.
    """
    directory = Path(settings.shards or run / "shards")
    if settings.corpus is None:
        fingerprint = python_docs_fingerprint()
    else:
        fingerprint = corpus_fingerprint(
            settings.corpus, settings.document_per_line, settings.encoding_errors, settings.text_column
        )
    if settings.resume and settings.shards is not None and not holds_corpus(directory, tokenizer, fingerprint):
        log(f"Note: {directory} does not hold this corpus, and --resume writes to {run} alone: it is made there.")
        directory = run / "shards"
    learned = settings.vocab is None if settings.checkpoint is None else settings.add_pieces is not None
    report = (lambda sentence: None) if learned else log  # else it was said when pieces were learned
    with progress_bar("Tokenizing the corpus") as reached:
        documents = corpus_documents(settings, report, reached)
        write_corpus(documents, tokenizer, directory, settings.workers, fingerprint)
    return directory
