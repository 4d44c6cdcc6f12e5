"""Pages are whole in one file, and nothing in a text can become a part of the page."""

from html.parser import HTMLParser

import numpy as np
import pytest

from bert.tasks.page import Section, draw_confusion_matrix, page, picture, table


class Elements(HTMLParser):
    """Collects what elements and texts a page has."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_texts_stay_texts():
    hostile = "<script>alert('x')</script>&amp;"
    parsed = Elements(page(hostile, [Section(hostile, table([hostile], [[hostile]]))], hostile, hostile))
    assert "script" not in {tag for tag, _ in parsed.elements}
    assert "".join(parsed.texts).count("alert('x')</script>&amp;") == 7  # title twice, 2 sentences, heading, 2 cells


def test_fractions_have_four_digits():
    assert "<td>0.3333</td><td>7</td><td>5e-05</td>" in table(["a", "b", "c"], [[1 / 3, 7, 5e-5]])


def test_control_characters_are_seen_and_other_scripts_run_their_own_way():
    cells = table([], [["a\x00\x1b\x7f\x85", "\u202eabc", "plain"]])
    assert '<td dir="auto">a\u2400\u241b\u2421\ufffd</td><td dir="auto">\u202eabc</td><td>plain</td>' in cells


def test_a_page_asks_for_nothing_from_elsewhere():
    drawn = draw_confusion_matrix(np.array([[3, 1], [0, 2]]), ["no", "yes"])
    assert drawn.startswith(b"\x89PNG")
    parsed = Elements(page("A", [Section("B", picture(drawn, "confusion matrix"))]))
    attributes = [pair for _, attributes in parsed.elements for pair in attributes.items()]
    sources = [value for name, value in attributes if name in ("src", "href")]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/png;base64,")


@pytest.mark.filterwarnings("ignore:Glyph")  # of letters that the font lacks; they are drawn as boxes
def test_matrices_of_any_labels_are_drawn():
    for labels in (["$a_b$", "$", "x" * 200], [str(number) for number in range(60)], ["日本語", "\\frac", "{"]):
        matrix = np.arange(len(labels) ** 2).reshape(len(labels), -1)
        assert draw_confusion_matrix(matrix, labels).startswith(b"\x89PNG")
