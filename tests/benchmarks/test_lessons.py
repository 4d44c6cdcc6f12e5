"""The lessons: small trainings that are compared seed by seed, and the table and page of what they show."""

from benchmarks.lessons.corpus import write_texts
from data.corpus.held_out import is_held_out
from data.text.corpora import read_documents
from data.text.python_docs import PythonDocument
from tests.conftest import make_documents

LIBRARIES = ("python", "numpy", "torch")


def make_library(count: int) -> list[PythonDocument]:
    """Documents of three libraries, of words that mean nothing together."""
    return [
        PythonDocument(LIBRARIES[number % 3], f"module{number}", sentences)
        for number, sentences in enumerate(make_documents(count, seed=3))
    ]


def test_no_lesson_reads_a_document_that_the_first_command_holds_out(tmp_path):
    library = make_library(80)
    texts = write_texts(tmp_path, library)
    kept = [document.sentences for index, document in enumerate(library) if not is_held_out(index)]
    left_out = [document.sentences for index, document in enumerate(library) if is_held_out(index)]
    assert len(left_out) > 1
    assert list(read_documents([texts.corpus])) == kept
    written = "".join(path.read_text() for path in texts)
    assert not any(sentence in written for sentences in left_out for sentence in sentences)
    assert all(sentence in written for sentence in kept[0])  # the control


def test_the_texts_are_written_once(tmp_path):
    texts = write_texts(tmp_path, make_library(20))
    before = texts.corpus.read_bytes()
    assert write_texts(tmp_path, make_library(30)) == texts
    assert texts.corpus.read_bytes() == before
