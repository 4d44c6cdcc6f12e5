"""BERT (Devlin et al. 2018), written from scratch in PyTorch, to be read, run and taken apart.

The public names are imported when they are first used (PEP 562), so that the worker processes that
tokenize a corpus, which need ``bert.tokenization`` alone, do not each load PyTorch.
"""

from importlib import import_module

_HOME = {
    "BertConfig": "bert.config",
    "BertModel": "bert.model.bert",
    "BertForPreTraining": "bert.heads.pretraining",
    "BertForSequenceClassification": "bert.heads.sequence",
    "BertForTokenClassification": "bert.heads.token",
    "BertForQuestionAnswering": "bert.heads.span",
    "BertForMultipleChoice": "bert.heads.multiple_choice",
    "BertForRelationExtraction": "bert.heads.relation",
    "BertForExtractiveSummarization": "bert.heads.summary",
    "WordPieceTokenizer": "bert.tokenization.wordpiece",
    "SentencePieceTokenizer": "bert.tokenization.sentencepiece.tokenizer",
    "train_wordpiece": "bert.tokenization.wordpiece_trainer",
    "load_checkpoint": "bert.checkpoints.directory",
    "save_checkpoint": "bert.checkpoints.directory",
    "load_tokenizer": "bert.checkpoints.vocabulary",
    "InputError": "bert.errors",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'bert' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
