"""The tokenized corpus on disk: made once, in parallel, and then read as if it were in memory.

    tokens.bin           the ids of all sentences, end to end           uint16, or uint32 for a large vocabulary
    sentence_starts.bin  the first token of each sentence, and the end  int64
    document_starts.bin  the first sentence of each document, ...       int64
    held_out.bin         the indices of the held-out documents          int64, ascending
    training_counts.bin  how often each id occurs in the others         int64, one for each id
    facts.json           metadata: what made them, lengths, checksums

Little-endian, without headers, memory-mapped: a corpus may be larger than the memory. ``write_corpus`` removes the
metadata first and writes it last. So files without metadata are the remains of a crash, and files with it are whole.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.reading import open_to_read
from bert.files.whole import atomic_file, sweep, write_atomically, writing_failed
from bert.tokenization.tokenizer import Tokenizer
from data.corpus.held_out import is_held_out
from data.corpus.tokenizing import TokenizedDocuments, tokenize_documents

_FORMAT = 1
_METADATA = "facts.json"
_SMALL, _LARGE, _COUNT = "<u2", "<u4", "<i8"
_ARRAYS = ("tokens", "sentence_starts", "document_starts", "held_out", "training_counts")


@dataclass(frozen=True)
class TokenizedCorpus:
    """A tokenized corpus. The arrays are read-only and memory-mapped.

    Attributes:
        tokens: (tokens,) ids, no special tokens added.
        sentence_starts: (sentences + 1,) int64: sentence s is tokens[sentence_starts[s] : sentence_starts[s + 1]].
            No sentence is empty.
        document_starts: (documents + 1,) int64: document d is the sentences from document_starts[d] to
            document_starts[d + 1], this one not included. No document is empty.
        held_out: (held_out,) int64, ascending: the indices of the held-out documents.
        training_counts: (vocab_size,) int64: how often each id occurs in the other documents.
        checksum: of all arrays. Another corpus or vocabulary has another one.
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
    documents: Iterable[list[str]],
    tokenizer: Tokenizer,
    directory: str | Path,
    processes: int = 1,
    fingerprint: str = "",
) -> TokenizedCorpus:
    """Tokenizes ``documents`` into ``directory`` and opens the result.

    If the directory holds a tokenized corpus with this fingerprint and tokenizer already, it is opened as it is, and
    ``documents`` is not read. The result does not depend on ``processes``.

    Args:
        documents: each a list of sentences (``data.text.corpora``, ``data.text.python_docs``).
        directory: made if missing; a tokenized corpus in it that differs is replaced.
        processes: workers that tokenize, besides this process, which reads and writes. With 1 it tokenizes as well.
        fingerprint: of the text; an empty one never matches.

    Raises:
        InputError: if the text cannot be read or has no token, or if the disk is full.
    """
    directory = Path(directory)
    if holds_corpus(directory, tokenizer, fingerprint):
        with suppress(InputError):  # damaged: it is made anew
            return open_corpus(directory)
    fingerprint = _fingerprint(tokenizer, fingerprint)
    _refuse_other_metadata(directory)
    try:
        (directory / _METADATA).unlink(missing_ok=True)
    except OSError as error:  # for example, a file has the directory's name
        raise InputError(writing_failed(directory, error)) from None
    sweep(directory, [f"{name}.bin" for name in _ARRAYS])
    token_type = _SMALL if tokenizer.vocab_size <= 1 << 16 else _LARGE
    with ExitStack() as stack:
        parts = stack.enter_context(closing(tokenize_documents(documents, tokenizer, token_type, processes)))
        arrays = {}
        for name in _ARRAYS:
            path = directory / f"{name}.bin"
            file = stack.enter_context(atomic_file(path))
            arrays[name] = _GrowingArray(path, file, token_type if name == "tokens" else _COUNT)
        _write_arrays(parts, arrays, tokenizer.vocab_size)
    metadata = {
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "documents": arrays["document_starts"].length - 1,
        "sentences": arrays["sentence_starts"].length - 1,
        "files": {name: array.metadata() for name, array in arrays.items()},
    }
    write_atomically(directory / _METADATA, json.dumps(metadata, indent=1))
    return open_corpus(directory)


def holds_corpus(directory: str | Path, tokenizer: Tokenizer, fingerprint: str) -> bool:
    """Whether ``directory`` says that it holds a text as this tokenizer's ids. An empty fingerprint never matches."""
    with suppress(InputError):  # it is missing, or damaged
        found = read_json_object(Path(directory) / _METADATA).get("fingerprint")
        return bool(fingerprint) and found == _fingerprint(tokenizer, fingerprint)
    return False


def _fingerprint(tokenizer: Tokenizer, fingerprint: str) -> str:
    """Of a text as a tokenizer's ids."""
    return hashlib.sha256(f"{fingerprint} {tokenizer.fingerprint}".encode()).hexdigest() if fingerprint else ""


def open_corpus(directory: str | Path) -> TokenizedCorpus:
    """The tokenized corpus in ``directory``, memory-mapped.

    Raises an InputError if a file is missing, or is not as ``write_corpus`` wrote it.
    """
    directory = Path(directory)
    metadata = read_json_object(directory / _METADATA)
    arrays, checksums = {}, []
    try:
        if metadata["format"] != _FORMAT:
            raise InputError(
                f"{directory}: a tokenized corpus of format {metadata['format']}; {_FORMAT} was expected. Remove it, "
                "and it is made anew"
            )
        for name in _ARRAYS:
            stored = metadata["files"][name]
            arrays[name] = _open_array(directory / f"{name}.bin", stored["type"], stored["length"], stored["crc32"])
            checksums.append(f"{stored['crc32']:08x}")
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{directory / _METADATA}: lacks {error}; remove {directory}, and it is made anew") from None
    return TokenizedCorpus(**arrays, checksum="-".join(checksums))


def _open_array(path: Path, stored_type: str, length: int, checksum: int) -> np.ndarray:
    remedy = f"remove {path.parent}, and it is made anew"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {remedy}")
    if stored_type not in ((_SMALL, _LARGE) if path.stem == "tokens" else (_COUNT,)) or type(length) is not int:
        raise TypeError(f"{path.stem} of a known type and length")
    expected = np.dtype(stored_type).itemsize * length
    if path.stat().st_size != expected:
        raise InputError(f"{path}: has {path.stat().st_size:,} bytes, but {expected:,} were written; {remedy}")
    if _checksum(path) != checksum:
        raise InputError(f"{path}: is damaged (its checksum differs); {remedy}")
    if length == 0:
        return np.zeros(0, stored_type)  # an empty file cannot be mapped
    return np.memmap(path, stored_type, mode="r").view(np.ndarray)


def _checksum(path: Path) -> int:
    """Reads the file instead of mapping it: mapped pages count as this process's memory."""
    checksum = 0
    with open_to_read(path) as file:
        while part := file.read(1 << 22):
            checksum = zlib.crc32(part, checksum)
    return checksum


def _refuse_other_metadata(directory: Path) -> None:
    """Raises an InputError if the directory has a facts.json without our arrays: it is somebody else's file."""
    path = directory / _METADATA
    if os.path.isfile(path) and not any(os.path.exists(directory / f"{name}.bin") for name in _ARRAYS):
        raise InputError(
            f"{path}: is not of a tokenized corpus, and would be replaced; name another directory (--shards)"
        )


class _GrowingArray:
    """An array that is written to a file part by part."""

    def __init__(self, path: Path, file: IO[bytes], stored_type: str):
        self.path, self.file, self.type, self.length, self.checksum = path, file, stored_type, 0, 0

    def append(self, part: np.ndarray) -> None:
        content = part.astype(self.type, copy=False).data
        try:
            self.file.write(content)
        except OSError as error:  # several files are open; only here do we know which one failed
            raise InputError(writing_failed(self.path, error)) from error
        self.checksum = zlib.crc32(content, self.checksum)
        self.length += len(content)

    def metadata(self) -> dict[str, Any]:
        return {"type": self.type, "length": self.length, "crc32": self.checksum}


def _write_arrays(parts: Iterable[TokenizedDocuments], arrays: Mapping[str, _GrowingArray], vocab_size: int) -> None:
    """Writes the arrays part by part, as the tokenized documents come."""
    arrays["sentence_starts"].append(np.zeros(1, np.int64))
    arrays["document_starts"].append(np.zeros(1, np.int64))
    training_counts = np.zeros(vocab_size, np.int64)
    documents_read = 0  # including documents without a token, which are dropped
    for part in parts:
        tokens_before, sentences_before = arrays["tokens"].length, arrays["sentence_starts"].length - 1
        documents_before = arrays["document_starts"].length - 1
        kept = np.flatnonzero(part.document_lengths)
        document_lengths = part.document_lengths[kept]  # (documents,) in sentences
        # The index among all documents decides, not the index among those kept.
        held_out = np.array([is_held_out(documents_read + index) for index in kept.tolist()], bool)  # (documents,)
        token_held_out = np.repeat(np.repeat(held_out, document_lengths), part.sentence_lengths)  # (tokens,)
        arrays["tokens"].append(part.tokens)
        arrays["sentence_starts"].append(tokens_before + np.cumsum(part.sentence_lengths))
        arrays["document_starts"].append(sentences_before + np.cumsum(document_lengths))
        arrays["held_out"].append(documents_before + np.flatnonzero(held_out))
        training_counts += np.bincount(part.tokens[~token_held_out], minlength=vocab_size)
        documents_read += len(part.document_lengths)
    if arrays["tokens"].length == 0:
        raise InputError("the corpus holds no text that the tokenizer makes a piece of; text was expected")
    arrays["training_counts"].append(training_counts)
