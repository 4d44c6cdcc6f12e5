"""The page is whole in one file, its words are complete, and what it says of our code is true."""

import ast
import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bert.explore.page import LANGUAGES, PARTS, SCRIPTS, explorer_page, joined_scripts

ROOT = Path(__file__).parents[3]
HOSTILE = "</script><script>alert(1)</script><!-- \u2028 \"' \\ &amp; \u202e"
TEMPLATE = (PARTS / "page.html").read_text(encoding="utf-8")
WORDS = {name: json.loads((PARTS / f"words/{name}.json").read_text(encoding="utf-8")) for name in LANGUAGES}


class Parsed(HTMLParser):
    """The elements of a page: the tag, the attributes, and the text inside."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict, str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), ""))

    def handle_endtag(self, tag):
        self.elements.append(("", {}, ""))  # what comes now is outside

    def handle_data(self, data):
        if self.elements:
            tag, attributes, text = self.elements[-1]
            self.elements[-1] = (tag, attributes, text + data)


def test_hostile_data_stay_data():
    data = {"name": HOSTILE, "tokenizer": {"vocabulary": [HOSTILE]}}
    scripts = [each for each in Parsed(explorer_page(data, ["AAAA"])).elements if each[0] == "script"]
    assert [attributes.get("id", attributes["type"]) for _, attributes, _ in scripts] == ["data", "weights-0", "module"]
    read = json.loads(scripts[0][2])
    assert {key: read[key] for key in data} == data


def test_the_policy_allows_the_pages_own_script_and_style_alone():
    elements = Parsed(explorer_page({}, [])).elements
    (policy,) = (each["content"] for _, each, _ in elements if each.get("http-equiv") == "Content-Security-Policy")
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        text = next(text for found, each, text in elements if found == tag and each.get("type") in (None, "module"))
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_nothing_in_the_page_leads_elsewhere_and_no_data_are_read_as_html():
    elements = Parsed(explorer_page({}, [])).elements
    targets = [value for _, each, _ in elements for name, value in each.items() if name in ("src", "href", "action")]
    assert set(targets) == {"data:,", "#main"}
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|XMLHttp|WebSocket|import\(",
        joined_scripts(),
    )
    assert not re.search(r"url\(|@import", (PARTS / "page.css").read_text(encoding="utf-8"))


def test_every_script_is_in_the_page_after_those_that_it_imports():
    assert {path.relative_to(PARTS).as_posix() for path in PARTS.rglob("*.js")} == set(SCRIPTS)
    for number, name in enumerate(SCRIPTS):
        for imported in re.findall(r'from "([^"]+)"', (PARTS / name).read_text(encoding="utf-8")):
            path = (PARTS / name).parent / imported
            assert path.resolve().relative_to(PARTS).as_posix() in SCRIPTS[:number], f"{name} imports {imported}"
    assert not re.search(r"^(import .* from \"\.|export )", joined_scripts(), re.M)


def test_a_script_can_be_read_in_one_sitting():
    for name in SCRIPTS:
        assert len((PARTS / name).read_text(encoding="utf-8").splitlines()) < 200, name


def test_both_languages_say_the_same_things():
    english, chinese = (WORDS[name] for name in LANGUAGES)
    assert list(english) == list(chinese)
    for key in english:
        assert set(re.findall(r"\{\w+\}", english[key])) == set(re.findall(r"\{\w+\}", chinese[key])), key
        assert not re.search(r"[\u4e00-\u9fff]", english[key])


def test_every_word_that_is_asked_for_is_there_and_every_word_is_used():
    code = "".join((PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    named = set(re.findall(r'data-(?:words|label)="([^"]+)"', TEMPLATE)) | set(re.findall(r'say\(\s*"([^"]+)"', code))
    named |= set(re.findall(r'[?:] "(\w+\.\w+)"', code))
    named |= set(re.findall(r'dataset\.words = "([^"]+)"', code))
    prefixes = tuple(re.findall(r"say\(`(\w+\.)\$\{", code))
    keys = set(WORDS["en"])
    assert named <= keys
    assert all(key in named or key.startswith(prefixes) for key in keys), keys - named


def names_of(path: str) -> set[str]:
    """The classes and functions of a Python file, and its methods as Class.method."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
    return names


def test_every_box_names_a_file_and_a_function_that_exist():
    pairs = re.findall(r'<code class="file">([^<]+)</code>\s*<code class="function">([^<]+)</code>', TEMPLATE)
    assert len(pairs) == TEMPLATE.count('class="file"') == TEMPLATE.count('class="function"')
    assert TEMPLATE.count("<section") <= TEMPLATE.count('class="source"')
    for path, name in pairs:
        assert name in names_of(path), f"{path} has no {name}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_function_that_a_script_mirrors_exists(name):
    comments = (PARTS / name).read_text(encoding="utf-8")
    for path, function in re.findall(r"(bert/[\w/]+\.py)(?:, ([A-Za-z_]\w+(?:\.\w+)?)\b(?=[:. ]))?", comments):
        assert (ROOT / path).exists(), path
        if function and function != "as":
            assert function in names_of(path), f"{name}: {path} has no {function}"


def luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def hex_pairs(color: str) -> list[str]:
    return [color[start : start + 2] for start in (1, 3, 5)]


def contrast(first: str, second: str) -> float:
    """Web Content Accessibility Guidelines 2.2, "contrast ratio"."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(theme):
    styles = (PARTS / "page.css").read_text(encoding="utf-8")
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", styles)
    assert len(found) == styles.count("light-dark(")
    colors = {name: both[theme] for name, *both in found}
    for text in ("ink", "quiet", "first", "second", "good"):
        for ground in ("paper", "card", "first-card", "second-card"):
            if (text, ground) != ("good", "second-card") and (text, ground) != ("good", "first-card"):
                assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
    for name in ("first", "second", "good", "other"):  # an entity's type, and its words
        assert min(contrast(colors[text], colors[f"{name}-card"]) for text in (name, "ink")) >= 4.5
    assert contrast(colors["ink"], colors["mask"]) >= 4.5
    for heat in ("positive", "negative"):  # 45 % of the color at most
        mixed = [
            int(0.45 * int(a, 16) + 0.55 * int(b, 16)) for a, b in zip(*(hex_pairs(colors[x]) for x in (heat, "card")))
        ]
        assert contrast(colors["ink"], "#" + "".join(f"{part:02x}" for part in mixed)) >= 4.5
    for picture in ("positive", "negative", "first", "second", "good"):
        assert contrast(colors[picture], colors["card"]) >= 3
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
