"""Settings that no adapter can have are refused in a sentence that names them."""

import dataclasses

import pytest

from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import adapt
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.errors import InputError
from tests.bert.adaptation.models import logits_of, make_model

WRONG = [
    (lambda: Lora(rank=0), "rank is 0; a whole number from 1"),
    (lambda: Lora(rank=2.0), "rank is 2.0; a whole number from 1"),
    (lambda: Lora(alpha=0), "alpha is 0; a positive number was expected"),
    (lambda: Lora(alpha=float("nan")), "alpha is nan; a positive number was expected"),
    (lambda: Lora(dropout=1.0), "dropout is 1.0; a probability from 0 to below 1"),
    (lambda: Lora(targets=()), "targets is empty; one matrix or more"),
    (lambda: Lora(targets=("query", "query")), "targets is query, query; one matrix or more, each once"),
    (lambda: Lora(targets=("querry",)), "targets has 'querry'; of query, key, value"),
    (lambda: AdaLora(initial_rank=3, target_rank=4), "target_rank 4 is above initial_rank 3"),
    (lambda: AdaLora(target_rank=0), "target_rank is 0; a whole number from 1"),
    (lambda: AdaLora(every=0), "every is 0; a whole number from 1"),
    (lambda: AdaLora(orthogonality=-1), "orthogonality is -1; a number from 0"),
    (lambda: AdaLora(final_share=1.0), "final_share is 1.0; a share of the updates from 0 to below 1"),
    (lambda: Houlsby(0), "size is 0; a whole number from 1"),
    (lambda: Pfeiffer(-3), "size is -3; a whole number from 1"),
    (lambda: Prefix(0), "length is 0; a whole number from 1"),
    (lambda: Prefix(3, projection_size=0), "projection_size is 0; a whole number from 1"),
    (lambda: IA3(("key",), ("key",)), "targets is key, key; one matrix or more, each once"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_setting_is_named(make, message):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", [Lora(), AdaLora(), Houlsby(), Pfeiffer(), Prefix(), IA3()])
def test_settings_stay_as_they_are(method):
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.rank = 3


def test_a_prefix_as_long_as_the_longest_text_is_refused_and_nothing_is_wrapped():
    model = make_model()
    before = logits_of(model)
    with pytest.raises(InputError, match="a prefix of 29 leaves no room beside it: the model has 29 positions"):
        adapt(model, Prefix(29))
    assert logits_of(model).equal(before)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not hasattr(model, "adaptation")
    adapt(make_model(), Prefix(28))
