"""Grading: the score rises with each solution, and no code of a student's can stop it."""

import json
import os
import random
import time
from pathlib import Path

import pytest
import torch

from bert.__main__ import main
from bert.exercises import table as exercise_table
from bert.exercises.checking import check
from bert.exercises.grading import _state_and_sentence, grade
from bert.exercises.results import NOT_YET, PASSED, WRONG, Result, count_passed, gradescope, table
from bert.exercises.students_module import load_module
from bert.exercises.table import EXERCISES, ROOT
from tests.bert.exercises.copies import BY_NAME, fill_in, source_of, with_body, write, write_blank_files

# A line of code as the function's body, and what the sentence has of it.
BODIES = {
    "wordpiece": ("import time; time.sleep(10**6)", "did not end within 10 seconds"),
    "sentence_pairs": ("raise SystemExit(0)", "the code ends the program in line"),
    "masking": ("import os; os._exit(0)", "the code ended its process (exit code 0)"),
    "embeddings": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed its process (SIGSEGV)"),
    "layer_norm": ("return weight * statess", "of bert/layer_norm.py raises NameError: name 'statess'"),
    "gelu": ("return gelu(x)", "raises RecursionError"),
    "loss": ("print('a\\x1b[31m\\nb' * 9_000); return 1", "returns a value of the type int, but 3 results"),
    "adamw": ("while True: print('x' * 10**6)", "raises OSError: [Errno 27] File too large"),
    "schedule": ("raise NotImplementedError('soon')", "soon"),
    "checkpoint_names": ("open('stray.txt', 'w').write('x'); return None", 'becomes "None", but our name is'),
    "entities": (
        "import subprocess; subprocess.Popen(['sleep', '3271']); return []",
        '"B-PER O B-LOC" give []',
    ),
}


def test_each_solution_raises_the_score_by_one(tmp_path):
    write_blank_files(tmp_path)
    order = list(EXERCISES)
    random.Random(0).shuffle(order)
    for solved in range(len(order) + 1):
        states = {exercise.name: check(exercise, tmp_path).state for exercise in EXERCISES}
        assert [states[exercise.name] for exercise in order] == [PASSED] * solved + [NOT_YET] * (len(order) - solved)
        if solved < len(order):
            fill_in(tmp_path, order[solved])


def test_the_project_itself_passes_and_an_exit_code_says_so(tmp_path, capsys):
    started = time.monotonic()
    assert main(["grade", str(ROOT), "--seconds", "100", "--json", str(tmp_path / "results.json")]) == 0
    assert time.monotonic() - started < 180
    assert capsys.readouterr().out.endswith("\n16 of 16 passed\n")
    written = json.loads((tmp_path / "results.json").read_text())
    assert [test["score"] for test in written["tests"]] == [1] * 16


def test_no_code_stops_the_grading_of_the_others(tmp_path):
    write_blank_files(tmp_path)
    for name, (body, _) in BODIES.items():
        write(tmp_path, BY_NAME[name].file, with_body(BY_NAME[name], body))
    write(tmp_path, BY_NAME["encoder_layer"].file, source_of(BY_NAME["encoder_layer"]) + "\nx = (\n")
    write(
        tmp_path, BY_NAME["best_span"].file, source_of(BY_NAME["best_span"]).replace("def best_span", "def worst_span")
    )
    fill_in(tmp_path, BY_NAME["heads"])
    results = {result.exercise: result for result in grade(tmp_path, EXERCISES, seconds=10)}
    for name, (_, words) in BODIES.items():
        assert words in results[name].sentence, results[name]
        assert results[name].state == (NOT_YET if name == "schedule" else WRONG)
    assert results["encoder_layer"].sentence.startswith("Python cannot read line")
    assert "the function must keep its name" in results["best_span"].sentence
    assert results["weight_decay"].state == PASSED  # it is in the file of adamw, whose loop has no end
    assert (results["heads"].state, results["attention"].state) == (PASSED, NOT_YET)
    assert results["loss"].printed.startswith("a\x1b[31m") or "b" in results["loss"].printed
    assert len(results["loss"].printed) <= 2_000
    assert all("\x1b" not in line for line in map(ascii, table(list(results.values()))))
    assert not Path("stray.txt").exists()
    assert not any(b"3271" in command_line(process) for process in Path("/proc").glob("[0-9]*"))


def command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def test_an_error_while_the_file_is_imported_is_named(tmp_path):
    exercise = BY_NAME["gelu"]
    write(tmp_path, exercise.file, source_of(exercise) + "\nimport no_such_module\n")
    assert "raises ModuleNotFoundError: No module named 'no_such_module'" in check(exercise, tmp_path).sentence
    write(tmp_path, exercise.file, "caf\xe9 = '\x00'\n")
    assert "Python cannot read" in check(exercise, tmp_path).sentence
    (tmp_path / exercise.file).unlink()
    assert check(exercise, tmp_path) == Result("gelu", NOT_YET, "bert/activations.py is not there")


def test_a_line_of_a_message_is_the_line_in_the_students_file(tmp_path):
    exercise = BY_NAME["heads"]  # the second blank of its file
    write_blank_files(tmp_path)
    text = (tmp_path / exercise.file).read_text(encoding="utf-8")
    lines = text.split("\n")
    place = max(number for number, line in enumerate(lines) if "raise NotImplementedError(" in line)
    lines[place] = "        1 / 0; raise NotImplementedError("
    write(tmp_path, exercise.file, "\n".join(lines))
    expected = f"line {place + 1} of bert/model/attention.py raises ZeroDivisionError: division by zero"
    assert check(exercise, tmp_path).sentence == expected


def test_a_kernel_does_not_hide_an_error(tmp_path):
    exercise = BY_NAME["layer_norm"]
    write(tmp_path, exercise.file, with_body(exercise, "return states"))
    states, module = torch.randn(3, 5), load_module(exercise, tmp_path)
    with_kernel = module.layer_norm(states, torch.ones(5), torch.zeros(5), 1e-3)
    assert not torch.equal(with_kernel, states)  # the control: the kernel runs, and is right
    assert check(exercise, tmp_path).state == WRONG


def test_helpers_and_imports_of_the_students_file_may_be_used(tmp_path):
    exercise = BY_NAME["layer_norm"]
    text = "import math\n" + source_of(exercise).replace(
        "    centered = states - states.mean(dim=-1, keepdim=True)\n", "    centered = helper(states)\n"
    )
    text += "\n\ndef helper(states):\n    return states - states.mean(dim=-1, keepdim=True) * math.cos(0)\n"
    write(tmp_path, exercise.file, text)
    assert check(exercise, tmp_path).state == PASSED


def test_the_students_module_does_not_take_the_place_of_ours(tmp_path):
    import bert.activations

    write_blank_files(tmp_path)
    module = load_module(BY_NAME["gelu"], tmp_path)
    assert module is not bert.activations and module.gelu is not bert.activations.gelu
    assert module.__file__ == str(tmp_path / "bert/activations.py")


@pytest.mark.parametrize(
    "message", [b"", b"\x80\x04.", b"[1, 2]", b'["passed"]', b'{"a": 1}', b'["perfect", ""]', b"7"]
)
def test_what_a_students_process_says_is_read_as_text_alone(message):
    assert _state_and_sentence(message) == (WRONG, "the process of the code gave no result that can be read")
    assert _state_and_sentence(b'["passed", ""]') == (PASSED, "")


def test_the_table_has_a_line_for_each_exercise_and_what_its_code_printed():
    results = [
        Result("gelu", PASSED, printed="noise"), Result("masking", NOT_YET, "a hint"),
        Result("attention", WRONG, "no scale", printed="one\ntwo"),
    ]  # fmt: skip
    assert table(results) == [
        "exercise   result   what is missing or wrong",
        "gelu       passed",
        "masking    not yet  a hint",
        "attention  wrong    no scale",
        "           printed  one",
        "           printed  two",
        "1 of 3 passed",
    ]
    assert count_passed(results) == 1


def test_the_json_has_gradescopes_fields():
    written = gradescope([Result("gelu", PASSED), Result("attention", WRONG, "no scale", "a\nb\n")], 1.234)
    assert written["output"] == "1 of 2 exercises passed" and written["execution_time"] == 1.23
    assert written["tests"] == [
        {
            "name": "gelu: GELU", "number": "1", "score": 1, "max_score": 1, "status": "passed", "output": "passed",
            "output_format": "text",
        },
        {
            "name": "attention: scaled dot-product attention", "number": "2", "score": 0, "max_score": 1,
            "status": "failed", "output": "wrong: no scale\nprinted: a\nprinted: b", "output_format": "text",
        },
    ]  # fmt: skip


def test_some_files_at_their_places_are_enough_and_one_exercise_can_be_graded(tmp_path, capsys):
    write(tmp_path, "bert/layer_norm.py", source_of(BY_NAME["layer_norm"]))
    write(tmp_path, "bert/activations.py", with_body(BY_NAME["gelu"], "return x"))
    assert main(["grade", str(tmp_path), "--only", "gelu", "layer_norm"]) == 1
    printed = capsys.readouterr().out
    assert "layer_norm  passed" in printed and "gelu        wrong" in printed and "1 of 2 passed" in printed
    assert main(["grade", str(tmp_path), "--only", "layer_norm"]) == 0


def test_an_installed_package_is_told_to_use_a_clone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exercise_table, "ROOT", tmp_path)
    assert main(["grade", "."]) == 2
    assert "is an installed package, which lacks tests; run this in a clone" in capsys.readouterr().err


def test_a_folder_without_exercises_is_bad_input(tmp_path, capsys):
    for folder, sentence in (
        (tmp_path, "has no file of any exercise, such as bert/tokenization/wordpiece.py; name the folder"),
        (tmp_path / "nothing", "nothing: no such directory; name the folder"),
    ):
        assert main(["grade", str(folder)]) == 2
        error = capsys.readouterr().err
        assert sentence in error and len(error.splitlines()) == 1
    write(tmp_path, "bert/layer_norm.py", source_of(BY_NAME["layer_norm"]))
    assert main(["grade", str(tmp_path), "--only", "lstm"]) == 2
    results = os.path.join(tmp_path, "bert")
    assert main(["grade", str(tmp_path), "--only", "layer_norm", "--json", results]) == 2
    assert f"{results}: cannot be written" in capsys.readouterr().err
