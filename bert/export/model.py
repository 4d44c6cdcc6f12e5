"""The model of a run as it is exported: with its head, whole, and with its tokenizer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert.adaptation.adapt import merge
from bert.adaptation.loading import Source, source_of
from bert.checkpoints.directory import load_checkpoint, parts_of_checkpoint
from bert.checkpoints.sentence_transformers import read_sentence_modules, width_of
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.errors import InputError
from bert.export.forms import SentenceVectors
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.tasks.classification.read import MULTI, REGRESSION, SINGLE
from bert.tasks.kinds import KINDS
from bert.tasks.task import Kind
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

_KIND_OF_PROBLEM = {SINGLE: "single-label", MULTI: "multi-label", REGRESSION: "regression"}


@dataclass(frozen=True)
class Exported:
    """What is exported.

    Attributes:
        source: where it comes from.
        model: a BertModel, a model with a head, or a SentenceVectors.
        kind: of its task. None: it has none.
        longest: the most tokens of an input. None: the run's ``task.json`` says it, or the model reads any length.
        prompt: goes before each text.
    """

    source: Source
    model: Any
    tokenizer: Tokenizer
    kind: Kind | None = None
    longest: int | None = None
    prompt: str = ""


def read_exported(run: str | Path) -> Exported:
    """Loads a run. An adapter becomes part of its body's weights, if it can.

    A directory of sentence-transformers makes vectors. Another one has the head with which it was saved; one without a
    head is exported as an encoder, with its pooler if it has one.

    Raises an InputError if a file is damaged or missing.
    """
    modules = read_sentence_modules(run)
    if modules is not None:
        source = source_of(modules.directory)
        model, tokenizer = source.load_encoder(), source.tokenizer()
        width_of(modules, model.config.hidden_size, modules.poolings)  # or they do not fit
        if modules.lowercase and isinstance(tokenizer, WordPieceTokenizer):
            tokenizer = tokenizer.lowercased()
        longest = min(model.config.max_position_embeddings, modules.max_length or model.config.max_position_embeddings)
        model = SentenceVectors(model, modules).eval()
        exported = Exported(source, model, tokenizer, None, longest, modules.prompt())
    else:
        source = source_of(run)
        kind = next((kind for kind in KINDS.values() if source.is_of(kind.head)), None)
        model = source.load(kind.head) if kind is not None else _without_task(source)
        if isinstance(model, BertForSequenceClassification):
            kind = KINDS[_KIND_OF_PROBLEM[model.problem_type]]
        if source.adapter is not None and source.adapter.method.merges and kind is not None:
            merge(model)
        exported = Exported(source, model, source.tokenizer(), kind)
    check_vocabulary_fits(exported.tokenizer, source.config(), str(source))
    if variant := source.config().variant:
        raise InputError(f"{run}: is a variant of BERT ({variant}), and the exported forms are the paper's model")
    return exported


def _without_task(source: Source) -> Any:
    """A pretrained model with the heads that its checkpoint has, or an encoder."""
    if source.adapter is not None:
        return source.load_encoder()
    parts = parts_of_checkpoint(source.directory)
    if {"masked_language_model", "next_sentence", "bert.pooler"} <= parts:
        return load_checkpoint(source.directory, BertForPreTraining)
    if "masked_language_model" in parts:
        return load_checkpoint(source.directory, BertForCloze, num_labels=1)  # of which only the scores are used
    has_pooler = not parts.isdisjoint({"bert.pooler", "pooler"})
    return load_checkpoint(source.directory, BertModel, with_pooler=has_pooler)
