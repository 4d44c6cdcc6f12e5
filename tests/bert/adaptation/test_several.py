"""Several tasks on one body: each computes what it computes alone, and the body is in memory once."""

import pytest
import torch

from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import adapt
from bert.adaptation.bitfit import BitFit
from bert.adaptation.files import load_adapter, save_adapter
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.prefix import Prefix
from bert.adaptation.several import AdaptedModel, MixedBatch
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from bert.training.run import Losses
from tests.bert.adaptation.models import BATCH, CONFIG, INPUTS, make_model, shaken
from tests.ragged import ragged

METHODS = {"sst2": Lora(3, targets=ALL), "ner": AdaLora(4, 2), "cola": BitFit(), "mnli": Prefix(5)}
TAGS = ragged(INPUTS | {"word_positions": torch.tensor([1, 14, 27]), "labels": torch.tensor([1, 0, 4])})


def body():
    model = BertModel(CONFIG)
    model.load_state_dict(make_model().bert.state_dict())
    return model.eval()


def alone(task):
    """The adapted model of a task."""
    torch.manual_seed(sum(map(ord, task)))
    model = BertForTokenClassification(CONFIG, 5) if task == "ner" else BertForSequenceClassification(CONFIG, len(task))
    weights = make_model().bert.state_dict()
    model.bert.load_state_dict({name: weights[name] for name in model.bert.state_dict()})
    adapt(model, METHODS[task])
    return shaken(model).eval()


def together():
    tasks = AdaptedModel(body())
    for task in METHODS:
        tasks.add(task, alone(task))
    return tasks.eval()


@torch.no_grad()
def test_each_task_computes_what_it_computes_alone_whatever_is_beside_it():
    tasks = together()
    for task in METHODS:
        assert tasks.use(task)(**INPUTS).logits.equal(alone(task)(**INPUTS).logits)


@torch.no_grad()
def test_a_batch_may_have_a_task_for_each_row():
    rows = ["sst2", "ner", "sst2", "mnli"]
    outputs = together()(**INPUTS, tasks=rows)
    assert list(outputs) == ["sst2", "ner", "mnli"]
    assert outputs["sst2"].rows.tolist() == [0, 2]
    for task, (indices, output) in outputs.items():
        expected = alone(task)(**INPUTS).logits[indices]
        torch.testing.assert_close(output.logits, expected, rtol=0, atol=1e-5)
    other = together()(**INPUTS, tasks=["cola"] * 4)["cola"].output.logits
    assert other.shape == (4, 4)
    with pytest.raises(ValueError, match="3 tasks were given for 4 rows"):
        together()(**INPUTS, tasks=rows[:3])


def test_the_body_is_in_memory_once_and_moves_once():
    tasks = together()
    weight = tasks.body.embeddings.word_embeddings.weight
    assert all(tasks.use(task).bert.embeddings.word_embeddings.weight is weight for task in METHODS)
    own = sum(
        parameter.numel() for task in METHODS for parameter in alone(task).parameters() if parameter.requires_grad
    )
    numbers = sum(parameter.numel() for parameter in tasks.parameters())
    assert numbers == own + sum(parameter.numel() for parameter in tasks.body.parameters())
    tasks.double()
    assert tasks.use("sst2").bert.embeddings.word_embeddings.weight is tasks.body.embeddings.word_embeddings.weight
    assert tasks.use("ner").bert.encoder.layers[0].attention.query.weight.dtype == torch.float64


def test_a_mixed_batch_has_the_losses_of_each_task_and_trains_that_task_alone():
    tasks = together().train()
    mixed = MixedBatch({"sst2": BATCH, "ner": TAGS})
    losses = tasks.losses(mixed)
    assert list(losses) == ["sst2/classification", "ner/tagging", "ner/orthogonality"]
    expected = alone("ner").train().losses(TAGS)["tagging"].sum
    torch.testing.assert_close(losses["ner/tagging"].sum, expected)
    assert mixed.tokens == len(BATCH.input_ids) + len(TAGS.input_ids)
    sum(loss.sum for loss in losses.values()).backward()
    for task in METHODS:
        trained = [parameter for parameter in tasks.use(task).parameters() if parameter.requires_grad]
        assert all(parameter.grad is not None for parameter in trained)  # as several processes need
        assert any(parameter.grad.any() for parameter in trained) == (task in mixed.parts)
    assert all(parameter.grad is None for parameter in tasks.body.parameters())


def test_label_counts_have_the_same_names_for_every_batch():
    tasks = together()
    names = ["sst2/classification", "ner/tagging", "ner/orthogonality", "cola/classification", "mnli/classification"]
    assert tasks.label_counts(MixedBatch({"ner": TAGS})) == dict(zip(names, [0, 3, 1, 0, 0]))
    assert tasks.label_counts(MixedBatch({"cola": BATCH})) == dict(zip(names, [0, 0, 0, 4, 0]))


def test_it_trains_like_any_model():
    batch = MixedBatch({"sst2": BATCH}).to(torch.device("cpu"))
    assert list(Losses(together())(batch)) == ["sst2/classification"]


def test_a_task_is_saved_and_loaded_alone(tmp_path):
    tasks = together()
    save_adapter(tmp_path, tasks.use("cola"))
    model = BertForSequenceClassification(CONFIG, 4).eval()
    model.bert.load_state_dict(make_model().bert.state_dict())
    load_adapter(tmp_path, model)
    with torch.no_grad():
        assert model(**INPUTS).logits.equal(tasks.use("cola")(**INPUTS).logits)


def test_what_cannot_be_added_is_refused():
    tasks = together()
    for name in ("sst2", "", "a.b", "training"):
        with pytest.raises(InputError, match="a name that no other task has"):
            tasks.add(name, alone("sst2"))
    with pytest.raises(InputError, match="the model is not adapted"):
        tasks.add("new", make_model())
    other = alone("sst2")
    with torch.no_grad():
        other.bert.embeddings.word_embeddings.weight[0, 0] += 1
    with pytest.raises(InputError, match=r"the body of task 'new' is another one: its bert\.embeddings\.word_emb"):
        tasks.add("new", other)
    with pytest.raises(InputError, match="no task 'new'; the tasks are sst2, ner, cola, mnli"):
        tasks.use("new")
    assert list(tasks.tasks) == list(METHODS)
