"""Tagging words as transformers' users do it: rows, and a score by seqeval.

It follows the documentation of BertForTokenClassification. A word's first token has its label; the other tokens and the
special tokens have -100. Words beyond MAX_LENGTH are neither trained on nor scored. In CoNLL-2003 three dev sentences
have such words; ours reads them in windows. ``benchmarks.finetuning`` compares train_finetune.py with it.
"""

from pathlib import Path

import torch

from benchmarks.transformers_classifier import MAX_LENGTH
from bert.heads.loss import IGNORE_INDEX
from bert.tasks.options import Columns
from bert.tasks.tagging.read import find_tags, read_sentences
from finetuning.known_tasks import KNOWN_TASKS, find_file

TASKS = {"conll2003": "conll2003"}  # their folders


def their_task(task: str, data: Path, checkpoint: str):
    """The model, the rows by set, a function that makes batches, and one that scores the model on batches."""
    import transformers  # only here: it takes seconds

    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    rows, labels = their_rows(task, data, tokenizer)
    model = transformers.BertForTokenClassification.from_pretrained(
        checkpoint, id2label=dict(enumerate(labels)), dtype=torch.float32
    )
    return model, rows, transformers.DataCollatorForTokenClassification(tokenizer), their_score


def their_rows(task: str, data: Path, tokenizer) -> tuple[dict[str, list[dict]], list[str]]:
    """Training and dev sentences in the form of transformers' collator, and the tags' names."""
    known = KNOWN_TASKS[task]
    paths = {"train": find_file(data, known.train), "dev": find_file(data, known.dev)}
    sentences = {name: list(read_sentences(path, Columns(), labelled=True)) for name, path in paths.items()}
    labels = find_tags(sentences["train"], str(paths["train"]))
    numbers = {label: number for number, label in enumerate(labels)}
    rows: dict[str, list[dict]] = {name: [] for name in sentences}
    for name, chosen in sentences.items():
        words = [list(sentence.words) for sentence in chosen]
        encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=MAX_LENGTH)
        for row, sentence in enumerate(chosen):
            word_ids = encoded.word_ids(row)
            first = [word is not None and word != before for word, before in zip(word_ids, [None, *word_ids])]
            row_labels = [
                numbers[sentence.tags[word]] if is_first else IGNORE_INDEX for word, is_first in zip(word_ids, first)
            ]
            rows[name].append({field: encoded[field][row] for field in encoded} | {"labels": row_labels})
    return rows, labels


@torch.inference_mode()
def their_score(model, batches) -> float:
    """Entity-level F1 of transformers' model on a set, by seqeval (which counts like conlleval)."""
    from seqeval.metrics import f1_score

    model.eval()
    names = model.config.id2label
    true, predicted = [], []
    for batch in batches:
        for guesses, labels in zip(model(**batch).logits.argmax(dim=-1).tolist(), batch["labels"].tolist()):
            pairs = [(names[label], names[guess]) for guess, label in zip(guesses, labels) if label != IGNORE_INDEX]
            true.append([label for label, _ in pairs])
            predicted.append([guess for _, guess in pairs])
    return float(f1_score(true, predicted))
