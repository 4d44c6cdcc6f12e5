"""Finding a function in a file, taking its body out, and putting another one in."""

import ast
import textwrap

from bert.exercises.table import Exercise

WIDTH = 116  # of a line, without its quotation marks


def find_function(tree: ast.AST, function: str) -> ast.FunctionDef | None:
    """The definition of "function" or "Class.method" in a file; None if there is none."""
    node: ast.AST = tree
    for part in function.split("."):
        named = [child for child in getattr(node, "body", []) if getattr(child, "name", None) == part]
        if not named:
            return None
        node = named[-1]  # of several, Python keeps the last
    return node if isinstance(node, ast.FunctionDef) else None


def blank(source: str, exercise: Exercise) -> str:
    """The source of a file with an exercise's function blank: signature, docstring, and a raise with the hint.

    All other lines stay as they are. Raises a ValueError if the function is not there, or has no docstring.
    """
    node = find_function(ast.parse(source), exercise.function)
    if node is None or ast.get_docstring(node) is None:
        raise ValueError(f"{exercise.file} has no {exercise.function} with a docstring")
    lines = source.split("\n")
    docstring = node.body[0]
    indent = " " * docstring.col_offset
    sentence = f"exercise {exercise.name} ({exercise.section}): {exercise.hint}"
    parts = textwrap.wrap(sentence, WIDTH - len(indent) - 4, drop_whitespace=False, break_long_words=False)
    raising = [f"{indent}raise NotImplementedError(", *(f'{indent}    "{part}"' for part in parts), f"{indent})"]
    return "\n".join([*lines[: docstring.end_lineno], *raising, *lines[node.end_lineno :]])


def restore(tree: ast.Module, original: ast.Module, function: str) -> None:
    """Puts the function of an original file into a file, in place. In a file without the function it is new.

    A method comes back only if the file still has its class.
    """
    new = find_function(original, function)
    if new is None:
        return
    outer, _, name = function.rpartition(".")
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == outer]
    if outer and not classes:
        return
    body = classes[-1].body if outer else tree.body
    places = [place for place, node in enumerate(body) if getattr(node, "name", None) == name]
    if places:
        body[places[-1]] = new
    else:
        body.append(new)
