"""Bad rows are all reported together, or left out and counted."""

import pytest

from bert.errors import InputError
from bert.files.bad_rows import BadRows, add_or_raise


def number(place, line, value):
    if not value.isdecimal():
        raise InputError(f"{place}: {value} is no number")
    return int(value)


def rows(*values):
    return list(enumerate(values, start=1))


def good(bad, *values):
    return list(bad.good(rows(*values), number, "is empty"))


def test_without_bad_rows_each_row_is_read():
    assert good(BadRows("a.tsv"), "7", "8") == [7, 8]


def test_one_bad_row_is_named_with_its_place_and_the_remedy():
    with pytest.raises(InputError) as caught:
        good(BadRows("a.tsv"), "7", "x", "8")
    message = "a.tsv: line 2: x is no number; mend or remove it, or leave it out with --bad-rows skip"
    assert str(caught.value) == message
    with pytest.raises(InputError, match=r"mend or remove it$"):
        good(BadRows("a.tsv", can_skip=False), "x")


def test_of_many_the_first_five_are_listed_and_all_are_counted():
    with pytest.raises(InputError) as caught:
        good(BadRows("a.tsv"), *"1abcdefg")
    listed = "; ".join(f"line {line}: {letter} is no number" for line, letter in enumerate("abcde", start=2))
    assert str(caught.value).startswith(f"a.tsv: 7 rows are bad ({listed}; and 2 more); mend or remove them")


def test_after_a_bad_row_nothing_is_yielded():
    read = []
    with pytest.raises(InputError):
        read.extend(BadRows("a.tsv").good(rows("1", "x", "2"), number, ""))
    seen = BadRows("a.tsv").good(rows("1", "x", "2"), number, "")
    assert next(seen) == 1
    with pytest.raises(InputError):
        next(seen)


def test_bad_rows_are_left_out_with_a_warning_if_asked_for():
    with pytest.warns(UserWarning, match=r"a\.tsv: 2 rows are left out \(line 1: x is no number; line 3: y is no"):
        assert good(BadRows("a.tsv", "skip"), "x", "1", "y") == [1]


def test_what_may_not_be_left_out_is_an_error_all_the_same():
    with pytest.raises(InputError, match="line 1: x is no number"):
        good(BadRows("a.tsv", "skip", can_skip=False), "x", "1")


def test_a_file_of_which_nothing_is_left_is_an_error():
    with pytest.raises(InputError, match=r"a\.tsv: is empty"):
        good(BadRows("a.tsv"))
    with pytest.warns(UserWarning), pytest.raises(InputError, match=r"a\.tsv: is empty"):
        good(BadRows("a.tsv", "skip"), "x")


def test_readers_note_their_own_bad_rows_in_between():
    bad = BadRows("a.tsv")

    def reader():
        yield 1, "1"
        add_or_raise(bad, "a.tsv: line 2: is damaged")
        yield 3, "3"

    with pytest.raises(InputError, match="line 2: is damaged"):
        list(bad.good(reader(), number, ""))
    with pytest.raises(InputError, match="alone"):
        add_or_raise(None, "alone")


def test_after_too_many_bad_rows_a_file_is_read_no_further():
    asked = 0

    def endless(first):
        nonlocal asked
        while True:
            asked += 1
            yield asked, first if asked == 1 else "x"

    for can_skip in (True, False):
        asked = 0
        with pytest.raises(InputError, match=r"^a\.tsv: more than 1,000 rows are bad \(line 2: x is no number; .*mend"):
            list(BadRows("a.tsv", can_skip=can_skip).good(endless("1"), number, ""))
        assert asked == 1002
    with pytest.warns(UserWarning, match="2,000 rows are left out"):  # the control: who leaves them out wants the rest
        assert good(BadRows("a.tsv", "skip"), *["x"] * 2000, "1") == [1]
