"""bert explore of fine-tuned runs: the page holds their heads, and what it cannot show is refused in a sentence."""

import json

import pytest

from bert.__main__ import main
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.lora import Lora
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.commands.explore import EXAMPLES, OF_TASKS
from bert.commands.merge import merge_run
from bert.explore.heads import POSITIONS
from bert.explore.weights import pack_weights
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.relations import BertForRelationExtraction
from bert.heads.summaries import BertForExtractiveSummarization
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.adaptation.runs import write_body, write_run
from tests.bert.commands.test_explore import read
from tests.bert.explore.fine_tuned_runs import TAGS, random_classifier, random_reader, random_tagger, write_fine_tuned
from tests.bert.explore.runs import CONFIG, VOCABULARY

PAIRS = {"text": "a", "text_pair": "b", "header": True}


def page_of(run, tmp_path, *arguments):
    """The data of a run's page, and its weights."""
    output = tmp_path / "page.html"
    assert main(["explore", str(run), "-o", str(output), "--overwrite", *arguments]) == 0
    return read(output)


def test_a_classifiers_page_has_its_classes_and_weights(tmp_path):
    run = write_fine_tuned(tmp_path / "run", random_classifier())
    data, weights = page_of(run, tmp_path)
    head = {
        "kind": "classification", "labels": ["bad", "good", "neither"], "problem": "single_label_classification",
        "pool": "cls",
    }  # fmt: skip
    assert data["heads"] == [head]
    assert weights == [pack_weights(random_classifier().state_dict()).content]
    assert data["texts"] == [EXAMPLES[0][0], ""]  # it was trained on single texts
    data, _ = page_of(write_fine_tuned(tmp_path / "pairs", random_classifier(pool="mean"), columns=PAIRS), tmp_path)
    assert data["heads"][0]["pool"] == "mean"
    assert data["texts"] == list(EXAMPLES[0])
    assert not any("pooler" in name for name, _ in data["tensors"])


def test_a_taggers_page_has_its_tags_and_one_text(tmp_path):
    data, _ = page_of(write_fine_tuned(tmp_path / "run", random_tagger(), fitting_tags=True), tmp_path)
    assert data["heads"] == [{"kind": "tagging", "labels": list(TAGS), "fitting": True, "entities": True}]
    assert (data["takes_pairs"], data["texts"]) == (False, list(OF_TASKS["tagging"][0]))
    data, _ = page_of(write_fine_tuned(tmp_path / "parts", random_tagger(labels=("NOUN", "VERB"))), tmp_path)
    assert data["heads"][0] | {"labels": 0} == {"kind": "tagging", "labels": 0, "fitting": False, "entities": False}


def test_a_page_of_answers_reads_questions_as_the_run_does(tmp_path):
    run = write_fine_tuned(tmp_path / "run", random_reader(), null_threshold=-1.5, max_length=31)
    data, _ = page_of(run, tmp_path)
    head = {"kind": "spans", "null_threshold": -1.5, "longest_question": 64, "longest_answer": 30, "candidates": 20}
    assert data["heads"] == [head]
    assert (data["takes_pairs"], data["max_length"]) == (True, 31)
    data, _ = page_of(run, tmp_path, "--text", "who?", "--second", "a cat", "--max-length", "20")
    assert (data["texts"], data["max_length"]) == (["who?", "a cat"], 20)


def test_an_adapter_becomes_part_of_the_weights(tmp_path):
    run = write_run(tmp_path / "run", write_body(tmp_path / "body"), Lora())
    data, weights = page_of(run, tmp_path)
    merge_run(run, tmp_path / "merged")
    merged = load_checkpoint(tmp_path / "merged", BertForSequenceClassification)
    expected = dict(merged.state_dict())
    expected[POSITIONS] = expected[POSITIONS][:20]  # as long as the run's texts
    assert weights == [pack_weights(expected).content]
    assert data["heads"][0]["labels"] == ["bad", "fair", "good"]
    assert data["name"] == "run"
    body = load_checkpoint(tmp_path / "body", BertForSequenceClassification, ["classifier"], labels=["a", "b", "c"])
    query = "bert.encoder.layers.0.attention.query.weight"
    assert not merged.state_dict()[query].equal(body.state_dict()[query])  # the control: it changed something


@pytest.mark.parametrize(
    "model_class", [BertForMultipleChoice, BertForRelationExtraction, BertForExtractiveSummarization]
)
def test_heads_without_a_box_are_refused_in_a_sentence(model_class, tmp_path, capsys):
    run = write_fine_tuned(tmp_path / "run", model_class(CONFIG))
    assert main(["explore", str(run), "-o", str(tmp_path / "page.html")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "which the page cannot show" in line
    assert not (tmp_path / "page.html").exists()


def test_other_runs_that_cannot_become_a_page_are_refused_in_a_sentence(tmp_path, capsys):
    output = tmp_path / "page.html"

    def error(*arguments) -> str:
        assert main(["explore", *map(str, arguments), "-o", str(output)]) == 2
        assert not output.exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    config = EncoderDecoderConfig(CONFIG, CONFIG, start_id=2, end_id=3, padding_id=0)
    save_checkpoint(tmp_path / "generation", BertForConditionalGeneration(config), WordPieceTokenizer(VOCABULARY))
    assert "has a decoder beside the encoder" in error(tmp_path / "generation")
    adapted = write_run(tmp_path / "adapted", write_body(tmp_path / "body"), Houlsby(4))
    assert "holds an adapter with houlsby, which cannot become part of the weights" in error(adapted)
    chooser = write_run(tmp_path / "chooser", tmp_path / "body", Lora(), BertForMultipleChoice)
    assert "chooses among several continuations" in error(chooser)
    tagger = write_fine_tuned(tmp_path / "tagger", random_tagger())
    assert "tags the words of one text" in error(tagger, "--second", "a cat")
    narrow = write_fine_tuned(tmp_path / "narrow", random_reader(type_vocab_size=1))
    assert "pairs have two" in error(narrow)
    damaged = write_fine_tuned(tmp_path / "damaged", random_classifier(), max_length="long")
    assert "task.json: max_length" in error(damaged)
    assert "holds no kept checkpoints" in error(tagger, "--replay")
    (tagger / "task.json").write_text(json.dumps({"columns": None, "max_length": 10**6}))
    assert "reads at most 37 tokens" in error(tagger)
