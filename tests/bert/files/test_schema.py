"""A dictionary that was read from a file is checked at one door, whatever somebody wrote into it."""

import pytest

from bert.errors import InputError
from bert.files.schema import Rule, check, is_count, is_number, is_plain, shown

SCHEMA = {"step": Rule(is_count, "a whole number from 0"), "loss": Rule(is_number, "a finite number")}


@pytest.mark.parametrize("values", [{}, {"step": 0}, {"step": 2**63 - 1, "loss": -1.5}, {"loss": 3}])
def test_values_that_keep_their_rules_pass(values):
    check(values, SCHEMA, "a file")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1], r"a file is \[1\]; a dictionary was expected; mend it"),
        ({"step": -1}, "a file: step is -1; a whole number from 0 was expected; mend it"),
        ({"step": True}, "step is True"),
        ({"step": 1.0}, "step is 1.0"),
        ({"step": 2**63}, "step is 9223372036854775808"),
        ({"step": 10**5000}, "step is an enormous int"),
        ({"loss": float("nan")}, "loss is nan"),
        ({"loss": float("inf")}, "loss is inf"),
        ({"loss": 10**400}, "loss is 1000"),
        ({"loss": {"a": 1}}, r"loss is \{'a': 1\}"),
        ({"loss": "x" * 10**6}, "loss is 'x{1,30}"),
        ({"other": 1}, "has 'other', which is unknown"),
        ({5: 1}, "has 5, which is unknown"),
    ],
)
def test_the_value_that_breaks_a_rule_is_named_in_a_short_sentence(values, message):
    with pytest.raises(InputError, match=message) as caught:
        check(values, SCHEMA, "a file")
    assert len(str(caught.value)) < 200


def test_required_entries_must_be_there_and_others_may_have_a_rule_of_their_own():
    with pytest.raises(InputError, match="a file: has no step; mend it"):
        check({}, SCHEMA, "a file", required=("step",))
    plain = Rule(is_plain, "plain data")
    check({"step": 1, "other": [{"a": (1, None)}]}, SCHEMA, "a file", others=plain)
    with pytest.raises(InputError, match=r"other is .* plain data was expected"):
        check({"other": [{"a": object()}]}, SCHEMA, "a file", others=plain)


def test_a_value_is_shown_in_a_few_characters():
    assert shown(3) == "3"
    assert len(shown(["x" * 10**6] * 1000)) < 400
