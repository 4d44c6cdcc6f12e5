"""The built-in corpus: the documentation that every Python installation with numpy and torch carries.

No download, and nobody's text in the repository. The documents are

- the docstrings of a module, for each module of the standard library, of numpy and of torch, and
- an article of the language reference, as ``help()`` shows it (``pydoc_data/topics.py``).

They are found in source files by the parser, ``ast``; no module is imported. A docstring is taken as it stands,
examples and lists of parameters included: its prose is split into sentences, and a line of code is one of its own.
"""

import ast
import gc
import hashlib
import importlib.util
import inspect
import multiprocessing
import os
import re
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from data.text.sentences import split_sentences

_LIBRARIES = ("numpy", "torch")
_NOT_DOCUMENTATION = frozenset({"test", "tests", "testing", "idle_test", "site-packages", "__pycache__"})
_DOCSTRING_CALLS = frozenset({"add_docstr", "_add_docstr", "add_newdoc", "add_docstr_all"})  # for functions in C


class PythonDocument(NamedTuple):
    """A document of the built-in corpus."""

    library: str  # "python" (the standard library), "numpy", "torch" or "language reference"
    name: str  # of the module or of the topic
    sentences: list[str]


def read_python_docs(processes: int = 1) -> Iterator[list[str]]:
    """The documents of the built-in corpus, in a fixed order, each as the list of its sentences."""
    for document in read_named_python_docs(processes):
        yield document.sentences


def read_named_python_docs(processes: int = 1) -> Iterator[PythonDocument]:
    """The documents of the built-in corpus with the library that each comes from.

    A docstring that occurs twice is kept where it occurs first: torch and numpy repeat themselves, and a
    document held out of the training would otherwise be no test. Files that cannot be read or parsed are
    left out, and so are documents of fewer than two sentences.

    Args:
        processes: how many to parse with; the result is the same.
    """
    seen: set[bytes] = set()
    for library, name, proses in _modules(processes):
        sentences = []
        for prose in proses:
            digest = hashlib.sha256("\n".join(prose).encode("utf-8", "replace")).digest()
            if digest not in seen:
                seen.add(digest)
                sentences += prose
        if len(sentences) > 1:
            yield PythonDocument(library, name, sentences)


def python_docs_fingerprint() -> str:
    """A string that changes when a file of the built-in corpus does."""
    facts = [sys.version]
    for _, _, path in _source_files():
        status = os.stat(path)
        facts.append((str(path), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def docstring_sentences(docstring: str) -> list[str]:
    """The sentences of a docstring or a topic; headings, list items and lines of code stand alone.

    >>> docstring_sentences("Returns the sum,\\nor 0.  See x.\\n\\n>>> add(1, 2)\\n3\\n\\nParameters\\n----------\\n")
    ['Returns the sum, or 0.', 'See x.', '>>> add(1, 2)', '3', 'Parameters']
    """
    sentences = []
    for paragraph, is_prose in _paragraphs(inspect.cleandoc(docstring)):
        found = split_sentences(_without_markup(paragraph)) if is_prose else [" ".join(paragraph.split())]
        sentences += [sentence for sentence in found if _WORD.search(sentence)]
    return sentences


_MARKUP = re.compile(
    r":[\w:+-]+:`[~!]?([^`<]*?)(?:\s*<[^`]*>)?`"  # :func:`name`, :ref:`text <target>`
    r"|``(.+?)``"
    r"|`([^`<>]+?)(?:\s*<[^`>]*>)?`_{0,2}"  # `name`, `text <https://...>`_
    r"|\*\*(\S(?:[^*]*\S)?)\*\*"
    r"|(?<!\w)\*(\w+)\*(?!\w)"
)
_WORD = re.compile(r"\w")
_LIST_ITEM = re.compile(r"\A(?:[-*+•]|\d+[.)]|\(\d+\)|#\.)\s+")
_UNDERLINE = re.compile(r"([-=~^\"'*+#.`])\1{2,}\s*\Z")


def _paragraphs(docstring: str) -> Iterator[tuple[str, bool]]:
    """(text, whether it is prose): lines of prose that belong together, joined; each line of code alone."""
    paragraph: list[str] = []
    indentation = 0
    code_below: int | None = None  # the indentation of the line that ended in "::", below which there is code
    in_doctest = False
    for line in [*docstring.expandtabs().splitlines(), ""]:
        text = line.strip()
        indented = len(line) - len(line.lstrip())
        if text and code_below is not None and indented <= code_below:
            code_below = None
        is_underline = _UNDERLINE.match(text) is not None
        in_doctest = bool(text) and (in_doctest or text.startswith(">>>")) and not is_underline
        is_code = bool(text) and (in_doctest or code_below is not None)
        item = _LIST_ITEM.match(text)
        if paragraph and (not text or is_code or is_underline or item or indented != indentation):
            yield " ".join(paragraph), True
            paragraph = []
        indentation = indented
        if is_code:
            yield text, False
        elif text and not is_underline:
            if text.endswith("::"):
                code_below = indented
            if item:  # its further lines stand under its text, not under its mark
                text = text[item.end() :]
                indentation += item.end()
            paragraph.append(text)


def _without_markup(text: str) -> str:
    return _MARKUP.sub(lambda match: next(group for group in match.groups() if group is not None), text)


def _modules(processes: int) -> Iterator[tuple[str, str, list[list[str]]]]:
    """(library, module or topic, sentences of each docstring), in the order of ``_source_files``."""
    files = list(_source_files())
    paths = [path for _, _, path in files]
    if processes > 1:
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        # Syntax trees are many small objects and no cycles: looking for cycles takes a sixth of the time.
        with ProcessPoolExecutor(processes, context, gc.disable) as pool:
            found = list(pool.map(_read_docstrings, paths, chunksize=16))
    else:
        found = map(_read_docstrings, paths)
    for (library, name, _), docstrings in zip(files, found, strict=True):
        if name == "pydoc_data.topics":
            for topic, prose in docstrings:
                yield "language reference", topic, [prose]
        else:
            yield library, name, [prose for _, prose in docstrings]


def _source_files() -> Iterator[tuple[str, str, Path]]:
    """(library, dotted module name, path) of each source file, sorted within its library."""
    roots = [("python", Path(sysconfig.get_paths()["stdlib"]))]
    for library in _LIBRARIES:
        specification = importlib.util.find_spec(library)  # finds a package without importing it
        if specification is not None and specification.submodule_search_locations:
            roots.append((library, Path(specification.submodule_search_locations[0])))
    for library, root in roots:
        prefix = () if library == "python" else (library,)
        for folder, subfolders, names in os.walk(root):
            subfolders[:] = sorted(set(subfolders) - _NOT_DOCUMENTATION)
            for name in sorted(names):
                if name.endswith(".py"):
                    path = Path(folder, name)
                    parts = (*prefix, *path.relative_to(root).with_suffix("").parts)
                    yield library, ".".join(parts).removesuffix(".__init__"), path


def _read_docstrings(path: Path) -> list[tuple[str, list[str]]]:
    """(name, sentences) of the module, its classes and its functions, in the order of the file."""
    try:
        source = path.read_bytes()
        if b'"""' not in source and path.name != "topics.py":
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escape sequences in other people's strings
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = _topics(tree) if path.parent.name == "pydoc_data" else _docstrings(tree)
    return [(name, docstring_sentences(text)) for name, text in found]


def _docstrings(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node, clean=False)
        if text:
            yield getattr(node, "name", ""), text
    for child in getattr(node, "body", ()):
        if isinstance(child, ast.Expr | ast.Assign) and isinstance(child.value, ast.Call):
            yield from _attached_docstrings(child.value)
        elif hasattr(child, "body"):
            yield from _docstrings(child)


def _attached_docstrings(call: ast.Call) -> Iterator[tuple[str, str]]:
    """Documentation of functions written in C, as torch and numpy attach it: ``add_docstr(torch.abs, "...")``."""
    function = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if function in _DOCSTRING_CALLS:
        for node in ast.walk(call):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
                yield function, node.value


def _topics(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The entries of the dictionary ``topics = {"assert": "...", ...}``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for name, text in zip(node.keys, node.values, strict=True):
                if isinstance(name, ast.Constant) and isinstance(text, ast.Constant):
                    yield str(name.value), str(text.value)
