"""Vocabularies learned from a run's own texts: the same each time, with case and umlauts, as large as can be."""

import pydoc_data.topics

import pytest

from bert.checkpoints.vocabulary import load_tokenizer, save_tokenizer
from bert.errors import InputError
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from finetuning.vocabularies import learn_vocabulary

SENTENCES = (
    "Zwei junge Männer stehen draußen vor einer grünen Tür.",
    "Ein Mädchen in einem weißen Kleid läuft über die Straße.",
    "Mehrere Männer mit Schutzhelmen bedienen ein Antriebsradsystem.",
    "Two young, white males are outside near many bushes.",
    "A well-known man (in a blue shirt) doesn't wait: he runs!",
)
ENGLISH = "\n".join(text for _, text in sorted(pydoc_data.topics.topics.items())).split("\n")[:600]
TEXTS = [*SENTENCES * 3, *ENGLISH]


def learn(kind, size=500, texts=TEXTS):
    lines = []
    tokenizer = learn_vocabulary(iter(texts), size, kind, lambda *said: lines.extend(said))
    return tokenizer, lines


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_a_vocabulary_has_the_asked_size_and_the_special_tokens_first(kind):
    tokenizer, lines = learn(kind)
    assert tokenizer.vocab_size == 500
    assert tuple(tokenizer.vocabulary[:5]) == SPECIAL_TOKENS
    assert lines == []
    assert tokenizer.mask_token_id == 4


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_the_same_texts_give_the_same_vocabulary_and_others_another(kind):
    assert learn(kind)[0].fingerprint == learn(kind)[0].fingerprint
    assert learn(kind)[0].fingerprint != learn(kind, texts=TEXTS[:9])[0].fingerprint


def test_sentencepiece_gives_a_text_back_with_case_umlauts_and_marks():
    tokenizer, _ = learn("sentencepiece")
    for text in SENTENCES:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "Ü" not in "".join(TEXTS) and tokenizer.unk_token_id in tokenizer.encode("Übung")  # the control
    assert tokenizer.encode("Männer") != tokenizer.encode("männer")
    assert tokenizer.decode(tokenizer.encode("Ma\u0308nner")) == "Männer"  # an umlaut written as two characters


def test_wordpiece_keeps_case_and_umlauts_but_sets_marks_apart():
    tokenizer, _ = learn("wordpiece")
    assert tokenizer.decode(tokenizer.encode("Männer über Straßen.")) == "Männer über Straßen."
    assert tokenizer.decode(tokenizer.encode("well-known")) == "well - known"


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_texts_too_few_for_the_size_give_what_they_can_and_a_note(kind):
    tokenizer, lines = learn(kind, 8000)
    assert 500 < tokenizer.vocab_size < 8000
    (line,) = lines
    assert line.startswith("Note: ") and str(tokenizer.vocab_size) in line and line.endswith(".")


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_no_text_and_too_small_a_size_are_refused(kind):
    with pytest.raises(InputError, match=r"no text|no character occurs"):
        learn(kind, texts=["", "  "])
    with pytest.raises(InputError, match="special tokens alone are 5"):
        learn(kind, 5)


@pytest.mark.parametrize(("kind", "file"), [("sentencepiece", "spm.model"), ("wordpiece", "vocab.txt")])
def test_a_learned_vocabulary_is_the_same_after_it_was_saved(kind, file, tmp_path):
    tokenizer, _ = learn(kind)
    save_tokenizer(tmp_path, tokenizer)
    assert (tmp_path / file).exists()
    assert load_tokenizer(tmp_path).encode(TEXTS[3]) == tokenizer.encode(TEXTS[3])


def test_a_character_that_is_there_once_has_a_piece_unless_there_are_too_many_of_them():
    texts = [*TEXTS, "Übung"]
    tokenizer, _ = learn("sentencepiece", texts=texts)
    assert tokenizer.decode(tokenizer.encode("Über")) == "Über"
    chinese = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))  # the rare characters of a text of many scripts
    tokenizer, _ = learn("sentencepiece", texts=[*TEXTS, chinese])
    assert any(tokenizer.unk_token_id in tokenizer.encode(character) for character in chinese)
    assert tokenizer.decode(tokenizer.encode("Männer")) == "Männer"
