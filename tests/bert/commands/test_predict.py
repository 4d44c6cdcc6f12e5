"""Predicting for a file: how it is read follows from the flags, the run and the kind of file."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bert.checkpoints.directory import save_checkpoint
from bert.commands.predict import predict_file
from bert.commands.reading import reading_of
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.choices.read import Choices
from bert.tasks.classification.predict import LabelScores
from bert.tasks.classification.read import Example
from bert.tasks.kinds import KINDS
from bert.tasks.options import Options
from bert.tasks.relations.read import MarkedText
from bert.tasks.spans.predict import Answer
from bert.tasks.spans.read import Question
from bert.tasks.summaries.read import Document
from bert.tasks.tagging.predict import WordTags
from bert.tasks.tagging.sentence import TaggedSentence
from bert.tokenization.wordpiece import WordPieceTokenizer


@pytest.fixture
def run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(BertConfig.tiny(max_position_embeddings=40).to_dict()))
    return tmp_path


def write_task(run, **values):
    (run / "task.json").write_text(json.dumps(values))


def test_the_flags_go_before_the_run_and_the_run_before_the_defaults(run):
    write_task(run, columns={"text": "question", "text_pair": "context", "header": False}, max_length=20)
    columns, options, trained_on_pairs = reading_of(run, "a.tsv", {"max_length": 30, "long_texts": None})
    assert (columns.text, columns.text_pair, columns.header, trained_on_pairs) == ("question", "context", False, True)
    assert (options.max_length, options.long_texts, options.null_threshold) == (30, "head", None)
    columns, options, trained_on_pairs = reading_of(run, "a.txt", {})
    assert (columns.text, columns.text_pair, options.max_length, trained_on_pairs) == ("text", None, 20, True)
    assert reading_of(run, "a.tsv", {"text_column": "2", "header": True}).columns[:4:3] == ("2", True)
    with pytest.raises(InputError, match="reads at most 40 tokens"):
        reading_of(run, "a.tsv", {"max_length": 41})


@pytest.mark.parametrize(
    "values",
    [{"columns": "text"}, {"columns": ["text"]}, {"columns": {"text": None}}, {"columns": {"text": 4}},
     {"columns": {"text": "a", "text_pair": ["b"]}}, {"max_length": "20"}, {"long_texts": "middle"},
     {"summary_sentences": 2.5}, {"null_threshold": "0"}, {"fitting_tags": "yes"},
     {"max_length": True}, {"max_length": -5}, {"max_length": 10**30}, {"summary_sentences": -1},
     {"null_threshold": float("nan")}, {"null_threshold": 10**400}, {"long_texts": ["head"]},
     {"columns": {"header": {"a": 1}}}, {"columns": {"separator": ""}}],
)  # fmt: skip
def test_a_damaged_task_is_one_sentence(run, values):
    write_task(run, **({"columns": {}, "max_length": 20} | values))
    with pytest.raises(InputError, match=r"task\.json: .* was expected; put back what fine-tuning wrote"):
        reading_of(run, "a.tsv", {})


def test_a_taggers_tags_fit_together_where_its_training_says_so(tmp_path):
    """A model that would say I everywhere says it nowhere, since no entity has begun; another's tags are its own."""
    tagger = BertForTokenClassification(BertConfig(7, 12, 1, 2, 12), labels=["O", "I-X"])
    torch.nn.init.constant_(tagger.classifier.bias, 0.0)
    tagger.classifier.bias.data[1] = 9.0
    save_checkpoint(tmp_path, tagger, WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]))
    (tmp_path / "new.txt").write_text("a b\n")
    for saved, expected in (({}, "I-X"), ({"fitting_tags": False}, "I-X"), ({"fitting_tags": True}, "O")):
        write_task(tmp_path, columns=None, max_length=20, **saved)
        predict_file(tmp_path, tmp_path / "new.txt", output := io.BytesIO(), {})
        assert output.getvalue().decode() == f"a\t{expected}\nb\t{expected}\n\n"


@pytest.mark.parametrize(("name", "saved", "given"), [
    ("max_length", 20, 10), ("long_texts", "tail", "head"), ("summary_sentences", 3, 1),
    ("null_threshold", 2.5, 0.0), ("null_threshold", 2.5, -1.0),
])  # fmt: skip
def test_a_flag_goes_before_what_training_saved_also_if_it_is_zero(run, name, saved, given):
    write_task(run, **{"columns": None, "max_length": 30, name: saved})
    assert getattr(reading_of(run, "a.tsv", {}).options, name) == saved
    assert getattr(reading_of(run, "a.tsv", {name: None}).options, name) == saved
    assert getattr(reading_of(run, "a.tsv", {name: given}).options, name) == given


# ---- a tagger's files ----


@pytest.fixture
def tagger(tmp_path):
    """A model that says I-X of "b", and O of every other word."""
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(7, 12, 1, 2, 12, max_position_embeddings=20), labels=["O", "I-X"])
    model.bert.embeddings.word_embeddings.weight.data.mul_(50)
    with torch.no_grad():
        states = model.eval()(torch.tensor([[2, 5, 6, 3]])).encoder.last_hidden_state[0, 1:3]
        model.classifier.weight[:] = torch.stack([states[0] - states[1], states[1] - states[0]])
        middle = model.classifier.weight @ states.mean(dim=0)
        model.classifier.bias[:] = -middle
    save_checkpoint(
        tmp_path / "run", model, WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])
    )
    return tmp_path / "run"


def predicted(run, path, **given):
    predict_file(run, path, output := io.BytesIO(), given)
    return output.getvalue().decode()


def test_the_words_of_a_column_file_are_tagged_and_not_its_lines(tagger, tmp_path):
    (tmp_path / "test.txt").write_text("a NN O\nb NN B-X\n\na NN O\nb NN O\n")
    with pytest.warns(UserWarning, match="a line has a word, in column 1"):
        assert predicted(tagger, tmp_path / "test.txt") == "a\tO\nb\tI-X\n\na\tO\nb\tI-X\n\n"
    (tmp_path / "other.txt").write_text("b a\n")
    with pytest.warns(UserWarning, match="each line is a text"):
        assert predicted(tagger, tmp_path / "other.txt") == "b\tI-X\na\tO\n\n"
    with pytest.warns(UserWarning) as notes:
        assert predicted(tagger, tmp_path / "other.txt", word_column="2") == "a\tO\n\n"
    assert len(notes) == 1


def test_a_tagger_remembers_the_column_of_the_words(tagger, tmp_path):
    write_task(tagger, columns={"text": "text", "word": "2"}, max_length=20)
    (tmp_path / "test.conll").write_text("x a O\nx b B-X\n")
    assert predicted(tagger, tmp_path / "test.conll") == "a\tO\nb\tI-X\n\n"
    (tmp_path / "test.txt").write_text("b a\n")  # a plain text all the same
    assert predicted(tagger, tmp_path / "test.txt") == "b\tI-X\na\tO\n\n"
    write_task(tagger, columns={"text": "text", "word": 2}, max_length=20)
    with pytest.raises(InputError, match=r"task\.json: columns: word is 2; a text or null was expected"):
        predicted(tagger, tmp_path / "test.conll")


def test_flags_about_words_and_about_texts_exclude_each_other(tagger, tmp_path, run):
    (tmp_path / "a.txt").write_text("a b\n")
    with pytest.raises(InputError, match="--text-column is about a table of texts, and --word-column about words"):
        predicted(tagger, tmp_path / "a.txt", word_column="1", text_column="text")
    assert reading_of(run, "a.txt", {"word_column": "1"}).columns.is_table is False
    assert reading_of(run, "a.txt", {"header": False}).columns.is_table is True
    assert reading_of(run, "a.txt", {}).columns.is_table is None


def test_a_published_question_answerer_reads_the_columns_question_and_context(tmp_path):
    """It has no task.json."""
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    model = BertForQuestionAnswering(BertConfig(8, 12, 1, 2, 12, max_position_embeddings=16))
    save_checkpoint(tmp_path / "run", model, tokenizer)
    table, output = tmp_path / "a.tsv", io.BytesIO()
    table.write_text("context\tquestion\nb c\ta\n")
    predict_file(tmp_path / "run", table, output, {})
    header, row = output.getvalue().decode().splitlines()
    assert header.split("\t") == ["prediction", "score", "null score", "question"]
    assert row.split("\t")[0] in ("b", "c", "b c")
    table.write_text("text\tquestion\nb c\ta\n")
    with pytest.raises(InputError, match=r"has no column 'context': .* name one of them: --text-pair-column"):
        predict_file(tmp_path / "run", table, output, {})
    (tmp_path / "a.txt").write_text("a\n")
    with pytest.raises(InputError, match="trained on pairs; give it a table of them"):
        predict_file(tmp_path / "run", tmp_path / "a.txt", output, {})


def test_nothing_is_predicted_for_a_file_with_bad_rows(tmp_path):
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    model = BertForSequenceClassification(BertConfig(8, 12, 1, 2, 12, max_position_embeddings=16), labels=["x", "y"])
    save_checkpoint(tmp_path / "run", model, tokenizer)
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": 7}\n{"body": "b"}\n')
    output = io.BytesIO()
    with pytest.raises(InputError, match=r"2 rows are bad \(line 2: the text is 7.*; line 3: has no key 'text'"):
        predict_file(tmp_path / "run", tmp_path / "a.jsonl", output, {})
    assert output.getvalue() == b""


# ---- the texts beside the predictions ----


def cells(kind, examples, predicted, text, labels=("A", "B")):
    """The lines that a kind writes for predictions, with their texts or without."""
    model = SimpleNamespace(labels=list(labels), problem_type="single_label_classification")
    return [list(row) for row in KINDS[kind].rows(model, zip(examples, predicted), Options(16, text=text))]


SCORES = LabelScores(np.array([0.0, 0.0]), np.array([0.25, 0.75]))
BESIDE = {  # of each kind: an example, its prediction, and the last columns
    "single-label": (Example(1, "one", None, None), SCORES, {"text": "one"}),
    "multi-label": (Example(1, "one", "two", None), SCORES, {"text": "one", "text_pair": "two"}),
    "relations": (MarkedText(1, "a b", (2, 3), (0, 1), None), SCORES, {"text": "<e2>a</e2> <e1>b</e1>"}),
    "spans": (Question(0, "7", "Who?", "Rio won.", ()), Answer(0, 3, 2.0, 1.0), {"question": "Who?"}),
    "choices": (Choices(1, "c", ("x", "y"), None), np.array([0.0, 1.0]), {"choice": "y", "context": "c"}),
    "summary": (Document(1, ("One.", "Two."), (), ()), np.array([0.0, 1.0]), {"text": "One. Two."}),
}


@pytest.mark.parametrize("kind", BESIDE)
def test_the_texts_are_the_last_columns_and_the_others_stay_as_they_were(kind):
    example, prediction, texts = BESIDE[kind]
    header, *rows = cells(kind, [example] * 2, [prediction] * 2, text=True)
    assert header[-len(texts) :] == list(texts)
    assert [row[-len(texts) :] for row in rows] == [list(texts.values())] * 2
    assert cells(kind, [example] * 2, [prediction] * 2, text=False) == [row[: -len(texts)] for row in [header, *rows]]


def test_a_taggers_words_are_its_texts():
    sentence, tags = TaggedSentence(1, ("Rio", "won"), ()), WordTags([0, 1], np.zeros((2, 2)), [1, 0])
    assert cells("tagging", [sentence], [tags], True, ["O", "B-X"]) == [["Rio", "B-X"], ["won", "O"], []]
    assert cells("tagging", [sentence], [tags], False, ["O", "B-X"]) == [["B-X"], ["O"], []]


def test_a_text_stays_in_its_cell_and_is_left_out_on_request(tmp_path):
    torch.manual_seed(0)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c"])
    model = BertForSequenceClassification(BertConfig(8, 12, 1, 2, 12, max_position_embeddings=16), labels=["x", "y"])
    save_checkpoint(tmp_path / "run", model, tokenizer)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a\tb\n c\r\u2028a"}) + "\n")
    header, row = predicted(tmp_path / "run", tmp_path / "a.jsonl").splitlines()
    assert header.split("\t") == ["prediction", "p(x)", "p(y)", "text"]
    assert row.split("\t")[3:] == ["a b c a"]
    bare = predicted(tmp_path / "run", tmp_path / "a.jsonl", text=False).splitlines()
    assert bare == ["\t".join(line.split("\t")[:3]) for line in (header, row)]


def test_each_kind_heeds_the_flag():
    assert [name for name, kind in KINDS.items() if "text" not in kind.predict_flags("a.jsonl")] == []
