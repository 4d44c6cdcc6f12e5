"""python -m bert trace: for a directory with any head, as text, HTML or SVG; what it cannot trace, in a sentence."""

import re
from xml.etree import ElementTree

import pytest
import torch

from bert.__main__ import main
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.embedding import BertForRetrieval
from bert.heads.pretraining import BertForPreTraining
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz<>/&\"'.", "the", "cat", "##s"]
CONFIG = BertConfig(
    vocab_size=len(PIECES), hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=10,
    max_position_embeddings=40,
)  # fmt: skip
HOSTILE = "<b>\"the\" & </b><a>'cats'\u202e\x1b[31m"


def save(directory, head=BertForPreTraining, **more):
    torch.manual_seed(0)
    config = CONFIG
    if head is BertForConditionalGeneration:
        config = EncoderDecoderConfig(CONFIG, CONFIG, 2, 3, 0)
    save_checkpoint(directory, head(config, **more), WordPieceTokenizer(PIECES))
    return str(directory)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save(tmp_path_factory.mktemp("runs") / "pretrained")


@pytest.mark.parametrize(
    ("head", "texts", "output"),
    [
        (BertModel, ["the cats"], "last_hidden_state|pooler_output"),
        (BertForCloze, ["the [MASK]"], "prediction_logits"),
        (BertForSequenceClassification, ["the", "cats"], "logits"),
        (BertForTokenClassification, ["the cats"], "logits"),
        (BertForQuestionAnswering, ["the cat", "cats"], "start_logits"),
        (BertForRetrieval, ["the cats"], "vectors"),
        (BertForMultipleChoice, ["the", "cats"], "logits"),
        (BertForRelationExtraction, ["<e1>the</e1> <e2>cats</e2>"], "logits"),
        (BertForExtractiveSummarization, ["the cats", "a cat"], "logits"),
        (BertForConditionalGeneration, ["the cats", "a"], "logits"),
        (BertForConditionalGeneration, ["the cats"], "logits"),
    ],
)
def test_a_directory_with_any_head_is_traced_to_its_scores(head, texts, output, tmp_path, capsys):
    assert main(["trace", save(tmp_path, head), *texts]) == 0
    printed = capsys.readouterr().out
    assert "pieces: [CLS] the cat" in printed or "pieces: [CLS] the" in printed or "e1" in str(texts)
    assert re.search(rf"^  (?:{output}) ", printed, re.M)
    assert re.search(r"bert/model/attention.py:\d+: query @ key.mT / math.sqrt\(query.shape\[-1\]\)", printed)
    assert "untrained" not in printed


def test_a_head_that_the_checkpoint_lacks_is_not_made_up(run, tmp_path, capsys):
    assert main(["trace", run, "the"]) == 0
    assert "next_sentence" in capsys.readouterr().out
    assert main(["trace", save(tmp_path, BertModel, with_pooler=False), "the"]) == 0
    printed = capsys.readouterr().out
    assert not re.search("next_sentence|masked_language|pooler", printed)


def test_pictures_hold_every_tensor_are_whole_and_show_hostile_text_as_text(run, tmp_path, capsys):
    assert main(["trace", run, HOSTILE]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    names = set(re.findall(r"^  (\w+) .*(?:view|\d)$", printed, re.M))
    assert {"word_embeddings", "scores", "weights", "prediction_logits", "next_sentence_logits"} <= names
    for end in ("html", "svg"):
        path = tmp_path / f"trace.{end}"
        assert main(["trace", run, HOSTILE, "-o", str(path)]) == 0
        assert "tensors" in capsys.readouterr().out
        content = path.read_text(encoding="utf-8")
        assert all(f">{name}<" in content for name in names)
        assert "<b>" not in content
        assert "<a>" not in content
        assert "<script" not in content
        assert not re.search(r"(?:src|href)=\"(?!data:)", content)
        assert "prefers-color-scheme: dark" in content
        assert re.search(r"bert/model/embeddings.py:\d+", content)
    ElementTree.fromstring((tmp_path / "trace.svg").read_text(encoding="utf-8"))


def test_what_cannot_be_traced_is_a_sentence_and_nothing_is_written(run, tmp_path, capsys):
    def refused(*arguments) -> str:
        assert main(["trace", *map(str, arguments)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert "ends in .html or .svg" in refused(run, "the", "-o", tmp_path / "trace.png")
    (tmp_path / "there.html").write_text("mine")
    assert "there is such a file already" in refused(run, "the", "-o", tmp_path / "there.html")
    assert (tmp_path / "there.html").read_text() == "mine"
    assert "43 tokens long, and this model reads 40" in refused(run, "a " * 41, "-o", tmp_path / "new.html")
    assert not (tmp_path / "new.html").exists()
    assert "no such directory" in refused(tmp_path / "nowhere", "the")
    choices, relations = (
        save(tmp_path / head.__name__, head) for head in (BertForMultipleChoice, BertForRelationExtraction)
    )
    assert "give both" in refused(choices, "the")
    assert "<e1>" in refused(relations, "the cat")
    assert "leave the second one out" in refused(relations, "<e1>the</e1> <e2>cat</e2>", "the")
