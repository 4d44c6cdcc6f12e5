"""Documents with the sentences that summarise them, to train on, in JSON lines; their form and keys are those of
``bert.task_inputs.documents``.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from bert.task_inputs.documents import Document, read_documents
from bert.tokenization.sentence_windows import SentenceWindow, pad_windows
from data.tasks.batches import Batch


def read_summaries(path: str | Path) -> list[Document]:
    """The documents of a file, each with the numbers of its summary's sentences.

    Raises:
        InputError: where a line is not in the form, or a summary is missing or names a sentence that is not there.
    """
    return list(read_documents(path, labelled=True))


def summary_batch(rows: Sequence[tuple[SentenceWindow, Document]], pad_token_id: int) -> Batch:
    """Windows of documents as tensors: input_ids, token_type_ids, attention_mask (batch, seq); and, of the sentences
    that are scored in them, sentence_positions and labels (sentences,), 1.0 for those of the summary.
    """
    padded = pad_windows([window for window, _ in rows], pad_token_id)
    labels = [float(sentence in document.summary) for window, document in rows for sentence in window.sentences]
    return {name: torch.from_numpy(values) for name, values in padded.items()} | {"labels": torch.tensor(labels)}
