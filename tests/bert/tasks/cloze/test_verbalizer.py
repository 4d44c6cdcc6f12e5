"""Words -> pieces: each word once, none of them unknown or special."""

import pytest

from bert.errors import InputError
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.cloze.verbalizer import make_verbalizer, unknown_in_patterns, words_in_pieces
from bert.tasks.options import Patterns
from tests.bert.tasks.conftest import TOKENIZER


def patterns(**words):
    return patterns_of({"patterns": "{text} [MASK]", "words": words}, "p.toml")


def test_words_are_pieces_label_by_label():
    verbalizer = make_verbalizer(TOKENIZER, patterns(few=["bird", "king"], many=["birds"]))
    bird, king, s = (TOKENIZER.token_to_id(piece) for piece in ("bird", "king", "##s"))
    assert verbalizer.words == ((bird,), (king,), (bird, s))
    assert verbalizer.label_of_word == (0, 0, 1)
    assert (verbalizer.lengths, verbalizer.most_pieces) == ((1, 2), 2)
    assert verbalizer.table.tolist() == [[bird, -1], [king, -1], [bird, s]]


def test_words_of_several_pieces_are_shown_with_them():
    assert words_in_pieces(TOKENIZER, patterns(few=["bird"], many=["birds"])) == ["birds (bird ##s)"]
    assert words_in_pieces(TOKENIZER, patterns(few=["bird"], many=["kings", "song"])) == ["kings (king ##s)"]


def test_a_pattern_with_a_word_that_the_vocabulary_cannot_spell_is_found():
    texts = ["{text} bird [MASK]", "{text} xylophone [MASK]", "[MASK] {text}", "😀 [MASK] {text_pair}"]
    patterns = Patterns("p.toml", tuple(texts), {"few": ("bird",), "many": ("birds",)})
    assert unknown_in_patterns(TOKENIZER, patterns) == [2, 4]


@pytest.mark.parametrize(("words", "message"), [
    ({"a": "bird", "b": "xylophone"}, "p.toml: words of b: 'xylophone' is unknown to the checkpoint's vocabulary"),
    ({"a": "bird", "b": "\u200b"}, "words of b: .* is unknown"),
    ({"a": "bird", "b": "[SEP]"}, r"words of b: '\[SEP\]' has the special token \[SEP\]"),
    ({"a": "bird", "b": "[UNK]"}, "words of b: .* is unknown"),
    ({"a": ["bird", "king"], "b": ["Bird"]}, "words of b: 'Bird' is the same as 'bird' to the vocabulary"),
    ({"a": ["bird", "bird"], "b": ["king"]}, "words of a: 'bird' is the same as 'bird'"),
])  # fmt: skip
def test_a_word_that_cannot_fill_a_blank_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        make_verbalizer(TOKENIZER, patterns(**words))
