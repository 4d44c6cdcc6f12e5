"""Mistakes in their texts: what is marked is what was said, and nothing in a text can become a part of the page."""

import random
from html.parser import HTMLParser

import pytest

from bert.tasks.mistakes import LONGEST_TEXT, PREDICTED, RIGHT, TRUE, Mark, Mistake, excerpt, marked, worst


class Marks(HTMLParser):
    """Collects the texts of a page, each with the classes of the mark that it is in."""

    def __init__(self, text):
        super().__init__()
        self.parts, self.tags, self.roles, self.in_note = [], set(), "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "mark":
            self.roles = dict(attributes)["class"]
        self.in_note = self.in_note or tag == "small"

    def handle_endtag(self, tag):
        self.roles = "" if tag == "mark" else self.roles
        self.in_note = self.in_note and tag != "small"

    def handle_data(self, data):
        if not self.in_note:
            self.parts.append((data, self.roles))


def test_marks_that_overlap_are_each_whole():
    text, marks = "New York City won", [Mark(0, 13, TRUE, "true LOC"), Mark(0, 8, PREDICTED, "predicted LOC")]
    assert marked(text, marks) == (
        '<mark class="true predicted">New York</mark><small class="predicted">predicted LOC</small>'
        '<mark class="true"> City</mark><small class="true">true LOC</small> won'
    )


def test_each_character_has_the_roles_of_its_marks_whatever_the_marks():
    generator, seen = random.Random(0), set()
    for _ in range(200):
        text = "".join(generator.choices("ab<&> é\"'", k=generator.randint(1, 30)))
        marks = []
        for role in generator.sample([TRUE, PREDICTED, RIGHT], k=2):
            start, end = sorted(generator.choices(range(len(text) + 1), k=2))
            marks.append(Mark(start, end, role, "note"))
        parsed = Marks(marked(text, marks))
        found = [(character, frozenset(roles.split())) for part, roles in parsed.parts for character in part]
        expected = [
            (character, frozenset(mark.role for mark in marks if mark.start <= place < mark.end))
            for place, character in enumerate(text)
        ]
        assert found == expected
        seen |= {roles for _, roles in found}
    assert len(seen) > 5  # the control: marks overlap


def test_of_a_long_text_what_is_around_the_marks_is_shown_and_not_more_than_fits():
    text = "".join(chr(ord("a") + place // 100 % 26) for place in range(50_000))
    marks = [Mark(30_000, 30_010, TRUE), Mark(4_000, 4_100, PREDICTED), Mark(40_000, 49_000, TRUE)]
    parts = excerpt(len(text), marks)
    assert parts[0] == (3_850, 4_250) and parts[1] == (29_850, 30_160) and parts[2][0] == 39_850
    assert sum(end - start for start, end in parts) == LONGEST_TEXT
    shown = "".join(part for part, _ in Marks(marked(text, marks)).parts)
    assert shown == " … " + " … ".join(text[start:end] for start, end in parts) + " …"
    assert marked(text) == text[:LONGEST_TEXT] + " …"
    assert excerpt(LONGEST_TEXT, marks[:0]) == [(0, LONGEST_TEXT)]


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "</p></li><img src=//x>", '" onload="x', "\u202ertl\x00\x1b[2J"]
)
def test_texts_and_labels_stay_texts_and_turn_nothing_outside_them_around(hostile):
    mistake = Mistake(
        {"line": 3, "true": hostile, "predicted": hostile}, [marked(hostile, [Mark(0, 3, TRUE, hostile)])]
    )
    section = worst("Worst", [mistake])
    assert Marks(section.content).tags <= {"ol", "li", "dl", "div", "dt", "dd", "p", "bdi", "mark", "small"}
    assert "\x00" not in section.content and "\x1b" not in section.content
    assert section.content.count("<bdi>") == section.content.count("</bdi>") == 4  # each value and text is isolated


def test_of_a_pair_both_texts_stand_beside_each_other():
    content = worst("Worst", [Mistake({}, [marked("one"), marked("two")])]).content
    assert '<div class="texts"><p dir="auto"><bdi>one</bdi></p><p dir="auto"><bdi>two</bdi></p></div>' in content
    assert worst("Worst", []).content == "<p>There are none.</p>"
