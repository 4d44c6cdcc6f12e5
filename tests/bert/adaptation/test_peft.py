"""Beside peft: it loads our adapters, we load its own, and both models then compute the same."""

import pytest
import torch
from einops import repeat

from bert.adaptation.adalora import AdaLora, adalora_matrices, ranks
from bert.adaptation.adapt import adapt, merge
from bert.adaptation.files import load_adapted, load_adapter, read_adapter, save_adapter
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import save_checkpoint
from bert.heads.classification import BertForSequenceClassification
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.tagging import BertForTokenClassification
from tests.bert.adaptation.models import CONFIG, INPUTS, logits_of, make_model, scaled_up, shaken

pytestmark = pytest.mark.peers
METHODS = [
    Lora(3, 7),
    Lora(3, 7, ("output",)),
    Lora(3, 7, ("attention_output", "intermediate")),
    Lora(3, 7, ALL),
    IA3(),
    IA3(inputs_of=("output", "attention_output")),
    AdaLora(5, 3),
]


def name_of(method):
    return f"{method.name}-{'-'.join(getattr(method, 'targets', ()))}"


def theirs_on(directory):
    """transformers' model of our plain one."""
    from transformers import BertForSequenceClassification as Theirs

    save_checkpoint(directory, make_model())
    return Theirs.from_pretrained(directory).eval()


def cut_unequally(model):
    """Leaves ranks of 0, 1, 2, ... in an AdaLoRA."""
    with torch.no_grad():
        for number, module in enumerate(adalora_matrices(model).values()):
            module.lora_E[number % 6 :] = 0


@torch.no_grad()
def their_logits(model):
    return model(**INPUTS).logits


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_peft_loads_what_we_save(method, tmp_path):
    from peft import PeftModel

    model = make_model()
    adapt(model, method)
    shaken(model)
    cut_unequally(model)
    save_adapter(tmp_path / "adapter", model)
    theirs = PeftModel.from_pretrained(theirs_on(tmp_path / "body"), tmp_path / "adapter").eval()
    torch.testing.assert_close(their_logits(theirs), logits_of(model), rtol=0, atol=1e-5)
    assert (logits_of(model) - logits_of(make_model())).abs().max() > 0.1
    with_adapter = [name for name, module in theirs.named_modules() if hasattr(module, "base_layer")]
    chosen = getattr(method, "targets", None) or (*method.outputs_of, *method.inputs_of)
    assert len(with_adapter) == CONFIG.num_hidden_layers * len(chosen)  # "output.dense" names two matrices in peft


def peft_adapter(directory, config):
    """What peft saves of a model with its adapter moved at random, and that model."""
    from peft import get_peft_model

    torch.manual_seed(2)
    theirs = get_peft_model(theirs_on(directory / "body"), config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter += 0.3 * torch.randn_like(parameter)
    theirs.save_pretrained(directory / "adapter")
    return theirs


def peft_configs():
    from peft import AdaLoraConfig, IA3Config, LoraConfig

    six = ["query", "key", "value", "intermediate.dense", "output.dense"]
    return [
        LoraConfig(task_type="SEQ_CLS", r=3, lora_alpha=7),
        LoraConfig(task_type="SEQ_CLS", r=3, lora_alpha=7, target_modules=six, lora_dropout=0.1),
        LoraConfig(task_type="SEQ_CLS", r=3, lora_alpha=7, modules_to_save=["pooler"]),
        IA3Config(task_type="SEQ_CLS"),
        AdaLoraConfig(task_type="SEQ_CLS", init_r=5, target_r=3, total_step=9, lora_alpha=7, target_modules=six),
    ]


@pytest.mark.parametrize("number", range(5))
def test_we_load_what_peft_saves(number, tmp_path):
    theirs = peft_adapter(tmp_path, peft_configs()[number])
    model = make_model()
    load_adapter(tmp_path / "adapter", model)
    torch.testing.assert_close(logits_of(model), their_logits(theirs), rtol=0, atol=1e-5)
    assert (logits_of(model) - logits_of(make_model())).abs().max() > 0.1
    again = load_adapted(tmp_path / "body", tmp_path / "adapter", BertForSequenceClassification)
    assert logits_of(again).equal(logits_of(model))


def test_an_adalora_that_peft_cut_is_loaded_with_its_ranks(tmp_path):
    from peft import AdaLoraConfig

    six = ["query", "key", "value", "intermediate.dense", "output.dense"]
    pattern = {}
    for layer in range(CONFIG.num_hidden_layers):
        places = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
                  "intermediate.dense", "output.dense")  # fmt: skip
        for number, place in enumerate(places):
            pattern[f"bert.encoder.layer.{layer}.{place}.lora_E"] = [index < number for index in range(5)]
    config = AdaLoraConfig(
        task_type="SEQ_CLS", init_r=5, target_r=3, total_step=9, lora_alpha=7, target_modules=six,
    )  # fmt: skip
    theirs = peft_adapter(tmp_path, config)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if "lora_E" in name:
                key = name.removeprefix("base_model.model.").removesuffix(".default")
                parameter *= torch.tensor(pattern[key])[:, None]
    theirs.peft_config["default"].rank_pattern = pattern
    theirs.save_pretrained(tmp_path / "adapter")
    model = make_model()
    load_adapter(tmp_path / "adapter", model)
    assert list(ranks(model).values()) == [0, 1, 2, 3, 4, 5] * 3
    torch.testing.assert_close(logits_of(model), their_logits(theirs), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS, ids=name_of)
def test_a_merged_model_is_the_same_in_transformers(method, tmp_path):
    from transformers import BertForSequenceClassification as Theirs

    model = make_model()
    adapt(model, method)
    expected = logits_of(shaken(model, by=0.1))
    merge(model)
    torch.testing.assert_close(logits_of(model), expected, rtol=0, atol=1e-5)
    save_checkpoint(tmp_path, model)
    torch.testing.assert_close(their_logits(Theirs.from_pretrained(tmp_path).eval()), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model_class", [BertForTokenClassification, BertForQuestionAnswering])
def test_other_heads_are_in_the_file_as_well(model_class, tmp_path):
    import transformers
    from peft import PeftModel

    torch.manual_seed(4)
    model = scaled_up(model_class(CONFIG)).eval()
    save_checkpoint(tmp_path / "body", model)
    adapt(model, Lora())
    save_adapter(tmp_path / "adapter", shaken(model))
    theirs = getattr(transformers, model_class.__name__).from_pretrained(tmp_path / "body")
    theirs = PeftModel.from_pretrained(theirs, tmp_path / "adapter").eval()
    is_token = INPUTS["attention_mask"].bool()
    with torch.no_grad():
        ours, output = model(**INPUTS), theirs.base_model.model(**INPUTS)  # peft's own drops token_type_ids of spans
    pairs = (
        [(ours.logits, output.logits)]
        if model_class is BertForTokenClassification
        else [(ours.start_logits, output.start_logits), (ours.end_logits, output.end_logits)]
    )
    for one, other in pairs:
        torch.testing.assert_close(one[is_token], other[is_token], rtol=0, atol=1e-5)


def cache_of(model, batch):
    """The prefix as transformers' cache of keys and values, before the text."""
    from transformers import DynamicCache

    tables, cache = model.bert.encoder.prefix, DynamicCache()
    for layer in range(CONFIG.num_hidden_layers):
        key, value = (
            repeat(each, "length (heads dim) -> batch heads length dim", heads=CONFIG.num_attention_heads, batch=batch)
            for each in tables.of_layer(layer)
        )
        cache.update(key, value, layer)
    return cache


@torch.no_grad()
def test_a_prefix_is_a_filled_cache_in_transformers(tmp_path):
    model, theirs = make_model(), theirs_on(tmp_path)
    adapt(model, Prefix(5, shift_positions=True))
    mask = torch.cat([torch.ones(4, 5, dtype=torch.long), INPUTS["attention_mask"]], dim=1)
    inputs = INPUTS | {"attention_mask": mask}
    output = theirs.bert(**inputs, past_key_values=cache_of(model, 4), position_ids=5 + torch.arange(13)[None])
    ours = model.bert(**INPUTS)
    is_token = INPUTS["attention_mask"].bool()
    torch.testing.assert_close(ours.last_hidden_state[is_token], output.last_hidden_state[is_token], rtol=0, atol=1e-5)
    unshifted = make_model()
    adapt(unshifted, Prefix(5))
    unshifted.bert.encoder.prefix.load_state_dict(model.bert.encoder.prefix.state_dict())
    assert (unshifted.bert(**INPUTS).last_hidden_state - ours.last_hidden_state).abs().max() > 0.1
    output = theirs.bert(**inputs, past_key_values=cache_of(model, 4), position_ids=torch.arange(13)[None])
    found = unshifted.bert(**INPUTS).last_hidden_state
    torch.testing.assert_close(found[is_token], output.last_hidden_state[is_token], rtol=0, atol=1e-5)


def test_a_prefix_of_peft_is_loaded_with_shifted_positions(tmp_path):
    from peft import PrefixTuningConfig

    theirs = peft_adapter(tmp_path, PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=5))
    assert read_adapter(tmp_path / "adapter").method == Prefix(5, shift_positions=True)
    model = make_model()
    load_adapter(tmp_path / "adapter", model)
    prompt = theirs.get_prompt_embedding_to_save("default")
    assert prompt.equal(model.bert.encoder.prefix.embeddings)


def test_peft_reads_a_prefix_that_an_mlp_made(tmp_path):
    from peft import PeftModel

    model = make_model()
    adapt(model, Prefix(5, projection_size=7))
    save_adapter(tmp_path / "adapter", shaken(model))
    theirs = PeftModel.from_pretrained(theirs_on(tmp_path / "body"), tmp_path / "adapter")
    for layer in range(CONFIG.num_hidden_layers):
        both = theirs.get_prompt_embedding_to_save("default").view(5, 2 * CONFIG.num_hidden_layers, -1)
        for number, table in enumerate(model.bert.encoder.prefix.of_layer(layer)):
            torch.testing.assert_close(both[:, 2 * layer + number], table)
