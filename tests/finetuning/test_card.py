"""What a model card says of a fine-tuning run."""

from finetuning.card import facts_of

REPORT = {
    "task": "/home/me/mails.csv", "checkpoint": "runs/base", "start": "pretrained", "metric": "f1", "steps": 7,
    "examples": {"train": 1200, "dev": 30}, "dev": {"f1": 0.75}, "test": {"f1": 0.5}, "learning_rate": 2e-5,
    "baseline": {"name": "always 'no'", "dev": {"f1": 0.25}, "test": {"f1": 0.125}}, "warning": "It learned nothing.",
}  # fmt: skip


def test_a_card_has_each_set_beside_its_guess_and_no_path_of_this_machine():
    facts = facts_of(REPORT)
    assert [(each.split, each.metrics, each.baseline) for each in facts.results] == [
        ("dev", {"f1": 0.75}, {"f1": 0.25}),
        ("test", {"f1": 0.5}, {"f1": 0.125}),
    ]
    assert (facts.base_model, facts.datasets, facts.adapter) == ("base", ["mails.csv"], False)
    assert "1,200 (train)" in facts.history and "It learned nothing." in facts.history
    assert "/home" not in str(facts)


def test_an_adapter_and_a_random_start_are_called_so():
    assert facts_of(REPORT, "lora").adapter
    scratch = facts_of(REPORT | {"start": "random", "checkpoint": None})
    assert "random weights" in scratch.history and scratch.base_model is None
