"""The page in a browser: what was typed goes to the model, and what comes back is shown as text."""

import json

import pytest

from bert.serve.server import Server
from bert.serve.service import Service
from tests.bert.serve.stub import Stub
from tests.browser import CHROMIUM, browser

HOSTILE = "<img src=x onerror=\"document.title='hostile'\"><script>document.title='hostile'</script>"


@pytest.mark.peers
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: put it on the PATH, or name it in CHROMIUM")
def test_the_page_predicts_and_shows_hostile_texts_as_text():
    stub = Stub()

    def answer(item, found):
        return {"prediction": HOSTILE, f"p({HOSTILE})": 0.25, "p(x)": 0.75, "text": item.example}

    service = Service(HOSTILE, HOSTILE, {"text": HOSTILE + "x" * 300}, stub.read, stub.predict, answer)
    with Server(service, port=0) as server, browser() as page:
        for width, dark in ((1000, False), (390, True)):
            page.resize(width, dark=dark)
            page.visit(f"{server.url}/")
            page.wait_for("document.querySelectorAll('textarea').length === 1")
            page.run("document.querySelector('button').click()")
            page.wait_for("/ ms$/.test(document.getElementById('status').textContent)")
            shown = page.run("document.getElementById('answer').innerText")
            assert HOSTILE in shown and shown.index("0.7500") < shown.index("0.2500")  # the best first
            assert page.run("document.querySelectorAll('img, main script').length") == 0
            assert page.run("document.title") == HOSTILE
            page.run("document.querySelectorAll('details').forEach((each) => each.open = true)")
            assert page.run("document.documentElement.scrollWidth") <= width
        page.run("document.querySelector('textarea').value = 'broken'")
        page.run("document.querySelector('button').click()")
        page.wait_for("document.getElementById('status').textContent.startsWith('500: the model failed')")
        others = [each for each in page.problems if server.url not in each and "500" not in each]
        assert others == [], json.dumps(others)
