"""The model card: what is known, in the form that the Hub reads; and whose it is."""

import json

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint, save_checkpoint, write_model_card
from bert.checkpoints.model_card import Facts, Result, is_own, model_card, write_card
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer

CONFIG = BertConfig(11, 6, 2, 2, 5, max_position_embeddings=7)
ODD = "a: 'b' \"c\" # {d} | \n --- é"  # what would break YAML or a table if it stood there as it is
FACTS = Facts(
    history="It was trained.", datasets=[ODD], language="en", base_model=ODD, baseline=ODD, settings={ODD: ODD},
    results=[
        Result("dev", {"accuracy": 0.75, "f1": float("nan")}, {"accuracy": 0.5}), Result("test", {"f1": 0.25}, {}),
    ],
)  # fmt: skip


def card(architecture: str = "BertForSequenceClassification", facts: Facts = FACTS, **sizes) -> str:
    return model_card("mails", architecture, {"hidden_size": 6, **sizes}, 1234, "Its vocabulary has 5 pieces", facts)


def header_of(text: str) -> dict:
    """Each value is JSON, which is YAML too; the peers test reads it with the Hub's own library."""
    lines = text.split("---\n")[1].splitlines()
    return {name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)}


def test_what_is_known_is_there_and_what_is_not_known_is_left_out():
    known, bare = header_of(card()), header_of(card("BertForPreTraining", Facts()))
    assert (known["base_model"], known["datasets"], known["language"]) == (ODD, [ODD], "en")
    assert known["pipeline_tag"] == "text-classification"
    assert bare == {"library_name": "transformers", "pipeline_tag": "fill-mask", "tags": ["bert"]}
    assert "license" not in known
    text = card()
    assert "| accuracy | 0.7500 | 0.5000 |  |" in text and "1,234 parameters" in text


def test_an_adapter_is_pefts_and_a_head_that_transformers_lacks_is_not_its():
    assert header_of(card(facts=Facts(adapter=True, base_model="base")))["library_name"] == "peft"
    assert "library_name" not in header_of(card(facts=Facts(adapter=True, base_model="base"), variant="rotary"))
    other = card("BertForRelationExtraction", Facts())
    assert header_of(other) == {"tags": ["bert"]} and "transformers" not in other
    assert "bert.BertForRelationExtraction" in other and "bert.BertForCloze" not in card("BertForCloze", Facts())


def test_a_card_of_ours_is_replaced_and_any_other_stays(tmp_path):
    assert write_card(tmp_path, card()) and write_card(tmp_path, card(facts=Facts()))
    for theirs in (card() + "more\n", card().replace("0.75", "0.99"), "# Mine\n", "\udcff"):
        content = theirs.encode("utf-8", "surrogateescape")
        (tmp_path / "README.md").write_bytes(content)
        assert not write_card(tmp_path, card())
        assert (tmp_path / "README.md").read_bytes() == content
    (tmp_path / "other/README.md").mkdir(parents=True)
    assert not write_card(tmp_path / "other", card())
    assert is_own(card()) and not is_own(card().replace("\n", "\n\n", 1))


def test_a_saved_model_has_a_card_that_loads_it_here(tmp_path):
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG)
    save_checkpoint(tmp_path / "own", model, WordPieceTokenizer([*SPECIAL_TOKENS, "a"]))
    text = (tmp_path / "own/README.md").read_text(encoding="utf-8")
    count = sum(parameter.numel() for parameter in model.parameters())
    assert f"`BertForPreTraining`, {count:,} parameters. Its vocabulary has 6 pieces of WordPiece, lower-cased." in text
    assert "| hidden_size | 6 |" in text and text.startswith("---\n") and "\n# own\n" in text
    snippet = text.split("```python\n")[1].split("```")[0].replace("THIS_DIRECTORY", str(tmp_path / "own"))
    scope: dict = {}
    exec(snippet, scope)
    assert scope["model"].word_embeddings.equal(model.word_embeddings)
    (tmp_path / "own/README.md").write_text("# Mine")
    save_checkpoint(tmp_path / "own", model)
    assert not write_model_card(tmp_path / "own", load_checkpoint(tmp_path / "own", BertForPreTraining))
    assert (tmp_path / "own/README.md").read_text() == "# Mine"


def test_vectors_of_texts_are_for_sentence_transformers():
    for text in (card("BertForRetrieval", Facts()), card("BertModel", Facts(vectors=True))):
        assert header_of(text) == {
            "library_name": "sentence-transformers", "pipeline_tag": "sentence-similarity", "tags": ["bert"],
        }  # fmt: skip
        assert "SentenceTransformer(" in text and "from transformers" not in text


def test_tiny_metrics_stay_numbers():
    """YAML 1.1, which the Hub's library reads, takes 1e-05 for a text."""
    found = header_of(card(facts=Facts(results=[Result("dev", {"f1": 1e-5}, {})])))["model-index"]
    assert found[0]["results"][0]["metrics"] == [{"type": "f1", "value": 0.0}]


@pytest.mark.peers
def test_the_hubs_library_reads_the_header(tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    (tmp_path / "README.md").write_text(card(), encoding="utf-8")
    assert hub.metadata_load(tmp_path / "README.md") == header_of(card())
    data = hub.ModelCard.load(tmp_path / "README.md").data
    found = [(each.dataset_split, each.metric_type, each.metric_value) for each in data.eval_results]
    assert found == [("dev", "accuracy", 0.75), ("test", "f1", 0.25)]
    assert (data.base_model, data.pipeline_tag, data.language) == (ODD, "text-classification", "en")
