"""Plants an error in memory: a file's functions get the code that they would have if its text were another."""

import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from bert import fast

ROOT = Path(__file__).parents[3]


def plant(monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str) -> None:
    """Exchanges ``old``, which must be once in the file, for ``new``, until the test ends."""
    name = file.removesuffix(".py").replace("/", ".")
    module = import_module(name)
    source = (ROOT / file).read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{file} holds {source.count(old)} times: {old}"
    changed = ModuleType(name)
    monkeypatch.setattr(fast, "_names", list(fast._names))  # the file's kernels would be registered twice
    monkeypatch.setitem(sys.modules, name, changed)  # dataclasses look their module up
    exec(compile(source.replace(old, new), file, "exec"), vars(changed))
    monkeypatch.setitem(sys.modules, name, module)
    codes = dict(functions_of(changed))
    for path, function in functions_of(module):
        monkeypatch.setattr(function, "__code__", codes[path].__code__)


def functions_of(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """The functions and methods of a module, by their paths in it."""
    for path, member in list(vars(module).items()):
        if inspect.isclass(member) and member.__module__ == module.__name__:
            for name, method in vars(member).items():
                method = getattr(method, "fget", None) or getattr(method, "__func__", method)
                if isinstance(method, FunctionType) and method.__module__ == module.__name__:
                    yield f"{path}.{name}", inspect.unwrap(method)
        elif isinstance(member, FunctionType) and member.__module__ == module.__name__:
            yield path, inspect.unwrap(member)
