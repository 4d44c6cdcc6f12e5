"""The page as one file: its HTML, styles, scripts, words and data, which asks for nothing from elsewhere.

The parts lie in ``page/``, each to be read and tested alone. The scripts are JavaScript's modules. A page from a disk
may not import modules. So in the page they stand behind each other, each as a function.

A text or a piece in the page is data, never markup. The scripts write it as text alone. A policy in the page
(Content-Security-Policy) forbids all other scripts and styles, and every request.
"""

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

PARTS = Path(__file__).parent / "page"
LANGUAGES = ("en", "zh")
# Each comes after those that it imports from.
SCRIPTS = (
    "normalization.js", "added_tokens.js", "wordpiece.js", "sentence.js", "encoding.js", "weights.js", "tensors.js",
    "model.js", "heads.js", "fine_tuned.js", "derivatives.js", "backward.js", "scores.js", "answers.js", "elements.js",
    "words.js", "drawing.js", "explorer.js", "views/pieces.js", "views/predictions.js", "views/classes.js",
    "views/tags.js", "views/answer.js", "views/embeddings.js", "views/attention.js", "views/lines.js",
    "views/matrix.js", "views/product.js", "views/lens.js", "views/norms.js", "views/heat.js", "views/replay.js",
    "views/shapes.js", "main.js",
)  # fmt: skip
_POLICY = "default-src 'none'"
_STYLES = '<link rel="stylesheet" href="page.css">'
_SCRIPT = '<script type="module" src="main.js"></script>'


def explorer_page(data: dict, weights: Sequence[str]) -> str:
    """The whole page.

    Args:
        data: what the scripts read: settings, as JSON can hold them. The words of both languages are added here.
        weights: the packed weights of each checkpoint.
    """
    styles, script = _part("page.css"), joined_scripts()
    words = {language: json.loads(_part(f"words/{language}.json")) for language in LANGUAGES}
    content = json.dumps(data | {"words": words}, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    blocks = [f'<script type="application/json" id="data">{content}</script>']
    blocks += [
        f'<script type="text/plain" id="weights-{index}">{packed}</script>' for index, packed in enumerate(weights)
    ]
    policy = f"{_POLICY}; script-src {_hash(script)}; style-src {_hash(styles)}; img-src data:; base-uri 'none'"
    page = _part("page.html")
    for part, content in (
        (_POLICY, policy),
        (_STYLES, f"<style>{styles}</style>"),
        (_SCRIPT, "\n".join([*blocks, f'<script type="module">{script}</script>'])),
    ):
        before, after = page.split(part)
        page = before + content + after
    return page


def joined_scripts(names: Sequence[str] = SCRIPTS) -> str:
    """The scripts as one. Each is a function, called at once, that gives what the script exports."""
    return "\n".join(["const modules = {};", *map(_as_function, names)])


def _as_function(name: str) -> str:
    def taken(match: re.Match) -> str:
        return f'const {match[1]} = modules["{posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))}"];'

    script = re.sub(r'^import (\{[^}]*\}) from "([^"]*)";$', taken, _part(name), flags=re.M)
    exported = re.findall(r"^export (?:async )?(?:function|const) (\w+)", script, flags=re.M)
    script = re.sub(r"^export ", "", script, flags=re.M)
    return f'modules["{name}"] = (() => {{\n{script}return {{ {", ".join(exported)} }};\n}})();'


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """How a Content-Security-Policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
