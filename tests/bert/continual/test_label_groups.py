"""Labels of tasks one after another: old rows are kept, and a known task's labels are the only candidates."""

import torch

from bert.config import BertConfig
from bert.continual.label_groups import LabelGroups, load_into_larger_head, scores_of_own_task
from bert.heads.classification import BertForSequenceClassification

GROUPS = LabelGroups(("b", "a"), (("b", "a"),)).extended(["a", "c", "d"]).extended(["d", "b"])


def test_new_labels_come_last_and_the_same_name_is_the_same_label():
    assert GROUPS.labels == ("b", "a", "c", "d")
    assert GROUPS.groups == (("b", "a"), ("a", "c", "d"), ("d", "b"))
    assert GROUPS.own().tolist() == [[True, True, False, False], [False, True, True, True], [True, False, False, True]]
    assert [GROUPS.task_of(label) for label in GROUPS.labels] == [0, 0, 1, 1]


def test_scores_of_other_tasks_have_no_chance_and_no_gradient():
    logits = torch.tensor([[5.0, 1.0, 2.0, 0.0]], requires_grad=True)
    own = torch.from_numpy(GROUPS.own())[[1]]
    found = scores_of_own_task(logits, own).log_softmax(dim=-1)
    expected = torch.tensor([1.0, 2.0, 0.0]).log_softmax(dim=-1)
    torch.testing.assert_close(found[0, 1:], expected)
    found[0, 2].backward()
    assert logits.grad is not None
    assert logits.grad[0, 0] == 0
    assert logits.grad.isfinite().all()


def test_a_larger_head_keeps_the_rows_of_old_labels_and_the_rest_of_the_model():
    config = BertConfig(11, 4, 1, 2, 5, max_position_embeddings=7)
    before = BertForSequenceClassification(config, labels=("b", "a"))
    after = BertForSequenceClassification(config, labels=GROUPS.labels)
    untrained = after.classifier.weight.detach()[2:].clone()
    load_into_larger_head(after, before.state_dict())
    assert after.classifier.weight[:2].equal(before.classifier.weight)
    assert after.classifier.bias[:2].equal(before.classifier.bias)
    assert after.classifier.weight[2:].equal(untrained)
    body = before.bert.state_dict()
    assert all(weight.equal(body[name]) for name, weight in after.bert.state_dict().items())
