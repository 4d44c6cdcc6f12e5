"""The flags of --adapt: each becomes a field of its method, and the learning rate is the method's own."""

import pytest

from bert.adaptation.adalora import AdaLora
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from finetuning.adaptation_flags import METHODS, AdaptationSettings, method_of
from finetuning.adapting import megabytes
from finetuning.settings import read_settings


def method(**flags):
    return method_of(AdaptationSettings(**flags))


def test_flags_are_fields_and_what_is_not_given_is_the_methods_default():
    assert method() is None
    assert method(adapt="lora") == Lora()
    assert method(adapt="lora", rank=4, alpha=3.0, targets="all") == Lora(4, 3.0, ALL)
    assert method(adapt="lora", targets="query-value") == Lora()
    assert method(adapt="pfeiffer", bottleneck=7) == Pfeiffer(7)
    assert method(adapt="prefix", prefix_length=5, prefix_mlp=9) == Prefix(5, 9)
    assert all(type(method(adapt=name)) is row.method for name, row in METHODS.items())


@pytest.mark.parametrize(
    "given, first, last",
    [({}, 12, 8), ({"rank": 6}, 6, 4), ({"target_rank": 5}, 8, 5), ({"rank": 1}, 1, 1), ({"target_rank": 1}, 2, 1),
     ({"rank": 9, "target_rank": 3}, 9, 3)],
)  # fmt: skip
def test_one_of_adaloras_ranks_follows_from_the_other(given, first, last):
    found = method(adapt="adalora", **given)
    assert isinstance(found, AdaLora)
    assert (found.initial_rank, found.target_rank) == (first, last)


def test_each_method_has_its_learning_rate_unless_one_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_settings(["--train", "a.tsv"]).learning_rate == 5e-5
    assert read_settings(["--train", "a.tsv", "--adapt", "bitfit"]).learning_rate == 2e-3
    assert read_settings(["--train", "a.tsv", "--adapt", "bitfit", "--learning-rate", "1e-4"]).learning_rate == 1e-4
    built_in = read_settings(["--adapt", "ia3"])  # a random body is not compared with: it would stay random
    assert (built_in.learning_rate, built_in.compare, built_in.epochs) == (1e-2, False, 4)


def test_the_mlp_of_a_prefix_has_a_size_or_the_usual_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prefix = ["--train", "a.tsv", "--adapt", "prefix"]
    assert [read_settings([*prefix, *more]).prefix_mlp for more in ([], ["--prefix-mlp"], ["--prefix-mlp", "9"])] == [
        None,
        512,
        9,
    ]


def test_sizes_are_of_float32():
    assert [megabytes(number) for number in (74_498, 22_713_216, 770)] == ["0.30", "91", "0.0031"]
