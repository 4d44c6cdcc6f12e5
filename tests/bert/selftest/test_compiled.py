"""``--compile`` compares the compiled model with the eager one. Here Python takes the compiler's place."""

import pytest
import torch

from bert.__main__ import main
from bert.errors import InputError
from bert.selftest import compiled
from bert.selftest.compiled import compiled_rows
from bert.selftest.rows import Section

CPU = torch.device("cpu")


@pytest.fixture
def as_compiler(monkeypatch):
    """Makes a function compile: it takes a part's forward, and gives what runs in its place."""
    return lambda function: monkeypatch.setattr(torch, "compile", lambda forward, **options: function(forward))


def test_a_compiler_that_changes_nothing_holds_both_bounds(as_compiler):
    as_compiler(lambda forward: forward)
    rows = list(compiled_rows(CPU, compiles=True))
    assert [row.is_broken for row in rows] == [False, False]
    assert all(row.error is not None for row in rows)


def test_a_compiler_that_changes_numbers_is_found(as_compiler):
    def with_other_numbers(forward):
        def run(*arguments, **more):
            found = forward(*arguments, **more)
            return (found[0] * 1.01, *found[1:]) if type(found) is tuple else found

        return run

    as_compiler(with_other_numbers)
    assert [row.name for row in compiled_rows(CPU, compiles=True) if row.is_broken] == [compiled.NAMES[0]]


def test_wrong_masks_break_the_row_and_say_what_is_wrong(as_compiler, monkeypatch):
    def check(*arguments, **more):
        raise InputError("masks repeat")

    as_compiler(lambda forward: forward)
    monkeypatch.setattr(compiled, "check_compiled_dropout", check)
    _, row = compiled_rows(CPU, compiles=True)
    assert row.is_broken and row.note == "masks repeat"


def test_without_the_flag_the_rows_say_how_to_try():
    assert [(row.error, row.note) for row in compiled_rows(CPU, compiles=False)] == [(None, compiled.REASON)] * 2


def test_a_machine_without_a_compiler_is_one_sentence(as_compiler, monkeypatch, capsys):
    def no_compiler(model):
        raise InputError("--compile: the model's parts cannot be compiled here")

    monkeypatch.setattr(compiled, "compiled_parts", no_compiler)
    monkeypatch.setattr("bert.commands.selftest.sections", lambda *given: [section(*given)])
    assert main(["selftest", "--compile", "--device", "cpu"]) == 2
    assert capsys.readouterr().err.endswith("--compile: the model's parts cannot be compiled here\n")


def section(subject, device, compiles):
    """The section of the compiler alone."""
    return Section("compiled", compiled_rows(device, compiles))
