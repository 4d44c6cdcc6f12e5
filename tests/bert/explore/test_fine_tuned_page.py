"""A fine-tuned run answers in the page as ``bert predict`` does: classes, tags and answers."""

import json
import random
from typing import Any

import numpy as np
import pytest
import torch

from bert.explore.fine_tuned import HEADS
from bert.explore.page import SCRIPTS, joined_scripts
from bert.explore.tokenizer import tokenizer_settings
from bert.explore.unicode_tables import unicode_tables
from bert.explore.weights import pack_weights
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.predict import predict_labels
from bert.tasks.classification.read import Example
from bert.tasks.options import Options
from bert.tasks.spans.inputs import question_inputs
from bert.tasks.spans.predict import answer_in_words, best_span, predict_answers
from bert.tasks.spans.read import Question
from bert.tasks.tagging.inputs import sentence_inputs
from bert.tasks.tagging.predict import predict_tags, tags_of_words
from bert.tasks.tagging.schemes import find_entities
from bert.tasks.tagging.sentence import TaggedSentence, words_of
from bert.tasks.tagging.tag_sequences import TagSequences
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.explore.fine_tuned_runs import TAGS, in_eight_bits, random_classifier, random_reader, random_tagger
from tests.bert.explore.runs import CONFIG, VOCABULARY
from tests.bert.explore.test_wordpiece_page import TEXTS, random_texts
from tests.browser import NODE, run_node

pytestmark = [pytest.mark.peers, pytest.mark.skipif(NODE is None, reason="needs Node")]

TOKENIZER = WordPieceTokenizer(VOCABULARY)
OPTIONS = Options(max_length=CONFIG.max_position_embeddings)
PAIRS = [
    ("the cat sat on a mat.", ""), ("A DOG ran; it was tired!", "because of the cat."), ("é 猫 x", " a "),
    ("x" * 60, ""), (" ".join(["big"] * 60), "it was red"), ("a dog", " ".join(["mat"] * 60)), ("", "a cat"),
]  # fmt: skip
WITHOUT_A_PAGE = [name for name in SCRIPTS if name != "main.js"]
READ = """
import fs from "fs";
const given = JSON.parse(fs.readFileSync(0, "utf8"));
const { bestSpan, bestTags, findEntities } = modules["fine_tuned.js"];
const { wordsOf } = modules["sentence.js"];
async function answers({ packed, config, settings, head, texts, maxLength }) {
  const model = { config, weights: await modules["weights.js"].unpackWeights(packed.tensors, packed.content) };
  const tokenizer = modules["wordpiece.js"].makeTokenizer(settings);
  return texts.map(([first, second]) => {
    const { tokens } = modules["encoding.js"].encodeFor(head, first, second, tokenizer, maxLength);
    const output = modules["model.js"].bert(model, tokens.map(({ id }) => id), tokens.map(({ type }) => type));
    const explorer = { data: { heads: [head] }, state: { first, second }, tokens, tokenizer };
    const answer = modules["answers.js"].answerOf(explorer, model, output.hiddenStates.at(-1));
    return { ...answer, shares: Array.from(answer.shares ?? []), tokens };
  });
}
"""


def in_the_page(expression: str, given: Any) -> Any:
    script = joined_scripts(WITHOUT_A_PAGE) + READ + f"console.log(JSON.stringify({expression}));"
    return json.loads(run_node(script, json.dumps(given)))


def answers(model: Any, texts: list, options: Options = OPTIONS) -> list[dict]:
    """What the page says of texts; the model has its weights afterwards."""
    given = {
        "packed": vars(pack_weights(model.state_dict())), "config": model.config.to_dict(), "texts": texts,
        "settings": tokenizer_settings(TOKENIZER, "it"), "head": HEADS[type(model)](model, options),
        "maxLength": options.max_length,
    }  # fmt: skip
    in_eight_bits(model)
    return in_the_page("await answers(given)", given)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"pool": "mean"}, {"problem_type": "multi_label_classification"},
     {"problem_type": "regression", "labels": ("stars",)}],
)  # fmt: skip
@torch.inference_mode()
def test_classes_and_numbers_are_those_of_predict(arguments):
    model = random_classifier(**arguments)
    found = answers(model, PAIRS)
    examples = [
        Example(number, first, second if second.strip() else None, None) for number, (first, second) in enumerate(PAIRS)
    ]
    expected = predict_labels(model, text_inputs(TOKENIZER, examples, OPTIONS).windows, OPTIONS)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["shares"] == pytest.approx(theirs.probabilities.tolist(), rel=1e-3, abs=1e-4)
        assert ours["best"] == theirs.probabilities.argmax()


@pytest.mark.parametrize("fitting", [False, True])
@torch.inference_mode()
def test_words_and_tags_are_those_of_predict(fitting):
    model, options = random_tagger(), Options(max_length=CONFIG.max_position_embeddings, fitting_tags=fitting)
    texts = ["(The cat sat on a mat.)", "A. dog, ran!", "猫é: x \x00 mat", "", "it's big-red; 'a'"]
    found = answers(model, [(text, "") for text in texts], options)
    for text, ours in zip(texts, found, strict=True):
        words = [text[start:end] for start, end in words_of(text)]
        sentences = [TaggedSentence(1, tuple(words), ())]
        (predicted,) = predict_tags(model, sentence_inputs(TOKENIZER, sentences, options).windows, options)
        assert [text[word["start"] : word["end"]] for word in ours["words"]] == words
        assert [word["tag"] for word in ours["words"]] == tags_of_words(len(words), predicted, model.labels)
    if fitting:
        free = answers(random_tagger(), [(text, "") for text in texts])
        assert [each["words"] for each in free] != [each["words"] for each in found]  # the control


@torch.inference_mode()
def test_answers_are_those_of_predict():
    model, options = random_reader(), Options(max_length=CONFIG.max_position_embeddings, null_threshold=0.5)
    texts = [
        ("the cat?", f"{word} cat sat on a small {word} mat. It was tired") for word in "the big a é 猫 dog red".split()
    ]
    found = answers(model, texts, options)
    questions = [Question(0, None, *pair, ()) for pair in texts]
    expected = predict_answers(model, question_inputs(TOKENIZER, questions, options).windows, options)
    for (_, context), ours, theirs in zip(texts, found, expected, strict=True):
        span = context[ours["tokens"][ours["start"]]["start"] : ours["tokens"][ours["end"]]["end"]]
        assert span == context[theirs.start : theirs.end]
        assert ours["score"] == pytest.approx(theirs.score, rel=1e-3, abs=1e-3)
        assert ours["nullScore"] == pytest.approx(theirs.null_score, rel=1e-3, abs=1e-3)
        assert ours["isWithout"] == (answer_in_words(context, theirs, 0.5) == "")


def test_a_long_question_and_a_long_context_are_cut_as_in_the_first_window():
    options = Options(max_length=100)
    texts = [(" ".join(["cat"] * 70), " ".join(["dog"] * 90)), ("cat", " ".join(["dog"] * 120))]
    model = random_reader(max_position_embeddings=100)
    for pair, ours in zip(texts, answers(model, texts, options), strict=True):
        ((window, *_),) = question_inputs(TOKENIZER, [Question(0, None, *pair, ())], options).windows
        assert [token["id"] for token in ours["tokens"]] == window.input_ids.tolist()


def test_words_of_a_text_are_ours():
    texts = [
        *TEXTS,
        *random_texts(300),
        "(J. Smith-Jones left the U.S. on Monday.) ",
        "“a”... 'b.' ...",
        "5.5 (x).",
        "[[.]]",
    ]
    found = in_the_page(
        "given.texts.map((text) => wordsOf(text, given.tables))", {"texts": texts, "tables": unicode_tables()}
    )
    for text, words in zip(texts, found, strict=True):
        assert [tuple(word) for word in words] == words_of(text), repr(text)


def test_the_best_tags_and_their_entities_are_ours():
    generator = np.random.default_rng(0)
    labels = [*TAGS, "E-PER", "S-LOC", "I", "B"]
    cases = []
    for length in range(40):
        scores = generator.normal(size=(length % 9, len(labels))).astype(np.float32) * 3
        cases.append({"scores": scores.tolist(), "follows": (generator.random(length % 9) < 0.8).tolist()})
    for fitting in (False, True):
        given = {"cases": cases, "head": {"labels": labels, "fitting": fitting}}
        found = in_the_page("given.cases.map(({ scores, follows }) => bestTags(scores, follows, given.head))", given)
        entities = in_the_page("given.map(findEntities)", [[labels[tag] for tag in tags] for tags in found])
        for case, tags, those in zip(cases, found, entities, strict=True):
            scores = np.array(case["scores"], np.float32).reshape(-1, len(labels))
            best = (
                TagSequences(labels).best(scores, case["follows"])
                if fitting and len(scores)
                else scores.argmax(1).tolist()
            )
            assert tags == best
            expected = find_entities([labels[tag] for tag in tags])
            assert [(each["type"], each["start"], each["end"]) for each in those] == [tuple(each) for each in expected]


def test_the_best_span_is_ours():
    generator, cases = random.Random(0), []
    head = HEADS[type(random_reader())](random_reader(), OPTIONS)
    for length in range(1, 60):
        is_context = [at > 0 and generator.random() < 0.8 for at in range(length)]
        cases.append({"logits": [generator.gauss(0, 3) for _ in range(2 * length)], "isContext": is_context})
    found = in_the_page(
        "given.cases.map(({ logits, isContext }) => "
        "bestSpan({ data: Float32Array.from(logits) }, isContext, given.head))",
        {"cases": cases, "head": head},
    )
    for case, ours in zip(cases, found, strict=True):
        starts, ends = np.array(case["logits"], np.float32).reshape(-1, 2).T
        window: Any = type("Window", (), {})()
        window.offsets = np.array([(at, at + 1) if inside else (-1, -1) for at, inside in enumerate(case["isContext"])])
        window.is_max_context = np.ones(len(starts), bool)
        score, start, end = best_span(window, starts, ends)
        if score == -np.inf:
            assert ours["score"] is None  # JSON has no infinity
        else:
            assert (ours["start"], ours["end"]) == (start, end)
            assert ours["score"] == pytest.approx(score, rel=1e-5)
