"""The Python in the pages for readers, and what it prints.

python -m tests.docs.snippets    # writes what the snippets of the walk print into its pages, in both languages
"""

import contextlib
import io
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WALK = [*sorted(ROOT.glob("docs/walk/*.md")), *sorted(ROOT.glob("docs/zh/*.md"))]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
# A snippet, and the output below it, if the page has one.
SNIPPET = re.compile(r"^```python\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?", re.M | re.S)


def snippets_of(page: Path) -> list[tuple[str, str]]:
    """Each snippet of a page, with the output that the page shows; empty if it shows none."""
    return SNIPPET.findall(page.read_text(encoding="utf-8"))


def outputs_of(page: Path) -> list[str]:
    """What the snippets of a page print, run one after another, as a reader would paste them."""
    names: dict = {"__name__": "__main__"}
    outputs = []
    for code, _ in snippets_of(page):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, str(page), "exec"), names)
        outputs.append(printed.getvalue())
    return outputs


def rerecord(page: Path) -> None:
    """Writes the outputs of a page's snippets into the page."""
    outputs = iter(outputs_of(page))

    def with_output(found: re.Match) -> str:
        output = next(outputs)
        return f"```python\n{found[1]}```\n" + (f"\n```text\n{output}```\n" if output else "")

    text = page.read_text(encoding="utf-8")
    page.write_text(SNIPPET.sub(with_output, text), encoding="utf-8")


if __name__ == "__main__":
    for each in WALK:
        rerecord(each)
