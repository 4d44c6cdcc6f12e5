"""Reading a task: what its kind would not heed is refused before anything is read."""

import pytest

from bert.errors import InputError
from bert.tasks.kinds import KINDS
from finetuning.settings import check_flags

HEEDED_BY = {
    "class_weights": ("single-label", "multi-label"),
    "label_separator": ("multi-label",),
    "label_column": ("single-label", "multi-label", "regression"),
    "text_column": ("single-label", "multi-label", "regression"),
    "text_pair_column": ("single-label", "multi-label", "regression"),
    "header": ("single-label", "multi-label", "regression"),
    "workers": ("single-label", "multi-label", "regression"),
    "long_texts": ("single-label", "multi-label", "regression", "choices"),
    "null_threshold": ("spans",),
    "summary_sentences": ("summary",),
    "bad_rows": ("single-label", "multi-label", "regression", "spans", "relations", "choices", "summary"),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("flag", HEEDED_BY)
def test_a_flag_is_refused_where_the_kind_would_not_heed_it(flag, name):
    given = {"train", "seed", flag}
    if name in HEEDED_BY[flag]:
        check_flags(given, KINDS[name])
    else:
        with pytest.raises(InputError, match=f"--{flag.replace('_', '-')}: .*in this kind of task"):
            check_flags(given, KINDS[name])
    check_flags(given - {flag}, KINDS[name])


def test_the_reason_is_what_becomes_of_long_texts():
    with pytest.raises(InputError, match="texts too long go in windows"):
        check_flags({"long_texts"}, KINDS["tagging"])
