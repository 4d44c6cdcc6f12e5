"""The page in a browser without a network: it predicts, follows typing and clicks, and everybody can use it."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from bert.__main__ import main
from bert.checkpoints.directory import save_checkpoint
from bert.commands.fill_mask import fill_mask
from bert.config import BertConfig
from bert.explore.quantize import OF_A_REPLAY, rounded
from bert.heads.pretraining import BertForPreTraining
from bert.quantization.rows import EIGHT_BITS
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.explore.runs import STEPS, VOCABULARY, random_model, write_run
from tests.browser import CHROMIUM, Page, browser

pytestmark = [pytest.mark.peers, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium; CHROMIUM names one")]

TEXTS = "the cat sat on a mat.", "it was a big mat."
HOSTILE = "<img\u2028src=x\u202eonerror=alert(1)>\"'&amp;"
PIECES = "[...document.querySelectorAll('#piece-list bdi')].map((each) => each.textContent)"
TOP = "[...document.querySelectorAll('#top bdi')].map((each) => each.textContent)"
NOTE = "document.getElementById('next-note').textContent"
CLICK = "document.querySelector('[data-key=\"{}\"]').click()"
# The texts that stand out too little from what is behind them, with the ratio (WCAG 2.2); shapes need no text's.
TOO_FAINT = """(() => {
  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => rgb(color).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const isSeen = (color) => color.startsWith("rgb") && (rgb(color)[3] ?? 1) > 0;
  const faint = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].filter((each) => each.nodeType === 3).map((each) => each.data.trim()).join("");
    if (!text || !node.getClientRects().length || node.closest("option, noscript, title")) continue;
    const style = getComputedStyle(node);
    let behind = node;
    while (behind && !isSeen(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const color = node instanceof SVGElement ? style.fill : style.color;
    const pair = [light(color), light(getComputedStyle(behind).backgroundColor)];
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) faint.push(`${text} ${ratio}`);
  }
  return faint;
})()"""


@pytest.fixture(scope="module")
def chromium():
    with browser() as page:
        yield page


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explore")
    run, output = write_run(folder / "run"), folder / "page.html"
    assert main(["explore", str(run), "--replay", "--text", TEXTS[0], "--second", TEXTS[1], "-o", str(output)]) == 0
    return output


@pytest.fixture
def page(chromium, file):
    start(chromium, file)
    yield chromium
    assert chromium.problems == []


def start(page: Page, file) -> int:
    """Opens a page, and returns after how many milliseconds it showed a prediction."""
    page.resize(1280)
    page.open(file)
    return int(page.wait_for("document.documentElement.dataset.shown"))


def enter(page: Page, name: str, value: str, event: str = "input") -> None:
    page.run(
        f"(() => {{ const box = document.getElementById('{name}'); box.value = {json.dumps(value)}; "
        f"box.dispatchEvent(new Event('{event}')); }})()"
    )


def model_of(seed: int, largest: int = EIGHT_BITS):
    model = random_model(seed)
    model.load_state_dict(rounded(model.state_dict(), largest))
    return model


def best(seed: int, largest: int = EIGHT_BITS, text: str = "the cat [MASK] on a mat.") -> list[str]:
    (fillings,) = fill_mask(model_of(seed, largest), WordPieceTokenizer(VOCABULARY), text, top=10)
    return [filling.piece for filling in fillings]


def test_a_page_of_the_size_tiny_predicts_within_a_second_and_has_less_than_six_megabytes(chromium, tmp_path):
    vocabulary = [*VOCABULARY, *(f"piece{number}" for number in range(6_000 - len(VOCABULARY)))]
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig.tiny(vocab_size=len(vocabulary)))
    save_checkpoint(tmp_path / "run", model, WordPieceTokenizer(vocabulary))
    assert main(["explore", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size < 6e6

    def computing() -> float:
        """Seconds of the page's thread: unlike a clock's, they do not count other programs."""
        metrics = chromium.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    chromium.send("Performance.enable", timeDomain="threadTicks")
    before = computing()
    assert start(chromium, tmp_path / "page.html") > 0
    assert 0 < computing() - before < 1
    assert chromium.problems == []


def test_typing_and_masking_give_the_models_predictions(page):
    enter(page, "second", "")
    page.wait_for(f"{PIECES}.length === 9")
    page.run(CLICK.format(4))  # it is chosen already, and so unmasked
    page.wait_for(f"{PIECES}[4] === 'on' && document.getElementById('truth').textContent === ''")
    page.run(CLICK.format(3))
    page.wait_for(f"{PIECES}[3] === '[MASK]'")
    assert page.run(TOP) == best(len(STEPS))
    assert page.run("document.getElementById('truth').textContent").startswith("The text has sat: rank ")
    enter(page, "first", "a big dog ran, the cat sat on a mat.")  # the mask stays with its piece
    page.wait_for(f"{PIECES}[8] === '[MASK]'")
    assert page.run(TOP) == best(len(STEPS), text="a big dog ran, the cat [MASK] on a mat.")
    enter(page, "first", "the [MASK] sat")
    page.wait_for(f"{PIECES}.length === 5")
    page.run(CLICK.format(2))
    page.wait_for("document.querySelector('.selected').dataset.key === '2'")
    assert page.run(TOP) == best(len(STEPS), text="the [MASK] sat")


def test_the_second_text_is_judged_as_pytorch_does(page):
    batch = WordPieceTokenizer(VOCABULARY).batch(["the cat sat [MASK] a mat."], [TEXTS[1]])
    with torch.inference_mode():
        follows = model_of(len(STEPS))(**batch).next_sentence_logits.softmax(-1)[0, 0].item()
    digits = 2 if follows < 0.1 else 1
    assert page.run(NOTE).startswith(f"B follows A: {follows:.{digits}%}".replace("%", "\u00a0%"))
    enter(page, "second", "  ")
    page.wait_for(f"{NOTE}.startsWith('Type a second text')")


def test_the_slider_shows_the_model_of_each_update(page):
    enter(page, "second", "")
    page.wait_for(f"{PIECES}.length === 9")
    for index, step in enumerate(STEPS):
        enter(page, "update", str(index))
        page.wait_for(f"document.getElementById('step').textContent === 'update {step}'")
        is_last = index == len(STEPS) - 1
        assert page.run(TOP) == best(index + 1, EIGHT_BITS if is_last else OF_A_REPLAY, "the cat sat [MASK] a mat.")
    assert page.run("document.getElementById('update').getAttribute('aria-valuetext')") == f"update {STEPS[-1]}"
    page.run("document.getElementById('play').click()")
    page.wait_for("document.getElementById('step').textContent === 'update 0'")
    page.wait_for(f"document.getElementById('step').textContent === 'update {STEPS[1]}'")


def test_heads_and_pairs_can_be_chosen_with_the_keyboard_alone(page):
    page.run("document.querySelector('[data-key=\"1-2\"]').focus()")
    page.press("Enter", 13)
    page.wait_for("document.getElementById('lines-title').textContent.startsWith('Layer 2, head 3')")
    assert page.run("document.activeElement.dataset.key") == "1-2"
    before = page.run("Number(document.getElementById('from').value)")
    page.run("document.querySelector('#matrix canvas').focus()")
    page.press("ArrowDown", 40)
    page.wait_for(f"Number(document.getElementById('from').value) === {before + 1}")
    page.run("document.querySelector('[data-key=\"1\"]').focus()")
    page.press("Enter", 13)
    page.wait_for(f"{PIECES}[1] === '[MASK]'")
    assert page.run("document.activeElement.dataset.key") == "1"
    assert page.run("document.activeElement.getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_control_has_a_name_and_every_text_stands_out_in_both_themes(page, language):
    enter(page, "language", language, "change")
    page.wait_for(f"document.documentElement.lang === '{language}'")
    assert page.run("document.querySelectorAll('[data-words]:empty').length") == 0
    assert ("看" in page.run("document.title")) == (language == "zh")
    for theme in ("light", "dark"):
        enter(page, "theme", theme, "change")
        page.wait_for("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(true), 200)))")
        assert page.run(TOO_FAINT) == []
    page.run("document.getElementById('pieces-title').style.color = '#777'")
    assert len(page.run(TOO_FAINT)) >= 1  # the control
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    roles = "button textbox combobox slider image region".split()
    named = [(each["role"]["value"], each["name"]["value"]) for each in nodes if each["role"]["value"] in roles]
    assert {role for role, _ in named} == set(roles)
    assert all(name.strip() for _, name in named)


def test_a_phone_shows_everything_in_its_width(page):
    page.resize(390, 844)
    page.wait_for("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(true), 100)))")
    assert page.run("document.documentElement.scrollWidth") == 390
    outside = (
        "[...document.querySelectorAll('section')].filter((each) => each.getBoundingClientRect().right > 390).length"
    )
    assert page.run(outside) == 0


def test_on_paper_the_page_is_light_and_afterwards_as_before(page):
    enter(page, "theme", "dark", "change")
    ground = "getComputedStyle(document.body).backgroundColor"
    page.run(f"window.addEventListener('beforeprint', () => {{ window.printed = {ground}; }})")
    assert len(page.send("Page.printToPDF", printBackground=True)["data"]) > 10_000
    assert page.run("window.printed") == "rgb(247, 246, 242)"
    assert page.run("document.documentElement.dataset.theme") == "dark"


def test_hostile_texts_pieces_and_names_show_as_text(chromium, tmp_path):
    run = write_run(tmp_path / "<b>run&lt;", vocabulary=[*VOCABULARY, HOSTILE], kept=())
    weights = load_file(run / "model.safetensors")
    weights["cls.predictions.bias"][len(VOCABULARY)] = 99  # the model says nothing else
    save_file(weights, run / "model.safetensors")
    assert main(["explore", str(run), "--text", f"a {HOSTILE} cat", "-o", str(tmp_path / "page.html")]) == 0
    start(chromium, tmp_path / "page.html")
    shown = HOSTILE.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e")
    assert chromium.run(TOP)[0] == shown
    assert chromium.run("document.querySelectorAll('img, b b, #lens-table img').length") == 0
    assert "<b>run&lt;" in chromium.run("document.querySelector('h1').textContent")
    assert chromium.run("document.querySelectorAll('script').length") == 3
    assert chromium.problems == []


def test_another_script_is_stopped_by_the_pages_policy(chromium, file):
    start(chromium, file)
    chromium.run(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))"
    )
    assert chromium.run("window.ran === undefined")
    assert chromium.problems and "Content Security Policy" in chromium.problems[0]
    chromium.problems.clear()
