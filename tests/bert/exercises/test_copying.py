"""A student's copy is the project with blank functions: the rest of it is the same, and runs."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bert.__main__ import main
from bert.errors import InputError
from bert.exercises import copying, table
from bert.exercises.copying import tracked_files, write_copy
from bert.exercises.functions import blank, find_function
from bert.exercises.table import EXERCISES, ROOT, choose
from tests.bert.exercises.copies import fill_in, source_of

IMPORTS = [  # imports every module, and runs what touches no blank; then what does
    "import bert, importlib, pathlib",
    "for folder in ('bert', 'data', 'finetuning', 'pretraining'):",
    "    for path in pathlib.Path(folder).rglob('*.py'):",
    "        if path.stem != '__main__':",
    "            importlib.import_module('.'.join(path.with_suffix('').parts).removesuffix('.__init__'))",
    "from bert import BertConfig, BertForPreTraining",
    "model = BertForPreTraining(BertConfig(11, 4, 1, 2, 8))",
    "try:",
    "    model.bert.embeddings(None, None, None)",
    "except NotImplementedError as error:",
    "    print(error)",
]


def modules_but(text: str, functions: list[str]) -> str:
    """A file's tree, without the bodies of functions."""
    tree = ast.parse(text)
    for function in functions:
        node = find_function(tree, function)
        assert node is not None
        del node.body[1:]
    return ast.dump(tree)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("students") / "copy"
    write_copy(folder, EXERCISES)
    return folder


def test_the_copy_has_every_tracked_file_and_nothing_else(copy):
    found = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if not path.is_dir() or path.is_symlink()}
    assert found == set(tracked_files(ROOT))
    with_blanks = {exercise.file for exercise in EXERCISES}
    for file in found - with_blanks:
        assert (copy / file).read_bytes() == (ROOT / file).read_bytes()
        assert os.access(copy / file, os.X_OK) == os.access(ROOT / file, os.X_OK)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_a_blank_function_keeps_its_signature_and_docstring_and_raises_the_hint(copy, exercise):
    text = (copy / exercise.file).read_text(encoding="utf-8")
    node, solution = (find_function(ast.parse(each), exercise.function) for each in (text, source_of(exercise)))
    assert node is not None and solution is not None
    assert ast.dump(node.args) == ast.dump(solution.args)
    assert ast.get_docstring(node) == ast.get_docstring(solution)
    raising = ast.unparse(node.body[1:])
    assert len(node.body) == 2 and raising.startswith("raise NotImplementedError")
    for words in (exercise.name, exercise.section, exercise.hint):
        assert words in raising
    same_file = [each.function for each in EXERCISES if each.file == exercise.file]
    assert modules_but(text, same_file) == modules_but(source_of(exercise), same_file)
    assert max(map(len, text.split("\n"))) <= 120


def test_filling_in_every_solution_gives_the_project_again(tmp_path):
    write_copy(tmp_path / "copy", EXERCISES)
    for exercise in EXERCISES:
        assert (tmp_path / "copy" / exercise.file).read_text(encoding="utf-8") != source_of(exercise)
        fill_in(tmp_path / "copy", exercise)
    for exercise in EXERCISES:
        assert (tmp_path / "copy" / exercise.file).read_text(encoding="utf-8") == source_of(exercise)


def test_comments_elsewhere_stay_and_a_blank_function_can_be_blanked_again():
    text = source_of(EXERCISES[0]) + "\n\n# a comment at the end\n"
    once = blank(text, EXERCISES[0])
    assert once.endswith("\n\n# a comment at the end\n")
    assert blank(once, EXERCISES[0]) == once


def test_every_module_of_a_copy_can_be_imported_and_a_blank_says_its_hint(copy):
    result = run(copy, "-c", "\n".join(IMPORTS))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("exercise embeddings (Devlin et al. 2018, section 3 and figure 2): look up three")


def test_with_names_only_these_functions_are_blank(tmp_path, capsys):
    assert main(["exercises", str(tmp_path / "copy"), "--only", "gelu", "attention"]) == 0
    printed = capsys.readouterr().out
    assert "2 functions are blank" in printed and "grade ." in printed and "bert/activations.py" in printed
    changed = [e.name for e in EXERCISES if (tmp_path / "copy" / e.file).read_text(encoding="utf-8") != source_of(e)]
    assert changed == ["attention", "heads", "gelu"]  # heads is in the file of attention
    assert "raise NotImplementedError" in (tmp_path / "copy/bert/model/attention.py").read_text(encoding="utf-8")


def test_a_copy_graded_by_itself_needs_no_solution_of_another_exercise(tmp_path):
    """Every second one is solved. The others are blank in all that the checks run."""
    folder = tmp_path / "copy"
    for first in (0, 1):
        write_copy(folder / str(first), EXERCISES)
        for exercise in EXERCISES[first::2]:
            fill_in(folder / str(first), exercise)
        result = run(folder / str(first), "-m", "bert", "grade", ".", "--seconds", "100")
        assert result.returncode == 1, result.stderr
        rows = {line.split()[0]: line for line in result.stdout.splitlines()[1:-1]}
        for exercise in EXERCISES:
            state = "passed" if exercise in EXERCISES[first::2] else "not yet"
            assert f" {state}" in rows[exercise.name], rows[exercise.name]


@pytest.mark.parametrize("what", ["a file", "a folder", "an empty folder"])
def test_an_output_that_is_there_is_refused_and_stays(tmp_path, capsys, what):
    output = tmp_path / "copy"
    if what == "a file":
        output.write_text("mine")
    else:
        output.mkdir()
        if what == "a folder":
            (output / "mine.txt").write_text("mine")
    assert main(["exercises", str(output)]) == 2
    assert capsys.readouterr().err.endswith("copy: is there already; name a directory that is not\n")
    assert output.is_file() or len(list(output.iterdir())) == (what == "a folder")


def test_an_unknown_exercise_is_named_beside_the_known_ones():
    with pytest.raises(InputError, match="--only lstm: no exercise has this name; the exercises are wordpiece, "):
        choose(["gelu", "lstm"])
    assert [exercise.name for exercise in choose(["gelu", "masking"])] == ["masking", "gelu"]


def test_the_installed_package_and_a_folder_without_git_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(copying, "ROOT", tmp_path)
    monkeypatch.setattr(table, "ROOT", tmp_path)
    with pytest.raises(InputError, match="is an installed package, which lacks tests; run this in a clone"):
        write_copy(tmp_path / "out", EXERCISES)
    for file in ["tests/x", *(exercise.file for exercise in EXERCISES)]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(InputError, match=r"git lists no files here \(.+\); run this in a clone"):
        write_copy(tmp_path / "out", EXERCISES)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"git lists no files here \(No such file or directory\)"):
        write_copy(tmp_path / "out", EXERCISES)
    assert not (tmp_path / "out").exists()


def test_a_copy_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "blank", fail)
    with pytest.raises(InputError, match="the disk is full"):
        write_copy(tmp_path / "copy", EXERCISES)
    assert not (tmp_path / "copy").exists()
    monkeypatch.setattr(copying, "tracked_files", lambda _: ["no such file"])
    with pytest.raises(InputError):
        write_copy(tmp_path / "copy", EXERCISES)
    assert not (tmp_path / "copy").exists()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_the_page_lists_the_exercises_in_order():
    page = (ROOT / "docs/exercises.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| \[`\w+\.py`\]\(\.\./([\w/.]+)\) \|", page, re.M)
    assert rows == [(exercise.name, exercise.file) for exercise in EXERCISES]
