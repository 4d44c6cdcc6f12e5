"""The pages of fine-tuned runs in a browser without a network: classes, tags, answers and the heat map."""

import json

import pytest
import torch

from bert.__main__ import main
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.explore.fine_tuned_runs import (
    in_eight_bits,
    random_classifier,
    random_reader,
    random_tagger,
    write_fine_tuned,
)  # fmt: skip
from tests.bert.explore.runs import VOCABULARY, write_run
from tests.bert.explore.test_in_browser import CLICK, HOSTILE, PIECES, TOO_FAINT, enter, start
from tests.browser import CHROMIUM, browser

pytestmark = [pytest.mark.peers, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium; CHROMIUM names one")]

TOKENIZER = WordPieceTokenizer(VOCABULARY)
TEXT = "the cat sat on a mat."
LABELS = ("bad", "good", HOSTILE)
# of each row the texts of some of its parts
ROWS = (
    "[...document.querySelectorAll('{} li')]"
    ".map((each) => [...each.querySelectorAll('{}')].map((part) => part.textContent))"
)
HEAT = ROWS.format("#heat-list", "bdi, small")
HEAT_OF = "document.getElementById('heat-of').textContent"
CLASSES = ROWS.format("#class-list", "bdi, .number")
TAGGED = "[...document.querySelectorAll('#tag-list .tagged')].map((each) => each.getAttribute('aria-label'))"
BOXES = (
    "[...document.querySelectorAll('section')].filter((each) => each.getClientRects().length).map((each) => each.id)"
)
SETTLED = "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(true), 200)))"
SHOWN = HOSTILE.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e")


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A page of each kind of run."""
    folder = tmp_path_factory.mktemp("explore")
    types = ("O", "B-PER", "I-PER", f"B-{HOSTILE}", f"I-{HOSTILE}")
    runs = {
        "classes": (write_fine_tuned(folder / "a", random_classifier(labels=LABELS)), [TEXT]),
        "tags": (write_fine_tuned(folder / "b", random_tagger(labels=types)), [TEXT]),
        "answer": (write_fine_tuned(folder / "c", random_reader(), null_threshold=9.0), ["a cat?", "--second", TEXT]),
        "number": (
            write_fine_tuned(folder / "d", random_classifier(labels=("x",), problem_type="regression")), [TEXT],
        ),
        "predictions": (write_run(folder / "e", kept=()), [TEXT]),
    }  # fmt: skip
    for name, (run, texts) in runs.items():
        assert main(["explore", str(run), "--text", *texts, "-o", str(folder / f"{name}.html")]) == 0
    return {name: folder / f"{name}.html" for name in runs}


@pytest.fixture
def page(chromium):
    yield chromium
    assert chromium.problems == []


def gradient_times_input(model, ids: list[int], score) -> list[float]:
    """By autograd, of the score that a function finds in the model's output."""
    seen: list[torch.Tensor] = []
    hook = model.bert.embeddings.register_forward_hook(lambda module, inputs, output: seen.append(output))
    value = score(model(torch.tensor([ids]), torch.zeros(1, len(ids), dtype=torch.int64)))
    hook.remove()
    (gradient,) = torch.autograd.grad(value, seen)
    return (seen[0] * gradient).sum(dim=-1).flatten().tolist()


def test_each_kind_of_run_has_its_own_boxes(page, files):
    shared = ["embeddings", "attention", "product"]
    for name in ("classes", "tags", "answer", "number", "predictions"):
        start(page, files[name])
        own = "classes" if name == "number" else name
        assert page.run(BOXES) == [
            "pieces",
            own,
            "heat",
            *shared,
            *(["lens"] if name == "predictions" else []),
            "norms",
        ]
        assert page.run("document.getElementById('second-label').getClientRects().length") == (name != "tags")
        assert page.run("document.querySelectorAll('[aria-pressed=\"true\"].piece').length") == (name == "predictions")


def test_classes_are_the_models_and_a_click_explains_another_class(page, files):
    start(page, files["classes"])
    model = in_eight_bits(random_classifier(labels=LABELS))
    ids = TOKENIZER(TEXT).input_ids
    shares = model.probabilities(model(torch.tensor([ids])).logits)[0].tolist()
    order = sorted(range(3), key=lambda label: -shares[label])
    names = ["bad", "good", SHOWN]
    found = page.run(CLASSES)
    assert [name for name, _ in found] == [names[label] for label in order]
    assert [float(share.removesuffix("\u00a0%")) for _, share in found] == pytest.approx(
        [100 * shares[each] for each in order], abs=0.06
    )
    for label in (order[0], order[2]):
        page.run(f"document.querySelector('#class-list [data-key=\"{label}\"]').click()")
        page.wait_for(f"{HEAT_OF}.includes({json.dumps(names[label])})")
        expected = gradient_times_input(model, ids, lambda output, label=label: output.logits[0, label])
        assert [float(value) for _, value in page.run(HEAT)] == pytest.approx(expected, abs=0.006)
    page.run(CLICK.format(3))  # a piece that is hidden changes what the model reads
    page.wait_for(f"{PIECES}[3] === '[MASK]'")
    ids[3] = TOKENIZER.mask_token_id
    expected = gradient_times_input(model, ids, lambda output: output.logits[0, order[2]])
    assert [float(value) for _, value in page.run(HEAT)] == pytest.approx(expected, abs=0.006)
    assert page.run(HEAT)[3][0] == "[MASK]"


def test_tags_stand_over_the_words_and_a_click_explains_one(page, files):
    start(page, files["tags"])
    model = in_eight_bits(random_tagger(labels=("O", "B-PER", "I-PER", f"B-{SHOWN}", f"I-{SHOWN}")))
    ids = TOKENIZER(TEXT).input_ids
    tags = model(torch.tensor([ids])).logits[0].argmax(dim=-1).tolist()
    words = [*TEXT.removesuffix(".").split(), "."]
    assert page.run(TAGGED) == [f"{word}: {model.labels[tag]}" for word, tag in zip(words, tags[1:])]
    assert len(set(tags[1:-1])) > 2  # there is something to see
    page.run("document.querySelector('[data-key=\"word-2\"]').click()")
    page.wait_for("document.querySelector('[data-key=\"word-2\"]').getAttribute('aria-pressed') === 'true'")
    expected = gradient_times_input(model, ids, lambda output: output.logits[0, 3, tags[3]])
    assert [float(value) for _, value in page.run(HEAT)] == pytest.approx(expected, abs=0.006)


def test_the_answer_is_marked_in_its_context(page, files):
    start(page, files["answer"])
    assert page.run("document.getElementById('context').textContent") == TEXT
    answer = page.run("document.querySelector('#context mark').textContent")
    assert answer and answer in TEXT
    assert answer in page.run(HEAT_OF)
    assert page.run("document.getElementById('first-words').textContent") == "Question"
    enter(page, "second", "")
    page.wait_for("document.getElementById('context').textContent === ''")
    assert page.run("document.getElementById('heat').hidden")
    enter(page, "second", HOSTILE)
    page.wait_for(f"document.getElementById('context').textContent === {json.dumps(SHOWN)}")


def test_a_regression_shows_its_number(page, files):
    start(page, files["number"])
    model = in_eight_bits(random_classifier(labels=("x",), problem_type="regression"))
    number = model(torch.tensor([TOKENIZER(TEXT).input_ids])).logits.item()
    assert float(page.run("document.querySelector('#class-list .one').textContent")) == pytest.approx(number, rel=1e-3)


def test_hostile_labels_show_as_text(page, files):
    for name in ("classes", "tags"):
        start(page, files[name])
        page.run("document.querySelectorAll('#class-list button').forEach((each) => each.click())")
        page.wait_for(SETTLED)
        assert SHOWN in page.run(f"document.getElementById('{name}').textContent")
        assert page.run("document.querySelectorAll('img, script').length") == 3


@pytest.mark.parametrize("name, language", [("classes", "zh"), ("tags", "en"), ("answer", "en"), ("answer", "zh")])
def test_every_text_stands_out_and_a_phone_shows_everything(page, files, name, language):
    start(page, files[name])
    enter(page, "language", language, "change")
    page.resize(390, 844)
    for theme in ("light", "dark"):
        enter(page, "theme", theme, "change")
        page.wait_for(SETTLED)
        assert page.run(TOO_FAINT) == []
    assert page.run("document.documentElement.scrollWidth") == 390
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    assert all(
        each["name"]["value"].strip() for each in nodes if each["role"]["value"] in ("button", "textbox", "region")
    )
