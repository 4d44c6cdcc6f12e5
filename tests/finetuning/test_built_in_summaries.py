"""The built-in summaries: held-out modules, the same each time, and a log line that names the libraries."""

import re

import pytest

import data.text.docstring_summaries
from data.text.docstring_summaries import LIBRARIES, DocstringSummary
from data.text.python_docs import source_files
from finetuning.built_in_summaries import DEV_PAIRS, summary_pairs, summary_sets


def summaries(count, modules):
    return [
        DocstringSummary("python", f"module_{number % modules}", f"Do {number}.", [f"Of {number}.", "And so on."])
        for number in range(count)
    ]


def modules_of(pairs, modules):
    return {(pair.line - 1) % modules for pair in pairs}


@pytest.mark.parametrize(("count", "modules", "least"), [(70, 10, 14), (6600, 330, DEV_PAIRS)])
def test_modules_are_training_or_validation_and_never_both(count, modules, least):
    training, dev = summary_pairs(summaries(count, modules))
    assert not modules_of(training, modules) & modules_of(dev, modules)
    assert sorted(pair.line for pair in training + dev) == list(range(1, count + 1))
    assert least <= len(dev) < least + count / modules  # whole modules, until there are enough
    assert modules_of(dev, modules) != set(range(len(modules_of(dev, modules))))  # random ones
    assert summary_pairs(summaries(count, modules)) == (training, dev)


def test_a_module_of_the_same_name_in_another_library_is_another_module():
    both = [each._replace(library=library) for library in ("python", "torch") for each in summaries(10, 5)]
    sizes = [len(part) for part in summary_pairs(both)]
    assert sizes == [16, 4]  # two modules of two pairs each


def test_a_pair_is_the_rest_and_its_summary():
    training, dev = summary_pairs(summaries(10, 10))
    by_line = {pair.line: pair for pair in training + dev}
    assert by_line[4] == (4, ("Of 3. And so on.",), "Do 3.")


def test_this_installation_has_pairs_and_the_log_names_its_libraries(monkeypatch):
    files = list(source_files(LIBRARIES))[::80]
    monkeypatch.setattr(data.text.docstring_summaries, "source_files", lambda libraries: iter(files))
    lines = []
    sets = summary_sets(lambda *said: lines.extend(said))
    assert set(sets) == {"train", "dev"}
    (_, training), (_, dev) = sets["train"], sets["dev"]
    assert len(dev) < len(training) / 2 and len(dev) >= (len(training) + len(dev)) // 5
    counts = re.findall(r"([\d,]+) of (the standard library|[\w-]+)", lines[-1])
    assert [name for _, name in counts] == ["the standard library", "numpy", "torch", "scikit-learn", "matplotlib"]
    assert sum(int(count.replace(",", "")) for count, _ in counts) == len(training) + len(dev)
    assert not {pair.target for pair in training} & {pair.target for pair in dev}
