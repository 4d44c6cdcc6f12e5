"""The built-in corpus: the documentation that every Python installation with numpy and torch carries.

It needs no download, and the repository holds nobody's text. A document is all docstrings of one module of the standard
library, numpy or torch. Articles of the language reference, as ``help()`` shows them, are documents as well
(``pydoc_data/topics.py``). The parser, ``ast``, finds docstrings in source files; no module is imported.
"""

import ast
import gc
import hashlib
import importlib.util
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from bert.workers import in_order
from data.text.docstrings import docstring_sentences

_LIBRARIES = ("numpy", "torch")
_NOT_DOCUMENTATION = frozenset({"test", "tests", "testing", "idle_test", "site-packages", "__pycache__"})
_FILES_PER_TASK = 16
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
    """The documents of the built-in corpus, each with its library.

    Only the first copy of a docstring is kept. Torch and numpy repeat themselves, and a held-out document that is also
    in the training would be no test. Files that cannot be read or parsed are left out, and so are documents of fewer
    than two sentences.

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
    """A string that changes with the files of the built-in corpus."""
    metadata: list[object] = [sys.version]
    for _, _, path in _source_files():
        status = os.stat(path)
        metadata.append((str(path), status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(metadata).encode()).hexdigest()


def _modules(processes: int) -> Iterator[tuple[str, str, list[list[str]]]]:
    """(library, module or topic, sentences of each docstring), in the order of ``_source_files``."""
    files = list(_source_files())
    paths = [path for _, _, path in files]
    tasks = (paths[first : first + _FILES_PER_TASK] for first in range(0, len(paths), _FILES_PER_TASK))
    found = chain.from_iterable(in_order(_read_files, tasks, processes))
    for (library, name, _), docstrings in zip(files, found, strict=True):
        if name == "pydoc_data.topics":
            for topic, prose in docstrings:
                yield "language reference", topic, [prose]
        else:
            yield library, name, [prose for _, prose in docstrings]


def _source_files() -> Iterator[tuple[str, str, Path]]:
    return source_files(_LIBRARIES)


def source_files(libraries: Sequence[str]) -> Iterator[tuple[str, str, Path]]:
    """(library, dotted module name, path) of each source file, sorted within its library.

    The standard library comes first, as "python". Libraries that are not installed have no files.
    """
    roots = [("python", Path(sysconfig.get_paths()["stdlib"]))]
    for library in libraries:
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


def _read_files(paths: list[Path]) -> list[list[tuple[str, list[str]]]]:
    """(name, sentences) of each docstring of each file."""
    with faster_parsing():
        return [[(name, docstring_sentences(text)) for name, text in parse_docstrings(path)] for path in paths]


@contextmanager
def faster_parsing() -> Iterator[None]:
    """Stops the search for cycles: syntax trees are many small objects without any. It takes a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def parse_docstrings(path: Path) -> list[tuple[str, str]]:
    """(name, docstring) of the module, its classes and its functions, in the order of the file.

    A file that cannot be read or parsed has none.
    """
    try:
        source = path.read_bytes()
        if b'"""' not in source and path.name != "topics.py":
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escape sequences in other people's strings
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return list(_topics(tree) if path.parent.name == "pydoc_data" else _docstrings(tree))


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
    """Docstrings that torch and numpy attach to functions written in C: ``add_docstr(torch.abs, "...")``."""
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
