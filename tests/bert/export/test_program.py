"""A program of PyTorch gives our own model's numbers at every shape."""

import pytest
import torch

from bert.export.forms import form_of
from bert.export.parts import parts_of
from bert.export.program import open_program, write_program
from tests.bert.export.heads import SHAPES, batch_for, largest_difference, small_model


@pytest.mark.parametrize("name", ["choices", "relations"])  # the two with inputs of their own
def test_the_program_takes_other_shapes_than_it_was_made_with(name, tmp_path):
    head = small_model(name)
    write_program(tmp_path / "model.pt2", parts_of(head)["model"], int8=False)
    run = open_program(tmp_path / "model.pt2")
    for batch, seq in SHAPES:
        inputs = batch_for(head, batch, seq)
        with torch.no_grad():
            assert largest_difference(form_of(head).read(head, inputs), run(inputs)) < 1e-5


def test_a_model_of_an_unknown_class_is_refused():
    from bert.errors import InputError

    with pytest.raises(InputError, match="class Linear has no form for export"):
        parts_of(torch.nn.Linear(2, 2))
