"""JSON lines: words with their tags, and CLUENER's entities by type."""

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.tagging.json_lines import read_json
from bert.tasks.tagging.sentence import TaggedSentence

WORDS = {"tokens": ["West", "Ham"], "ner_tags": ["B-ORG", "I-ORG"], "pos_tags": ["NN", "NN"]}
CLUENER = {"text": "彭小军在AC米兰 踢", "label": {"name": {"彭小军": [[0, 2]]}, "organization": {"AC米兰": [[4, 7]]}}}


def read(*objects, labelled=True, **columns):
    return list(read_json(enumerate(objects, 1), Columns(**columns), labelled, "a"))


def test_words_have_the_first_of_the_usual_tags_or_the_ones_asked_for():
    assert read(WORDS) == [TaggedSentence(1, ("West", "Ham"), ("B-ORG", "I-ORG"))]
    assert read(WORDS, tag="pos_tags")[0].tags == ("NN", "NN")
    assert read(WORDS, labelled=False) == [TaggedSentence(1, ("West", "Ham"), ())]
    assert read({"form": ["a"], "labels": ["X"]}, word="form") == [TaggedSentence(1, ("a",), ("X",))]


def test_clueners_entities_are_tags_of_characters():
    (sentence,) = read(CLUENER)
    assert sentence.words == ("彭", "小", "军", "在", "AC", "米", "兰", "踢")
    assert " ".join(sentence.tags) == "B-name I-name I-name O B-organization I-organization I-organization O"


def test_of_overlapping_entities_the_first_and_longest_stays_and_others_are_counted():
    label = {"b": {"小军": [[1, 2]]}, "a": {"彭小": [[0, 1]]}, "c": {"彭小军": [[0, 2]], "在": [[3, 3]]}}
    with pytest.warns(UserWarning, match="a: 4 entities that overlap with another are left out"):
        sentences = read(CLUENER | {"label": label}, CLUENER | {"label": label})
    assert sentences[1].tags[:4] == ("B-c", "I-c", "I-c", "B-c")


def test_sentences_without_a_word_are_passed_over_to_train_on_and_counted():
    empty = {"tokens": [], "ner_tags": []}
    with pytest.warns(UserWarning, match="a: 2 sentences without a word are passed over"):
        assert [sentence.line for sentence in read(empty, WORDS, empty)] == [2]
    assert [sentence.line for sentence in read(empty, WORDS, labelled=False)] == [1, 2]
    with pytest.raises(InputError, match="a: holds no words"):
        read(empty)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ner_tags": [3, 4]}, r"a: line 1: 'ner_tags' has numbers, .*features\['ner_tags'\]"),
        ({"ner_tags": ["O"]}, "has 2 words, and 1 tags in 'ner_tags'"),
        ({"ner_tags": ["O", " "]}, "a tag for each"),
        ({"ner_tags": "OO"}, "'ner_tags' is 'OO'; a list of texts"),
        ({"tokens": ["a", None]}, "'tokens' is .*; a list of texts"),
    ],
)
def test_words_and_tags_that_do_not_fit_are_named(values, message):
    with pytest.raises(InputError, match=message):
        read(WORDS | values)


@pytest.mark.parametrize(
    "label",
    [{"name": {"彭小军": [[1, 3]]}},
     {"name": {"彭小军": [0, 2]}}, {"name": ["彭小军"]}, {"a b": {}}, {"x": {"": [[3, 2]]}}],
)  # fmt: skip
def test_an_entity_that_is_not_in_the_text_is_refused(label):
    with pytest.raises(InputError, match="each entity with its first and last letter in the text was expected"):
        read(CLUENER | {"label": label})


def test_an_object_of_another_form_is_refused():
    for values, columns in (({"sentence": "a"}, {}), ({"tokens": ["a"]}, {}), (WORDS, {"word": "form"})):
        with pytest.raises(InputError, match=r"a: line 1: has no (words|tags).*its keys are"):
            read(values, **columns)
