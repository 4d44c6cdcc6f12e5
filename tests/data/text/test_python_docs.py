import subprocess
import sys
import textwrap

import pytest

import data.text.python_docs
from data.text.python_docs import (
    python_docs_fingerprint,
    read_named_python_docs,
    read_python_docs,
)


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Replaces this installation's libraries by one of ours."""

    def write(**modules):
        files = []
        for name, source in modules.items():
            path = tmp_path / f"{name}.py"
            path.write_text(textwrap.dedent(source), encoding="utf-8")
            files.append(("mine", name, path))
        monkeypatch.setattr(data.text.python_docs, "_source_files", lambda: iter(files))

    return write


def test_the_docstrings_of_a_module_its_classes_and_functions_are_a_document(library):
    library(
        zoo='''
        """Animals of all kinds live here. They are fed twice a day."""
        if True:
            class Zebra:
                """A zebra has many stripes."""
                async def run(self):
                    """It runs away quickly."""
        name = "a string that is no docstring"
        ''',
        empty="x = 1",
    )
    [document] = read_named_python_docs()
    assert document.library == "mine"
    assert document.name == "zoo"
    assert document.sentences == [
        "Animals of all kinds live here.",
        "They are fed twice a day.",
        "A zebra has many stripes.",
        "It runs away quickly.",
    ]
    assert list(read_python_docs()) == [document.sentences]


def test_documentation_attached_to_functions_in_c_is_read(library):
    library(
        attached='''
        add_docstr(torch.abs, r"""
        abs(input) -> Tensor

        Computes the absolute value of each element. It is never negative.
        """.format(**common_args))
        '''
    )
    [sentences] = read_python_docs()
    assert sentences == [
        "abs(input) -> Tensor",
        "Computes the absolute value of each element.",
        "It is never negative.",
    ]


def test_a_docstring_that_is_there_twice_is_kept_once(library):
    twice = 'def one():\n    """Said once and then again. Really said again."""\n'
    library(a=twice, b=twice + 'def two():\n    """Only said in here. Not in the other."""\n')
    documents = list(read_python_docs())
    assert documents == [
        ["Said once and then again.", "Really said again."],
        ["Only said in here.", "Not in the other."],
    ]


def test_files_that_cannot_be_parsed_are_left_out(library, tmp_path):
    library(broken='"""Some words here. More words here."""\ndef :', good='"""Good words here. More words here."""')
    assert list(read_python_docs()) == [["Good words here.", "More words here."]]
    (tmp_path / "good.py").write_bytes(b'"""\xff\xfe\x00"""')
    assert list(read_python_docs()) == []


@pytest.fixture(scope="module")
def some_files():
    files = list(data.text.python_docs._source_files())
    return files[::40] + [file for file in files if file[1] == "pydoc_data.topics"]


def test_this_installation_has_english_prose_in_all_its_libraries(monkeypatch, some_files):
    monkeypatch.setattr(data.text.python_docs, "_source_files", lambda: iter(some_files))
    documents = list(read_named_python_docs())
    assert {document.library for document in documents} == {"python", "numpy", "torch", "language reference"}
    assert len(documents) > 80
    sentences = [sentence for document in documents for sentence in document.sentences]
    assert min(map(len, (document.sentences for document in documents))) > 1
    with_the = sum(" the " in sentence for sentence in sentences)
    assert with_the > 0.15 * len(sentences)  # as in English; lists of names have none


def test_the_documents_do_not_depend_on_the_number_of_processes(monkeypatch, some_files):
    monkeypatch.setattr(data.text.python_docs, "_source_files", lambda: iter(some_files))
    assert list(read_named_python_docs(processes=1)) == list(read_named_python_docs(processes=2))


def test_no_library_is_imported_to_read_its_documentation():
    program = """
    import sys
    from data.text.python_docs import read_named_python_docs, python_docs_fingerprint
    next(read_named_python_docs())
    python_docs_fingerprint()
    print({"torch", "numpy", "pydoc_data.topics"} & set(sys.modules))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_fingerprint_tells_installations_apart(library):
    library(a='"""One."""')
    first = python_docs_fingerprint()
    assert python_docs_fingerprint() == first
    library(a='"""Another."""')
    assert python_docs_fingerprint() != first
