"""Reading a task: what its kind would not heed is refused before anything is read."""

from types import SimpleNamespace

import pytest

from bert.errors import InputError
from finetuning.kinds import KINDS
from finetuning.reading import check_flags


@pytest.mark.parametrize("name", KINDS)
def test_weights_of_classes_are_refused_where_nothing_weighs_them(name):
    settings = SimpleNamespace(class_weights=["balanced"], long_texts="head")
    if name in ("single-label", "multi-label"):
        check_flags(settings, KINDS[name])
    else:
        with pytest.raises(InputError, match="--class-weights: this kind of task does not weigh classes"):
            check_flags(settings, KINDS[name])
    settings.class_weights = None
    check_flags(settings, KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_a_wish_for_long_texts_is_refused_where_the_kind_decides(name):
    settings = SimpleNamespace(class_weights=None, long_texts="tail")
    if name in ("single-label", "multi-label", "regression", "choices"):
        check_flags(settings, KINDS[name])
    else:
        with pytest.raises(InputError, match="--long-texts tail: in this kind of task texts that are too long"):
            check_flags(settings, KINDS[name])
