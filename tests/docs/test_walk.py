"""The walk, in English and in Chinese: its snippets print what it says, its figures are drawn by its code."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from docs.walk import chinese
from docs.walk.draw import figures
from tests.docs.snippets import ROOT, WALK, outputs_of, snippets_of

ENGLISH, CHINESE = ([page for page in WALK if page.parent.name == folder] for folder in ("walk", "zh"))
PARTS = [page for page in WALK if page.stem != "README"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WALK, ids=name_of)
def test_a_snippet_prints_what_its_page_shows(page):
    assert outputs_of(page) == [shown for _, shown in snippets_of(page)]


def test_every_figure_is_drawn_by_its_code():
    """After a change of the code: python -m docs.walk.draw"""
    drawn = figures()
    assert {path for folder in ("walk", "zh") for path in ROOT.glob(f"docs/{folder}/pictures/*")} == drawn.keys()
    for path, figure in drawn.items():
        assert path.read_text(encoding="utf-8") == figure, f"{path}: run python -m docs.walk.draw"


@pytest.mark.parametrize("path", figures(), ids=name_of)
def test_a_figure_is_well_formed_and_nothing_leaves_its_page(path):
    root = ET.fromstring(figures()[path])
    space = "{http://www.w3.org/2000/svg}"
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter(f"{space}rect"):
        x, y, w, h = (float(box.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    for text in root.iter(f"{space}text"):
        at, length = float(text.attrib["x"]), width_of(text.text or "", text.get("class", ""))
        start = at - length * {"start": 0, "middle": 0.5, "end": 1}[text.attrib["text-anchor"]]
        assert start >= 0 and start + length <= width, text.text


def width_of(words: str, kind: str) -> float:
    """About how many pixels a text takes: a wide character is square, others take half of it or a little more."""
    size = 13 if kind in ("quiet", "shape") else 15
    narrow = size * {"": 0.54, "quiet": 0.54, "shape": 0.6, "strong": 0.62}[kind]
    return sum(size if ord(character) > 0x2E80 else narrow for character in words)


def test_chinese_figures_have_no_words_that_no_figure_uses():
    used: set[str] = set()

    class Recording(dict):
        def __getitem__(self, word: str) -> str:
            used.add(word)
            return super().__getitem__(word)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("docs.walk.draw.WORDS", Recording(chinese.WORDS))
        figures()
    assert used == chinese.WORDS.keys()


@pytest.mark.parametrize("page, translation", list(zip(ENGLISH, CHINESE, strict=True)), ids=lambda page: page.name)
def test_both_languages_have_the_same_parts(page, translation):
    assert page.name == translation.name
    texts = [each.read_text(encoding="utf-8") for each in (page, translation)]
    assert f"](../zh/{page.name})" in texts[0]
    assert f"](../walk/{page.name})" in texts[1]
    for part in ("```python\n", "```text\n", "```sh\n", "<details><summary>", "</details>", "\n## ", "!["):
        assert texts[0].count(part) == texts[1].count(part), part
    commands = [re.findall(r"```sh\n(.*?)```", text, re.S) for text in texts]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("page", PARTS, ids=name_of)
def test_a_page_has_a_figure_a_snippet_and_two_questions_with_answers(page):
    text = page.read_text(encoding="utf-8")
    assert text.count(f"](pictures/{page.stem}.svg)") == 1
    assert snippets_of(page)
    assert len(re.findall(r"<details><summary>.+?</summary>\n\n.+?\n</details>", text, re.S)) == 2
