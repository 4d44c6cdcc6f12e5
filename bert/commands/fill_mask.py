"""Filling in blanks: the masked language model's own task, on one text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bert.adaptation.loading import Source, source_of
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.errors import InputError
from bert.files.terminal import print_line
from bert.heads.batch import Batch
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.tasks.prediction import window_scores
from bert.tasks.windows import Window
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class Filling:
    """A piece for a blank, and its probability."""

    piece: str
    probability: float


def print_fillings(directory: str, text: str) -> None:
    """Loads a model and prints the five best pieces for each ``[MASK]``."""
    source = source_of(directory)
    model = load_filler(source)
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, model.config, directory)
    for number, fillings in enumerate(fill_mask(model, tokenizer, text), start=1):
        print_line(f"[MASK] {number}:")
        for filling in fillings:
            print_line(f"  {filling.probability:6.1%}  {filling.piece}")


def load_filler(source: Source) -> BertForPreTraining | BertForCloze:
    """The model of a run that fills blanks. Raises an InputError if it has no such head."""
    if "left-to-right" in source.config().variant:
        raise InputError(
            f"{source}: reads from left to right, so it fills no blanks: it sees nothing of what comes after one; name "
            f"a run that attends to both sides"
        )
    if source.adapter is None:
        # The pooler and next sentence prediction are not used here. A model pretrained without them may lack both.
        return load_checkpoint(source.directory, BertForPreTraining, fresh=("bert.pooler", "next_sentence"))
    if source.is_of(BertForCloze):
        return source.load(BertForCloze)
    raise InputError(
        f"{source}: is an adapter without the head of masked language modelling; name a run of cloze questions, or a "
        f"pretraining run"
    )


def fill_mask(
    model: BertForPreTraining | BertForCloze, tokenizer: Tokenizer, text: str, top: int = 5
) -> list[list[Filling]]:
    """The most probable pieces for each ``[MASK]`` in the text's order. The most probable comes first.

    As in pretraining, no blank knows the others' fillings. Special tokens are never suggested. Their probability is
    not shared out among the others. Raises an InputError if the text has no ``[MASK]``, or is too long for the model.
    Also if the model's scores are not finite.
    """
    return fill_windows(model, tokenizer, [blanks_of(tokenizer, text, model.config.max_position_embeddings)], top)[0]


def blanks_of(tokenizer: Tokenizer, text: str, longest: int) -> Window:
    """The model's input for a text, and where its blanks are. Raises an InputError as ``fill_mask`` does."""
    encoding = tokenizer(text)
    if len(encoding) > longest:
        raise InputError(f"the text is {len(encoding):,} tokens long, and this model reads {longest:,}; shorten it")
    positions = [position for position, token in enumerate(encoding.input_ids) if token == tokenizer.mask_token_id]
    if not positions:
        raise InputError("the text has no blank: write [MASK] in place of a word")
    return Window(
        input_ids=np.array(encoding.input_ids, np.int32),
        token_type_ids=np.array(encoding.token_type_ids, np.int8),
        selected=positions,
    )


def fill_windows(
    model: BertForPreTraining | BertForCloze, tokenizer: Tokenizer, windows: Sequence[Window], top: int = 5
) -> list[list[list[Filling]]]:
    """The most probable pieces for each blank of each window. Raises an InputError if scores are not finite."""

    def score(batch: Batch) -> Tensor:
        """(blanks, top, 2): the best pieces, and their probabilities. float32 holds each id exactly."""
        states = model.bert(**batch.inputs).last_hidden_state  # (blanks, hidden_size)
        logits = model.masked_language_model(states, model.word_embeddings)
        if not logits.isfinite().all():
            raise InputError(
                "the model's scores are not finite numbers: its weights are too large; use another checkpoint"
            )
        probabilities = logits.float().softmax(dim=-1)[:, : tokenizer.vocab_size]
        probabilities[:, sorted(tokenizer.special_token_ids)] = 0
        best = probabilities.topk(min(top, probabilities.shape[-1]))
        return torch.stack([best.indices.float(), best.values], dim=-1)

    scores = window_scores(model, [[window] for window in windows], score, lambda window: len(window.selected or ()))
    return [
        [
            [Filling(tokenizer.id_to_token(int(piece)), probability) for piece, probability in blank]
            for blank in only.tolist()
        ]
        for (only,) in scores
    ]
