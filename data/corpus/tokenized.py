"""The tokenized corpus on disk: made once, in parallel, and then read as if it were in memory.

    tokens.bin           the pieces of all sentences, end to end           uint16, or uint32 for a large vocabulary
    sentence_starts.bin  where each sentence starts in them, and the end   int64
    document_starts.bin  where each document starts in the sentences, ...  int64
    held_out.bin         the numbers of the documents that are held out    int64, ascending
    training_counts.bin  how often each piece occurs in the other ones     int64, one for each piece
    facts.json           what made them, how many of each, and checksums

Little-endian, without headers, memory-mapped: a corpus may be larger than the memory. facts.json is removed
first and written last, so that files without it are the leavings of a crash, and those with it are whole.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from bert.errors import InputError
from bert.files.whole import atomic_file, read_json_object, write_atomically, writing_failed
from data.corpus.held_out import is_held_out
from data.corpus.tokenizing import TokenizedDocuments, tokenize_documents

_FORMAT = 1
_FACTS = "facts.json"
_SMALL, _LARGE, _COUNT = "<u2", "<u4", "<i8"
_TYPES = {
    "tokens": (_SMALL, _LARGE), "sentence_starts": (_COUNT,), "document_starts": (_COUNT,), "held_out": (_COUNT,),
    "training_counts": (_COUNT,),
}  # fmt: skip
_NAMES = tuple(_TYPES)


@dataclass(frozen=True)
class TokenizedCorpus:
    """A tokenized corpus; the arrays are read-only and memory-mapped.

    Attributes:
        tokens: (tokens,) ids of pieces, no special tokens added.
        sentence_starts: (sentences + 1,) int64: sentence s is tokens[sentence_starts[s] : sentence_starts[s + 1]].
            No sentence is empty.
        document_starts: (documents + 1,) int64: document d is the sentences document_starts[d] up to, not
            including, document_starts[d + 1]. No document is empty.
        held_out: int64, ascending: the numbers of the documents that are kept out of the training.
        training_counts: (vocab_size,) int64: how often each piece occurs in the other documents.
        checksum: of all of them; another corpus, or another vocabulary, has another.
    """

    tokens: np.ndarray
    sentence_starts: np.ndarray
    document_starts: np.ndarray
    held_out: np.ndarray
    training_counts: np.ndarray
    checksum: str = ""

    @property
    def number_of_documents(self) -> int:
        return len(self.document_starts) - 1

    @property
    def vocab_size(self) -> int:
        return len(self.training_counts)


def write_corpus(
    documents: Iterable[list[str]], tokenizer, directory: str | Path, processes: int = 1, fingerprint: str = ""
) -> TokenizedCorpus:
    """Tokenizes ``documents`` into ``directory`` and opens the result.

    TokenizedCorpus that are there already, made of a corpus with this fingerprint by this tokenizer, are opened as they
    are, and ``documents`` is not read. The result does not depend on ``processes``.

    Args:
        documents: each a list of sentences (``data.text.corpora``, ``data.text.python_docs``).
        tokenizer: one of ``bert.tokenization``.
        directory: made if it is not there; shards in it of another corpus or tokenizer are replaced.
        processes: workers that tokenize, besides this one, which reads and writes; with 1, it tokenizes as well.
        fingerprint: of the corpus; an empty one never matches.

    Raises:
        InputError: where the corpus cannot be read or holds no text, or the disk is full.
    """
    directory = Path(directory)
    fingerprint = fingerprint and _fingerprint(fingerprint, tokenizer)
    if fingerprint and _is_made_of(directory, fingerprint):
        return open_corpus(directory)
    _refuse_other_facts(directory)
    try:
        (directory / _FACTS).unlink(missing_ok=True)
        for leaving in directory.glob(".*.bin.*.tmp"):  # of a run that was killed while it wrote
            leaving.unlink(missing_ok=True)
    except OSError as error:  # a file in the directory's place, say
        raise InputError(writing_failed(directory, error)) from None
    token_type = _SMALL if tokenizer.vocab_size <= 1 << 16 else _LARGE
    with ExitStack() as stack:
        tokenized = stack.enter_context(tokenize_documents(documents, tokenizer, token_type, processes))
        files = {name: stack.enter_context(atomic_file(directory / f"{name}.bin")) for name in _NAMES}
        facts = _write(tokenized, directory, files, token_type, tokenizer.vocab_size)
    write_atomically(directory / _FACTS, json.dumps({"format": _FORMAT, "fingerprint": fingerprint, **facts}, indent=1))
    return open_corpus(directory)


def open_corpus(directory: str | Path) -> TokenizedCorpus:
    """The shards in ``directory``, memory-mapped.

    Raises:
        InputError: where a file is missing, or is not what ``write_corpus`` wrote.
    """
    directory = Path(directory)
    facts = read_json_object(directory / _FACTS)
    arrays, checksums = {}, []
    try:
        if facts["format"] != _FORMAT:
            raise InputError(
                f"{directory}: shards of format {facts['format']}, where {_FORMAT} was expected; remove them, and they "
                "are made anew"
            )
        for name in _NAMES:
            stored = facts["files"][name]
            arrays[name] = _open_array(directory / f"{name}.bin", stored["type"], stored["length"], stored["crc32"])
            checksums.append(f"{stored['crc32']:08x}")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{directory / _FACTS}: lacks {error}; remove {directory}, and it is made anew") from None
    return TokenizedCorpus(**arrays, checksum="-".join(checksums))


def _open_array(path: Path, stored_type: str, length: int, checksum: int) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{path}: no such file; remove {path.parent}, and it is made anew")
    if stored_type not in _TYPES[path.stem] or type(length) is not int:
        raise TypeError(f"{path.stem} of a known type and length")
    wanted = np.dtype(stored_type).itemsize * length
    if path.stat().st_size != wanted:
        raise InputError(
            f"{path}: {path.stat().st_size:,} bytes, where {wanted:,} were written; remove {path.parent}, and it is "
            "made anew"
        )
    if _checksum(path) != checksum:
        raise InputError(f"{path}: is damaged (its checksum differs); remove {path.parent}, and it is made anew")
    if length == 0:
        return np.zeros(0, stored_type)  # there is nothing to map
    return np.memmap(path, stored_type, mode="r").view(np.ndarray)


def _checksum(path: Path) -> int:
    """Read, not mapped: what is mapped counts as this process's memory."""
    checksum = 0
    with open(path, "rb") as file:
        while part := file.read(1 << 22):
            checksum = zlib.crc32(part, checksum)
    return checksum


def _fingerprint(corpus: str, tokenizer) -> str:
    return hashlib.sha256(f"{corpus} {tokenizer.fingerprint}".encode()).hexdigest()


def _refuse_other_facts(directory: Path) -> None:
    """
    Raises:
        InputError: where the directory has facts and no shards: they are somebody else's.
    """
    path = directory / _FACTS
    if os.path.isfile(path) and not any(os.path.exists(directory / f"{name}.bin") for name in _NAMES):
        raise InputError(f"{path}: is not of shards, and would be replaced; name another directory (--shards)")


def _is_made_of(directory: Path, fingerprint: str) -> bool:
    try:
        return read_json_object(directory / _FACTS).get("fingerprint") == fingerprint and bool(open_corpus(directory))
    except InputError:
        return False


def _write(
    tokenized: Iterable[TokenizedDocuments], directory: Path, files: dict, token_type: str, vocab_size: int
) -> dict:
    """Writes the arrays as their parts come, and returns their facts."""
    types = dict.fromkeys(_NAMES, _COUNT) | {"tokens": token_type}
    arrays = {name: _GrowingArray(directory / f"{name}.bin", files[name], types[name]) for name in _NAMES}
    arrays["sentence_starts"].append(np.zeros(1, np.int64))
    arrays["document_starts"].append(np.zeros(1, np.int64))
    counts = np.zeros(vocab_size, np.int64)
    held_out: list[int] = []
    read = 0  # documents of the corpus so far; those without a single piece are not in the store
    for part in tokenized:
        tokens_before, sentences_before = arrays["tokens"].length, arrays["sentence_starts"].length - 1
        documents_before = arrays["document_starts"].length - 1
        kept = part.document_lengths > 0
        numbers = read + np.flatnonzero(kept)
        read += len(kept)
        sentence_ends = np.cumsum(part.sentence_lengths)
        document_ends = np.cumsum(part.document_lengths[kept])
        arrays["tokens"].append(part.tokens)
        arrays["sentence_starts"].append(tokens_before + sentence_ends)
        arrays["document_starts"].append(sentences_before + document_ends)
        counts += np.bincount(part.tokens, minlength=vocab_size)
        for place in [place for place, number in enumerate(numbers.tolist()) if is_held_out(number)]:
            held_out.append(documents_before + place)
            first, end = document_ends[place] - part.document_lengths[kept][place], document_ends[place]
            first_token, end_token = np.append(0, sentence_ends)[[first, end]]
            counts -= np.bincount(part.tokens[first_token:end_token], minlength=vocab_size)
    if arrays["tokens"].length == 0:
        raise InputError("the corpus holds no text that the tokenizer makes a piece of; text was expected")
    arrays["held_out"].append(np.array(held_out, np.int64))
    arrays["training_counts"].append(counts)
    return {
        "documents": arrays["document_starts"].length - 1,
        "sentences": arrays["sentence_starts"].length - 1,
        "files": {name: array.facts() for name, array in arrays.items()},
    }


class _GrowingArray:
    """An array that is written to a file part by part."""

    def __init__(self, path: Path, file: IO[bytes], stored_type: str):
        self.path, self.file, self.type, self.length, self.checksum = path, file, stored_type, 0, 0

    def append(self, part: np.ndarray) -> None:
        content = part.astype(self.type, copy=False)
        try:
            self.file.write(content)
        except OSError as error:  # several files are open, and this is the one that could not be written
            raise InputError(writing_failed(self.path, error)) from error
        self.checksum = zlib.crc32(content, self.checksum)
        self.length += len(content)

    def facts(self) -> dict:
        return {"type": self.type, "length": self.length, "crc32": self.checksum}
