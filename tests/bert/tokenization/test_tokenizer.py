"""Both tokenizers have everything that the type ``Tokenizer`` names."""

import inspect

import pytest

from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

NAMES = [name for name in vars(Tokenizer) if not name.startswith("_")]


@pytest.fixture(scope="module")
def tokenizers():
    model = train_sentencepiece(["to be or not to be", "that is the question"], 20)
    return WordPieceTokenizer([*SPECIAL_TOKENS, "to", "be"]), SentencePieceTokenizer(model)


@pytest.mark.parametrize("name", [*NAMES, *Tokenizer.__annotations__, "__call__"])
def test_a_tokenizer_has_what_its_type_names_with_the_same_parameters(tokenizers, name):
    expected = vars(Tokenizer).get(name)
    for tokenizer in tokenizers:
        value = getattr(tokenizer, name)
        if inspect.isfunction(expected):
            parameters = [*inspect.signature(expected).parameters.values()][1:]
            assert [*inspect.signature(value).parameters.values()] == parameters
