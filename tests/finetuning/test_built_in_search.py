"""The built-in search: validation pairs of other modules, and no pair that gives itself away."""

from data.text.docstring_summaries import DocstringSummary
from finetuning import built_in_search
from finetuning.built_in_search import names_in, search_pairs, search_sets


def summaries(count, modules):
    return [
        DocstringSummary("python", f"module_{number % modules}", f"Do {number}.", [f"Of {number}.", "And so on."])
        for number in range(count)
    ]


def test_validation_has_some_pairs_of_modules_that_training_does_not_see(monkeypatch):
    monkeypatch.setattr(built_in_search, "DEV_PAIRS", 11)
    training, dev = search_pairs(summaries(200, 40))
    modules = [{(each.line - 1) % 40 for each in part} for part in (training, dev)]
    assert not modules[0] & modules[1]
    assert len(dev) == 11 and len(modules[1]) > 3
    assert len(training) == 160
    assert search_pairs(summaries(200, 40)) == (training, dev)
    assert (dev[0].query, dev[0].text) == (f"Do {dev[0].line - 1}.", f"Of {dev[0].line - 1}. And so on.")


def test_a_pair_with_a_name_in_both_parts_is_left_out():
    named = DocstringSummary("numpy", "lib", "Call fit_transform.", ["It is like fit_transform.", "And so on."])
    other = named._replace(summary="Call transform.")
    training, dev = search_pairs([*summaries(20, 4), named, other])
    assert [each.query for each in training + dev if each.query.startswith("Call")] == ["Call transform."]
    assert names_in("Sort a List. Use sort() of NumPy") == {"NumPy"}


def test_the_sets_are_named_for_the_user(monkeypatch):
    monkeypatch.setattr(built_in_search, "read_docstring_summaries", lambda processes: summaries(50, 10))
    lines = []
    sets = search_sets(lines.append)
    assert [len(examples) for _, examples in sets.values()] == [40, 10]
    assert "Which text of the documentation belongs to a question?" in lines[0]
