"""Tags for texts: each word as the model tags it alone, in order."""

import numpy as np
import torch

from bert.config import BertConfig
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.prediction import predictions
from bert.tasks.tagging.predict import WordTags, best_tags, tag_rows
from bert.tasks.tagging.read import TaggedSentence, words_of
from bert.tasks.tagging.tag_sequences import TagSequences
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = WordPieceTokenizer([*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), "."])
LABELS = ["O", "B-X", "I-X", "B-Y", "I-Y"]


def make_model():
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(70, 12, 2, 3, 14, max_position_embeddings=24), labels=LABELS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        model.bert.embeddings.word_embeddings.weight.mul_(20)
        model.classifier.bias.zero_()
    return model


def predict_tags(model, texts, fitting=False) -> list[list[tuple[str, str]]]:
    """(word, tag) of each word of each text."""
    words = [tuple(text[start:end] for start, end in words_of(text)) for text in texts]
    sentences = [TaggedSentence(number, each, ()) for number, each in enumerate(words)]
    kind, options = KINDS["tagging"], Options(24, fitting_tags=fitting)
    found = predictions(kind, model, TOKENIZER, sentences, options, "here")
    return [[(sentence.words[word], LABELS[tag]) for word, tag in zip(each.words, each.tags)]
            for sentence, each in found]  # fmt: skip


def test_each_word_gets_the_tag_of_its_first_piece(monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: 12)
    model = make_model()
    texts = ["Abc de f.", "", "xyz", "q r s t u v."]
    predicted = predict_tags(model, texts)
    assert [[word for word, _ in tagged] for tagged in predicted] == [
        ["Abc", "de", "f", "."], [], ["xyz"], ["q", "r", "s", "t", "u", "v", "."],
    ]  # fmt: skip
    seen = set()
    for text, tagged in zip(texts, predicted):
        encoding = TOKENIZER(text)
        with torch.no_grad():
            best = model.eval()(torch.tensor([encoding.input_ids])).logits[0].argmax(-1).tolist()
        firsts = {}
        for position, word in enumerate(encoding.word_ids):
            if word is not None:
                firsts.setdefault(word, position)
        assert [tag for _, tag in tagged] == [LABELS[best[position]] for position in firsts.values()]
        seen |= {tag for _, tag in tagged}
    assert len(seen) > 1  # the control: tags differ


def test_every_word_of_a_long_text_gets_a_tag():
    text = " ".join(LETTERS * 3)
    (tagged,) = predict_tags(make_model(), [text])
    assert [word for word, _ in tagged] == LETTERS * 3


def test_tags_fit_together_where_they_are_to():
    texts = [" ".join(LETTERS[start : start + 9]) for start in range(17)] + [" ".join(LETTERS * 3), ""]
    alone, together = (
        [[tag for _, tag in tagged] for tagged in predict_tags(make_model(), texts, fitting)]
        for fitting in (False, True)
    )

    def breaks(tags):
        return [tag for before, tag in zip(["O", *tags], tags) if tag[0] == "I" and before not in (tag, f"B-{tag[2:]}")]

    assert any(map(breaks, alone))  # the control
    assert not any(map(breaks, together))
    assert all(own == fit for own, fit in zip(alone, together) if not breaks(own))


def test_words_are_taken_in_the_order_of_the_text_and_one_without_a_piece_is_outside():
    begins, inside = np.eye(5, dtype=np.float32)[[1, 2]] * 9
    sequences = TagSequences(LABELS)
    turned = best_tags([1, 0], np.stack([inside, begins]), sequences)
    assert (turned.words, turned.tags) == ([0, 1], [1, 2])
    apart = best_tags([0, 2], np.stack([begins, inside]), sequences)
    assert apart.words == [0, 2]
    assert apart.tags[0] == 1
    assert LABELS[apart.tags[1]][0] != "I"
    assert best_tags([], np.empty((0, 5), np.float32), sequences).tags == []


def test_texts_without_a_word_have_no_tags():
    assert predict_tags(make_model(), ["", " ", "\u200b"]) == [[], [], []]


def test_each_word_of_a_file_has_a_row_also_without_a_piece():
    sentences = [TaggedSentence(1, ("Ab", "\u200b", "c"), ()), TaggedSentence(3, (), ())]
    predicted = [WordTags([0, 2], np.empty((0, 5)), [1, 2]), WordTags([], np.empty((0, 5)), [])]
    model = make_model()
    rows = list(tag_rows(model, zip(sentences, predicted), Options(24)))
    assert rows == [("Ab", "B-X"), ("\u200b", "O"), ("c", "I-X"), (), ()]
    model.labels = ("DET", "NOUN", "VERB")
    assert list(tag_rows(model, zip(sentences, predicted), Options(24)))[1] == ("\u200b", "_")
