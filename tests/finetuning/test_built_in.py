"""The built-in task: held-out modules, no passage that gives itself away, the same each time."""

from collections import Counter

import data.text.python_docs
from data.text.python_docs import PythonDocument
from finetuning.built_in import DEV_EXAMPLES, TRAINING_EXAMPLES, library_examples


def test_modules_are_training_or_dev_and_never_both():
    libraries = ("python", "numpy")
    documents = [
        PythonDocument(libraries[number % 2], str(number), [f"Sentence {number} {part}." for part in range(7)])
        for number in range(50)
    ]
    training, dev = library_examples(documents)
    modules = [{example.first.split()[1] for example in examples} for examples in (training, dev)]
    assert not modules[0] & modules[1]
    assert len(modules[1]) == 10
    assert len(training) == 40 * 4
    assert {(example.label, int(example.first.split()[1]) % 2) for example in training} == {("python", 0), ("numpy", 1)}
    assert library_examples(documents) == (training, dev)


def test_a_passage_that_names_a_library_is_left_out():
    sentences = ["It is a NumPy array.", "And so on.", "A plain one.", "Another one.", "Calls np.sum here.", "Yes."]
    documents = [PythonDocument("python", str(number), sentences) for number in range(10)]
    training, dev = library_examples(documents)
    assert {example.first for example in training + dev} == {"A plain one. Another one."}


def test_this_installation_tells_its_libraries_apart(monkeypatch):
    files = list(data.text.python_docs._source_files())  # every sixth will do
    monkeypatch.setattr(data.text.python_docs, "_source_files", lambda: iter(files[::6]))
    training, dev = library_examples(data.text.python_docs.read_named_python_docs())
    assert 0 < len(dev) <= DEV_EXAMPLES
    assert 0 < len(training) <= TRAINING_EXAMPLES
    for examples in (training, dev):
        counts = Counter(example.label for example in examples)
        assert set(counts) >= {"python", "numpy", "torch"}
        assert max(counts.values()) < 0.9 * len(examples)
