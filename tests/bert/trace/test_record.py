"""A trace has what the modules of the model really give, and counts what PyTorch counts."""

import linecache
import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bert import fast
from bert.adaptation.adapt import adapt
from bert.config import BertConfig
from bert.generation.batch import generation_batch
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.batch import Batch
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.model import feed_forward
from bert.model.bert import BertModel
from bert.trace.record import trace
from tests.bert.adaptation.test_every_method import METHODS

CONFIG = BertConfig(
    vocab_size=31, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=17,
    max_position_embeddings=13,
)  # fmt: skip
IDS, TYPES = torch.arange(7).numpy() + 3, torch.tensor([0, 0, 0, 0, 1, 1, 1]).numpy()
ALL, TWO = Batch.of([IDS], [TYPES]), Batch.of([IDS], [TYPES], selected=[1, 4])
HEADS = {
    BertModel: ALL, BertForPreTraining: ALL, BertForCloze: ALL, BertForSequenceClassification: ALL,
    BertForTokenClassification: ALL, BertForQuestionAnswering: ALL, BertForRelationExtraction: TWO,
    BertForExtractiveSummarization: TWO, BertForMultipleChoice: Batch.of([IDS], [TYPES], choices=[1]),
    BertForConditionalGeneration: generation_batch([IDS], [TYPES], [IDS[:4]]),
}  # fmt: skip


def make(head):
    torch.manual_seed(0)
    if head is BertForConditionalGeneration:
        return head(EncoderDecoderConfig(CONFIG, CONFIG.replace(num_hidden_layers=1), 1, 2, 0)).eval()
    return head(CONFIG).eval()


def outputs_of_modules(model, inputs) -> dict[str, torch.Tensor]:
    """What each module gives, by its path: hooks of PyTorch's, and nothing of ours."""
    outputs = {}

    def keep(path):
        def hook(module, arguments, output):
            if isinstance(output, torch.Tensor):
                outputs[path] = output.clone()

        return hook

    hooks = [module.register_forward_hook(keep(path)) for path, module in model.named_modules()]
    with fast.off(), torch.no_grad():
        model(**inputs)
    for hook in hooks:
        hook.remove()
    return outputs


def by_path(steps) -> dict[str, torch.Tensor]:
    """The first tensor of each name in a module, by its path."""
    found = {}
    for step in steps:
        for path in (f"{step.module}.{step.name}", step.module):
            if step.name == path.rpartition(".")[2]:
                found.setdefault(path.lstrip("."), step.tensor)
    return found


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__)
def test_every_named_tensor_is_what_the_module_gives_and_operations_are_pytorchs(head):
    model, inputs = make(head), HEADS[head].inputs
    recorded = trace(model, inputs)
    traced, given = by_path(recorded.steps), outputs_of_modules(model, inputs)
    seen = {value.numpy().tobytes() for value in traced.values()}
    for path, value in given.items():
        assert value.numpy().tobytes() in seen, f"{path} is not in the trace"
        module = model.get_submodule(path)
        if not list(module.children()) and not isinstance(module, nn.Dropout | nn.Identity):  # these give what they get
            assert traced[path].equal(value), path
    with fast.off(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        output = model(**inputs)
    assert recorded.operations == counter.get_total_flops() > 0
    assert sum(step.operations for step in recorded.steps) == recorded.operations
    for name in (step.output for step in recorded.steps if step.output):
        assert getattr(output, name).equal(next(step.tensor for step in recorded.steps if step.output == name))
    assert any(step.output for step in recorded.steps)


@pytest.mark.parametrize("name", METHODS)
def test_adapted_models_are_traced_with_what_they_add(name):
    model = make(BertForSequenceClassification)
    adapt(model, METHODS[name])
    recorded = trace(model, ALL.inputs)
    with fast.off(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        logits = model.requires_grad_(False).eval()(**ALL.inputs).logits
    assert recorded.operations == counter.get_total_flops()
    assert recorded.steps[-1].tensor.equal(logits)
    if name not in ("bitfit", "head"):
        assert any(step.where.path.startswith("bert/adaptation/") for step in recorded.steps)


def test_attention_is_traced_from_queries_to_context():
    """By the equations in NumPy's terms, from the tensors of the trace before."""
    model = make(BertForPreTraining)
    steps = [step for step in trace(model, ALL.inputs).steps if step.module == "bert.encoder.layers.1.attention"]
    named = {(step.name, step.shape): step.tensor.numpy() for step in steps}
    query, key, value = (named[name, (3, 7, 4)] for name in ("query", "key", "value"))
    scores = query @ key.transpose(0, 2, 1) / 2
    weights = torch.from_numpy(scores).softmax(dim=-1).numpy()
    assert named["scores", (3, 7, 7)] == pytest.approx(scores, abs=1e-6)
    assert named["weights", (3, 7, 7)] == pytest.approx(weights, abs=1e-6)
    assert named["its_attended", (3, 7, 4)] == pytest.approx(weights @ value, abs=1e-6)
    own = model(**ALL.inputs, return_attention=True).encoder.attentions[1][0].detach().numpy()
    assert named["weights", (3, 7, 7)] == pytest.approx(own, abs=1e-6)


def test_each_tensor_names_the_expression_that_makes_it():
    steps = trace(make(BertForPreTraining), ALL.inputs).steps
    for step in steps:
        file = (fast.__file__).removesuffix("bert/fast/__init__.py") + step.where.path
        with open(file, encoding="utf-8") as lines:
            source = " ".join(" ".join(list(lines)[step.where.line - 1 : step.where.line + 9]).split())
        assert step.where.code in source
    scores = next(step for step in steps if step.name == "scores")
    assert scores.where.code == "query @ key.mT / math.sqrt(query.shape[-1])"
    assert str(scores.where).startswith("bert/model/attention.py:")
    assert scores.where.function == "scaled_dot_product_attention"
    words = next(step for step in steps if step.name == "word_embeddings")
    assert (words.where.code, words.formula) == ("self.word_embeddings(input_ids)", "rows of a table")


def test_numbers_are_those_of_the_tensor_and_views_take_no_memory():
    steps = trace(make(BertForPreTraining), ALL.inputs).steps
    for step in steps:
        values = step.tensor.double().numpy()
        assert (step.mean, step.deviation) == pytest.approx((values.mean(), values.std()), abs=1e-12)
    views = [step for step in steps if step.where.code.startswith("rearrange(states")]
    assert len(views) == 6
    assert all(step.nbytes == 0 for step in views)
    assert next(step for step in steps if step.name == "intermediate").nbytes == 4 * 7 * 17


def test_a_causal_mask_leaves_the_mean_of_the_finite_scores():
    model = make(BertForConditionalGeneration)
    masked = [step for step in trace(model, HEADS[BertForConditionalGeneration].inputs).steps if step.name == "scores"]
    own = next(step for step in masked if not step.tensor.isfinite().all())
    assert own.mean == pytest.approx(own.tensor[own.tensor.isfinite()].mean().item(), abs=1e-6)
    assert math.isfinite(own.deviation)


def test_kernels_run_again_after_a_trace_and_hooks_are_gone():
    model = make(BertModel)
    trace(model, ALL.inputs)
    assert fast.is_on()
    assert not any(module._forward_hooks for module in model.modules())


def test_a_change_of_the_model_changes_the_trace(monkeypatch):
    """The control: nothing about the model is written down twice."""
    file = feed_forward.__file__
    with open(file, encoding="utf-8") as lines:
        source = lines.read()
    before = "return self.output(self.activation(self.intermediate(states)))"
    assert before in source
    changed = source.replace(before, "doubled = 2 * self.intermediate(states); return self.output(doubled)")
    namespace = {}
    exec(compile(changed, file, "exec"), namespace)
    monkeypatch.setitem(linecache.cache, file, (len(changed), None, changed.splitlines(keepends=True), file))
    monkeypatch.setattr(feed_forward.FeedForward, "forward", namespace["FeedForward"].forward)
    codes = {step.where.code: step.name for step in trace(make(BertModel), ALL.inputs).steps}
    assert codes["2 * self.intermediate(states)"] == "doubled"
    assert "self.activation(self.intermediate(states))" not in codes
