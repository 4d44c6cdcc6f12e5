"""The lessons' texts: the built-in corpus without the documents that the first command holds out.

    python -m benchmarks.lessons.corpus --output texts/

The lessons choose a recipe, and the first command (``python train_pretrain.py``) uses it. No choice may see its
held-out documents, or its figures would be too good. So no lesson reads them. That holds for its pretraining, for its
labelled passages, and for its own held-out documents: ``data.corpus.held_out`` holds out a twentieth of the file again.

    corpus.txt   a sentence per line, a blank line between documents       train_pretrain.py --corpus corpus.txt
    train.tsv    the built-in task, of these documents alone               train_finetune.py --train train.tsv
    dev.tsv      its validation set, of other modules than train.tsv's     train_finetune.py --dev dev.tsv
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.tables import tsv_line
from bert.files.whole import write_atomically
from bert.tasks.classification.read import Example
from data.corpus.held_out import is_held_out
from data.text.corpora import read_documents
from data.text.python_docs import PythonDocument, read_named_python_docs
from finetuning.built_in import library_examples


class Texts(NamedTuple):
    """The files of the lessons' texts."""

    corpus: Path
    train: Path  # of the task
    dev: Path


def write_texts(directory: Path, documents: Iterable[PythonDocument] | None = None) -> Texts:
    """Writes the three files, unless they are there, and returns their paths.

    Args:
        documents: the whole built-in corpus, in its order; None reads it.

    Raises:
        InputError: if a file cannot be written, or the corpus is not read back as it was.
    """
    texts = Texts(directory / "corpus.txt", directory / "train.tsv", directory / "dev.tsv")
    if all(path.exists() for path in texts):
        return texts
    kept = training_documents(read_named_python_docs() if documents is None else documents)
    training, dev = library_examples(kept)
    write_atomically(texts.train, _table(training))
    write_atomically(texts.dev, _table(dev))
    write_atomically(texts.corpus, "\n".join("\n".join([*document.sentences, ""]) for document in kept))
    if list(read_documents([texts.corpus])) != [document.sentences for document in kept]:
        texts.corpus.unlink()
        raise InputError(f"{texts.corpus}: a document of the built-in corpus cannot be written as lines of text")
    return texts


def training_documents(documents: Iterable[PythonDocument]) -> list[PythonDocument]:
    """The documents that the first command trains on, with white space as a file keeps it."""
    return [
        document._replace(sentences=[" ".join(sentence.split()) for sentence in document.sentences])
        for index, document in enumerate(documents)
        if not is_held_out(index)
    ]


def _table(examples: list[Example]) -> str:
    return "".join(map(tsv_line, [("label", "text"), *((example.label, example.first) for example in examples)]))


def main(arguments: list[str] | None = None) -> int:
    """Writes the files and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the files go")
    try:
        for path in write_texts(parser.parse_args(arguments).output):
            print(path)
    except InputError as error:
        print(f"benchmarks.lessons.corpus: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
