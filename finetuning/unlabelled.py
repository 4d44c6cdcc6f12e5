"""What a cloze task reads beside its labelled texts: nothing, or unlabelled texts with masked tokens."""

import numpy as np

from bert.errors import InputError
from bert.files.tables import table_format
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.cloze.task import ClozeTask, MaskedWindow
from bert.tasks.cloze.verbalizer import unknown_in_patterns, words_in_pieces
from bert.tasks.options import Columns
from bert.tasks.task import TaskSet
from bert.tasks.windows import Window
from bert.tokenization.special_tokens import UNK
from bert.tokenization.tokenizer import Tokenizer
from data.pretraining.masking import mask_budgets, mask_tokens
from finetuning.settings import FinetuningSettings

TEXTS_AT_A_TIME = 1_024


def read_beside(task: ClozeTask, settings: FinetuningSettings, columns: Columns) -> list[str]:
    """Adds the unlabelled texts to the task, if there are any. Returns notes for the user."""
    notes = []
    patterns = task.options.patterns
    if patterns is not None and (words := words_in_pieces(task.tokenizer, patterns)):
        notes.append(
            f"Note: of the words, {', '.join(words)} are of several pieces, so that a blank has several masks and a "
            f"prediction takes several passes; words of one piece are simpler."
        )
    if patterns is not None and (numbers := unknown_in_patterns(task.tokenizer, patterns)):
        notes.append(
            f"Note: pattern {', '.join(map(str, numbers))}: a word is unknown to the checkpoint's vocabulary, and is "
            f"{UNK} to the model; another word is better."
        )
    if settings.unlabelled is not None:
        texts = masked_texts(task, settings.unlabelled, columns, settings.seed)
        task.add_unlabelled(texts)
        notes.append(
            f"{len(texts):,} unlabelled texts stand beside the labelled ones, three by each; an epoch has every one."
        )
    if settings.zero_shot:
        task.sets["train"] = TaskSet([], [], [], 0)  # it was the validation set's examples
    return notes


def read_unlabelled(path: str, columns: Columns) -> list[Example]:
    """The texts or pairs of a file, without labels. A plain text has one in each line."""
    if table_format(path) == "txt":
        columns = columns._replace(text="text", text_pair=None)
    return list(read_examples(path, columns, labelled=False))


def masked_texts(task: ClozeTask, path: str, columns: Columns, seed: int) -> list[MaskedWindow]:
    """The texts of a file with masked tokens, drawn once. A text without a token is left out.

    Raises:
        InputError: if the file cannot be read, or has no text.
    """
    examples = read_unlabelled(path, columns)
    windows = [window for parts in text_inputs(task.tokenizer, examples, task.options).windows for window in parts]
    shown = [window for window in windows if not task.tokenizer.special_token_ids.issuperset(window.input_ids.tolist())]
    if not shown:
        raise InputError(f"{path}: holds no text with a token of the vocabulary; unlabelled texts were expected")
    masked = []
    for start in range(0, len(shown), TEXTS_AT_A_TIME):
        masked += mask_windows(task.tokenizer, shown[start : start + TEXTS_AT_A_TIME], start, seed)
    return masked


def mask_windows(tokenizer: Tokenizer, windows: list[Window], first: int, seed: int) -> list[MaskedWindow]:
    """The windows with 15 % of their tokens masked, as in pretraining.

    Args:
        first: the number of the first window, which names its random numbers.
    """
    lengths = np.array(list(map(len, windows)))
    ids = np.full((len(windows), lengths.max()), tokenizer.pad_token_id)
    for row, window in zip(ids, windows):
        row[: len(window)] = window.input_ids
    special = [tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id]
    maskable = ~np.isin(ids, special)
    masked, selected = mask_tokens(  # fewer than 15 % if a text spells special tokens
        ids, maskable, mask_budgets(lengths), first + np.arange(len(windows)), seed, 0, tokenizer.mask_token_id,
        tokenizer.vocab_size,
    )  # fmt: skip
    return [
        MaskedWindow(
            input_ids=masked[row, : len(window)].astype(np.int32),
            token_type_ids=window.token_type_ids,
            selected=np.flatnonzero(selected[row]).tolist(),
            masked_labels=ids[row][selected[row]].tolist(),
        )
        for row, window in enumerate(windows)
    ]
