"""Heads of fine-tuned runs in the page: classes of a text, tags of its words, and answers to questions.

A head is a dictionary with its ``kind`` and with what the page needs to know of it. ``page/fine_tuned.js`` has a
function for each kind.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from bert.adaptation.adapt import merge
from bert.adaptation.loading import Source
from bert.errors import InputError
from bert.explore.heads import POSITIONS, ExploredModel
from bert.generation.model import BertForConditionalGeneration
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.embedding import BertForRetrieval, BertForSimilarity
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.options import Options
from bert.tasks.spans.inputs import LONGEST_QUESTION
from bert.tasks.spans.predict import CANDIDATES, LONGEST_ANSWER
from bert.tasks.tagging.schemes import are_entities

CLASSIFICATION, TAGGING, SPANS = "classification", "tagging", "spans"


def _classification(model: BertForSequenceClassification, options: Options) -> dict:
    return {"kind": CLASSIFICATION, "labels": model.labels, "problem": model.problem_type, "pool": model.pool}


def _tagging(model: BertForTokenClassification, options: Options) -> dict:
    return {
        "kind": TAGGING, "labels": model.labels, "fitting": options.fitting_tags,
        "entities": are_entities(model.labels),
    }  # fmt: skip


def _spans(model: BertForQuestionAnswering, options: Options) -> dict:
    return {
        "kind": SPANS, "null_threshold": options.null_threshold, "longest_question": LONGEST_QUESTION,
        "longest_answer": LONGEST_ANSWER, "candidates": CANDIDATES,
    }  # fmt: skip


HEADS: dict[type[nn.Module], Callable[[Any, Options], dict]] = {
    BertForSequenceClassification: _classification,
    BertForTokenClassification: _tagging,
    BertForQuestionAnswering: _spans,
}
WITHOUT_PAGE: dict[type[nn.Module], str] = {
    BertForSimilarity: "gives each text a vector",
    BertForRetrieval: "gives each text a vector",
    BertForMultipleChoice: "chooses among several continuations",
    BertForRelationExtraction: "reads two marked entities",
    BertForExtractiveSummarization: "chooses sentences of a document",
    BertForConditionalGeneration: "has a decoder beside the encoder",
}


def fine_tuned_head(source: Source) -> type[nn.Module] | None:
    """The class of a fine-tuned run's model. None: it is none of ``HEADS``, perhaps a pretraining run's.

    Raises an InputError if the page cannot show such a model.
    """
    for model_class, does in WITHOUT_PAGE.items():
        if source.is_of(model_class):
            raise InputError(
                f"{source}: its model {does}, which the page cannot show; name a pretraining run, or one that was "
                f"fine-tuned for classes, tags or answers"
            )
    found = next((model_class for model_class in HEADS if source.is_of(model_class)), None)
    if source.adapter is None:
        return found
    if found is None or not source.adapter.method.merges:
        name = source.adapter.method.name
        lacks = "no head that the page shows" if found is None else f"{name}, which cannot become part of the weights"
        raise InputError(
            f"{source}: holds an adapter with {lacks}; name a run that was fine-tuned whole, or with --adapt lora for "
            f"classes, tags or answers"
        )
    return found


def read_fine_tuned(source: Source, model_class: type[nn.Module], options: Options, max_length: int) -> ExploredModel:
    """The model of a fine-tuned run. An adapter becomes part of its body's weights.

    Args:
        model_class: as ``fine_tuned_head`` found it.
        options: how the run reads texts.
        max_length: the page's longest input, in tokens.

    Raises an InputError if a file is damaged.
    """
    model: Any = source.load(model_class)
    if source.adapter is not None:
        merge(model)
    weights = dict(model.state_dict())
    weights[POSITIONS] = weights[POSITIONS][:max_length]
    return ExploredModel(model.config, [HEADS[model_class](model, options)], weights)
