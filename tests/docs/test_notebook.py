"""The notebook runs from its first cell to its last, and its two files hold the same cells."""

import os

import pytest

from tests.conftest import make_documents
from tests.docs.snippets import ROOT

NOTEBOOK = ROOT / "docs/notebooks/first_minutes.ipynb"
FLAGS = 'flags = ["--max-minutes", "1", "--output", run]'
SHORTER = '["--vocab-size", "300", "--max-steps", "4", "--batch-size", "8", "--workers", "1"]'

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The cells of the notebook after all have run, with a small corpus and a few updates."""
    import nbclient
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    corpus = folder / "corpus.txt"
    corpus.write_text("\n\n".join("\n".join(document) for document in make_documents(40)), encoding="utf-8")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    first = next(cell for cell in notebook.cells if FLAGS in cell.source)
    first.source = first.source.replace(FLAGS, f'{FLAGS} + {SHORTER} + ["--corpus", {str(corpus)!r}]')
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(os.environ, "OMP_NUM_THREADS", "1")
        nbclient.NotebookClient(
            notebook, timeout=120, kernel_name="python3", allow_errors=True,
            resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        ).execute()  # fmt: skip
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def errors_of(cell) -> list[str]:
    return [output.evalue for output in cell.outputs if output.output_type == "error"]


def shown_by(cell) -> set[str]:
    """The kinds of what a cell shows."""
    return {kind for output in cell.outputs for kind in output.get("data", ())}


def test_every_cell_but_the_last_runs(executed):
    for cell in executed[:-1]:
        assert not errors_of(cell), cell.source


def test_it_shows_the_curve_and_the_attention(executed):
    assert sum("image/png" in shown_by(cell) for cell in executed) == 2
    printed = "".join(output.get("text", "") for cell in executed for output in cell.outputs)
    assert "Finished at step 4" in printed
    assert "Returns the [MASK] of the array.\n  " in printed


def test_the_last_cell_shows_the_page(executed):
    assert not errors_of(executed[-1])
    assert 'srcdoc="&lt;!doctype html' in executed[-1].outputs[-1]["data"]["text/html"].lower()


def test_its_two_files_hold_the_same_cells():
    """After a change of one of them: jupytext --sync docs/notebooks/first_minutes.py"""
    import jupytext

    cells = [
        [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]
        for path in (NOTEBOOK, NOTEBOOK.with_suffix(".py"))
    ]
    assert cells[0] == cells[1]


def test_it_is_kept_without_outputs():
    import nbformat

    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) > 4
    assert not any(cell.outputs or cell.execution_count for cell in cells)
