"""BERT (Devlin et al. 2018), written from scratch in PyTorch, to be read, run and taken apart.

A public name is imported when it is first used (PEP 562). The workers that tokenize a corpus need
``bert.tokenization`` only, and so do not load PyTorch.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "BertConfig": "bert.config",
    "BertModel": "bert.model.bert",
    "BertForPreTraining": "bert.heads.pretraining",
    "BertForSequenceClassification": "bert.heads.classification",
    "BertForTokenClassification": "bert.heads.tagging",
    "BertForQuestionAnswering": "bert.heads.spans",
    "BertForSimilarity": "bert.heads.embedding",
    "BertForRetrieval": "bert.heads.embedding",
    "BertForMultipleChoice": "bert.heads.choices",
    "BertForRelationExtraction": "bert.heads.relations",
    "BertForExtractiveSummarization": "bert.heads.summaries",
    "BertForConditionalGeneration": "bert.generation.model",
    "EncoderDecoderConfig": "bert.generation.config",
    "WordPieceTokenizer": "bert.tokenization.wordpiece",
    "SentencePieceTokenizer": "bert.tokenization.sentencepiece.tokenizer",
    "train_wordpiece": "bert.tokenization.wordpiece_trainer",
    "load_checkpoint": "bert.checkpoints.directory",
    "save_checkpoint": "bert.checkpoints.directory",
    "load_tokenizer": "bert.checkpoints.vocabulary",
    "InputError": "bert.errors",
}
__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll] (the table is complete when it runs)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'bert' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
