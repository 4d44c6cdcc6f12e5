"""Summaries of docstrings: the first paragraph and the rest, without signatures, sections and copies."""

import textwrap

import pytest

import data.text.docstring_summaries
from data.text.docstring_summaries import LIBRARIES, SUMMARY_WORDS, read_docstring_summaries, split_summary
from data.text.python_docs import source_files

REST = "It is done with care, and it takes as long as it takes."


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Replaces this installation's libraries by one of ours."""

    def write(**modules):
        files = []
        for name, source in modules.items():
            path = tmp_path / f"{name}.py"
            path.write_text(textwrap.dedent(source), encoding="utf-8")
            files.append(("mine", name, path))
        monkeypatch.setattr(data.text.docstring_summaries, "source_files", lambda libraries: iter(files))

    return write


def test_a_docstring_is_split_after_its_first_paragraph():
    docstring = f"Sort the :class:`list`\n    in place.\n\n    {REST}\n\n    Parameters\n    ----------\n    key : int"
    assert split_summary(docstring) == ("Sort the list in place.", [REST, "Parameters", "key : int"])


@pytest.mark.parametrize("signature", ["abs(input, *, out=None) -> Tensor", "torch.abs(input,\n    out)", "a() => b"])
def test_a_signature_is_no_summary_but_stands_above_one(signature):
    assert split_summary(f"{signature}\n\n    Make it positive.\n\n    {REST}") == ("Make it positive.", [REST])
    assert split_summary(f"{signature}\n\n    {REST}") is None


@pytest.mark.parametrize(
    "docstring",
    [
        "Sort the list in place.",
        "Sort the list in place.\n\nIt is done with care.",  # too little else
        f"Sort it.\n\n{REST}",  # two words
        f"{'long ' * 31}\n\n{REST}",
        f"Parameters\n----------\nx : a number\n\n{REST}",
        f"Args: x (int): a number\n\n{REST}",
        f".. note:: Sort the list.\n\n{REST}",
        f">>> sort the list in place\n\n{REST}",
        f"\n\n{REST}",
    ],
)
def test_without_a_summary_or_a_rest_there_is_no_pair(docstring):
    assert split_summary(docstring) is None


def test_a_sentence_that_begins_like_a_section_is_a_summary():
    assert split_summary(f"Returns the sorted list.\n\n{REST}") == ("Returns the sorted list.", [REST])


def test_a_module_its_classes_and_its_functions_have_summaries_in_the_order_of_the_file(library):
    library(
        first=f'''
        """Sort all of them.

        {REST} Of the module.
        """
        class Sorter:
            """Keep all of them sorted.

            {REST} Of the class.
            """
            def sort(self):
                """Sort it again.

                {REST} Of the method.
                """
        ''',
        second=f'def other():\n    """Sort something else.\n\n    {REST}\n    """',
        broken='"""Sort all of them',
    )
    found = list(read_docstring_summaries())
    assert [(each.library, each.module, each.summary) for each in found] == [
        ("mine", "first", "Sort all of them."),
        ("mine", "first", "Keep all of them sorted."),
        ("mine", "first", "Sort it again."),
        ("mine", "second", "Sort something else."),
    ]
    assert found[1].sentences == [REST, "Of the class."]


def test_a_summary_or_a_rest_that_comes_twice_is_kept_once(library):
    def function(summary, rest):
        return f'def f():\n    """{summary}\n\n    {rest}\n    """\n'

    library(
        a=function("Sort all of them.", REST),
        b=function("sort all of them.", REST + " Another rest.") + function("Something else entirely.", REST),
        c=function("Something else entirely.", REST + " Another rest."),  # neither was kept
    )
    assert [each.module for each in read_docstring_summaries()] == ["a", "c"]


def test_this_installation_has_summaries_in_all_its_libraries_with_any_number_of_processes(monkeypatch):
    files = list(source_files(LIBRARIES))[::80]
    monkeypatch.setattr(data.text.docstring_summaries, "source_files", lambda libraries: iter(files))
    found = list(read_docstring_summaries())
    assert {each.library for each in found} == {"python", *LIBRARIES}
    assert len(found) > 80
    assert len({each.summary for each in found}) == len(found)
    assert all(len(each.summary.split()) in SUMMARY_WORDS for each in found)
    assert list(read_docstring_summaries(processes=2)) == found


def test_a_library_that_is_not_installed_has_no_files():
    assert {library for library, _, _ in source_files(["no_such_library"])} == {"python"}
