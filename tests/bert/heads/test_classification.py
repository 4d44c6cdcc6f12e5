"""The head for whole texts: three kinds of problem, each with its loss; learning; labels by name."""

import math

import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from tests.ragged import ragged

CONFIG = BertConfig(
    vocab_size=101, hidden_size=15, num_attention_heads=5, intermediate_size=19, num_hidden_layers=2,
    max_position_embeddings=29,
)  # fmt: skip
BATCH, LENGTH = 3, 7
LABELS = {
    "single_label_classification": torch.tensor([2, 0, 3]),
    "multi_label_classification": torch.tensor([[0.0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]]),
    "regression": torch.tensor([0.5, 2.0, -1.0]),
}
NUMBER = {"single_label_classification": 4, "multi_label_classification": 4, "regression": 1}


def make_model(problem_type, **arguments):
    torch.manual_seed(3)
    model = BertForSequenceClassification(CONFIG, NUMBER[problem_type], problem_type, **arguments)
    with torch.no_grad():
        model.classifier.weight *= 20  # so that scores differ
    return model.eval()


def make_batch(problem_type):
    generator = torch.Generator().manual_seed(7)
    return {
        "input_ids": torch.randint(1, 101, (BATCH, LENGTH), generator=generator),
        "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * BATCH),
        "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 6 + [0]]),
        "labels": LABELS[problem_type],
    }


def test_scores_are_a_dense_layer_over_the_pooled_cls():
    model, batch = make_model("single_label_classification"), make_batch("single_label_classification")
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"], return_hidden_states=True)
    states = output.encoder.hidden_states[-1][:, 0]
    pooled = torch.tanh(states @ model.bert.pooler.dense.weight.T + model.bert.pooler.dense.bias)
    torch.testing.assert_close(output.logits, pooled @ model.classifier.weight.T + model.classifier.bias)
    assert output.logits.shape == (BATCH, 4)


@pytest.mark.parametrize("problem_type", LABELS)
def test_the_loss_is_that_of_the_problem(problem_type):
    model, batch = make_model(problem_type), make_batch(problem_type)
    logits = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"]).logits
    ((name, loss),) = model.losses(ragged(batch)).items()
    labels = batch["labels"]
    expected = {
        "single_label_classification": lambda: F.cross_entropy(logits, labels, reduction="sum"),
        "multi_label_classification": lambda: (
            -(labels * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log()).sum()
        ),
        "regression": lambda: ((logits[:, 0] - labels) ** 2).sum(),
    }[problem_type]()
    torch.testing.assert_close(loss.sum, expected)
    assert {name: int(loss.count)} == model.label_counts(ragged(batch))


@pytest.mark.parametrize("problem_type", LABELS)
def test_it_overfits_one_batch(problem_type):
    model, batch = make_model(problem_type), make_batch(problem_type)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(250):
        (loss,) = model.losses(ragged(batch)).values()
        (loss.sum / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    (loss,) = model.losses(ragged(batch)).values()
    assert loss.sum / loss.count < 0.02
    assert loss.correct is None or loss.correct == loss.count


def test_probabilities_are_softmax_or_sigmoid_or_the_number_itself():
    logits = torch.tensor([[0.0, math.log(3), 0.0, 0.0]])
    model = make_model("single_label_classification")
    torch.testing.assert_close(model.probabilities(logits), torch.tensor([[1, 3, 1, 1]]) / 6)
    model = make_model("multi_label_classification")
    torch.testing.assert_close(model.probabilities(logits), torch.tensor([[0.5, 0.75, 0.5, 0.5]]))
    assert make_model("regression").probabilities(logits[:, 1:2]) == logits[0, 1]


def test_class_weights_change_the_loss_and_are_no_part_of_the_weights():
    weights = torch.tensor([1.0, 1.0, 5.0, 1.0])
    plain, weighted = (make_model("single_label_classification", class_weights=w) for w in (None, weights))
    batch = make_batch("single_label_classification")
    assert weighted.losses(ragged(batch))["classification"].sum > plain.losses(ragged(batch))["classification"].sum
    assert weighted.state_dict().keys() == plain.state_dict().keys()


def test_labels_have_names():
    assert BertForSequenceClassification(CONFIG).labels == ("LABEL_0", "LABEL_1")
    model = BertForSequenceClassification(CONFIG, labels=["no", "yes", "perhaps"])
    assert model.labels == ("no", "yes", "perhaps")
    assert model.classifier.out_features == 3
    for wrong in ({"labels": ["a", "a"]}, {"num_labels": 0}, {"problem_type": "guessing"},
                  {"problem_type": "regression", "num_labels": 2}):  # fmt: skip
        with pytest.raises(InputError):
            BertForSequenceClassification(CONFIG, **wrong)


def test_without_padding_it_has_the_same_scores_and_computes_the_last_layer_for_cls_alone():
    torch.manual_seed(5)
    model = BertForSequenceClassification(CONFIG, num_labels=3).eval()
    ids, mask = torch.randint(1, CONFIG.vocab_size, (4, 9)), torch.arange(9) < torch.tensor([[9], [3], [5], [1]])
    batch = ragged({"input_ids": ids, "token_type_ids": torch.zeros_like(ids), "attention_mask": mask})
    seen = []
    last = model.bert.encoder.layers[-1].feed_forward
    last.register_forward_hook(lambda module, inputs, out: seen.append(out.shape[:-1]))
    torch.testing.assert_close(model(**batch.inputs).logits, model(ids, None, mask).logits)
    assert seen == [(4,), (18,)]  # a token of each text; then all
