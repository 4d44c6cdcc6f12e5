"""What the server answers is what the other commands write for a file with the same lines."""

import csv
import io
import json
import random

import numpy as np
import pytest
import torch

from bert.adaptation.loading import source_of
from bert.adaptation.lora import Lora
from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.sentence_transformers import write_modules
from bert.commands.embed import embed_file
from bert.commands.fill_mask import fill_mask
from bert.commands.predict import predict_file
from bert.commands.services import service_of
from bert.config import BertConfig
from bert.errors import InputError
from bert.files.lines import Lines
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.serve.batcher import Batcher
from bert.serve.requests import NAME
from bert.tasks.kinds import KINDS
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.adaptation.runs import TEXTS, write_body, write_run, write_texts
from tests.bert.commands.writers import save_run

LETTERS = "abcdefgh"
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])
CONFIG = BertConfig(len(TOKENIZER.vocabulary), 12, 2, 2, 12, max_position_embeddings=24)
WORDS = {"patterns": ["{text} [MASK]"], "words": {"good": ["a"], "bad": ["b", "c"]}}
LABELS = ["good", "bad"]


def spread(model):
    """Weights so large that each input has an answer of its own."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5.0 if weight.dim() > 1 else 1.0)
    return model


def text(generator, most=30):
    return " ".join(generator.choices(LETTERS, k=generator.randint(1, most)))


def row_of(kind, generator):
    if kind == "spans":
        return {"question": text(generator, 5), "context": text(generator)}
    if kind == "choices":
        return {"context": text(generator, 8), "choices": [text(generator, 5) for _ in range(generator.randint(2, 4))]}
    if kind == "relations":
        return {"text": f"a b c {text(generator)}", "first": [0, 1], "second": [4, 5]}
    if kind == "similarity":
        return {"text": text(generator), "second": text(generator)}
    if kind == "summary":
        return {"sentences": [text(generator, 9) for _ in range(generator.randint(1, 6))]}
    return {"source" if kind == "generation" else "text": text(generator)}


def save(directory, kind, task):
    if kind == "generation":
        save_run(directory)
        return
    arguments = {"problem_type": {"multi-label": "multi_label_classification"}.get(kind, kind)}
    if kind in ("spans", "choices", "summary", "similarity"):
        model = KINDS[kind].head(CONFIG)
    elif kind in ("multi-label", "regression"):
        labels = ["score"] if kind == "regression" else LABELS
        model = KINDS[kind].head(CONFIG, labels=labels, **arguments)
    else:
        model = KINDS[kind].head(CONFIG, labels=["O", "B-X", "I-X"] if kind == "tagging" else LABELS)
    save_checkpoint(directory, spread(model), TOKENIZER)
    if kind == "similarity":
        write_modules(directory, "mean", True, 20, CONFIG.hidden_size)
    pairs = {"spans": ("question", "context"), "similarity": ("text", "second")}
    columns = dict(zip(("text", "text_pair"), pairs.get(kind, ("text",))))
    (directory / "task.json").write_text(json.dumps({"columns": columns, "max_length": 20} | task))


def answers_of(service, lines):
    """The answers, and how many batches they took."""
    batches = []
    with Batcher(
        service.predict, lambda item: item.tokens, watch=lambda *batch: batches.append(batch), most_tokens=60
    ) as batcher:
        items = service.read(Lines(NAME, lines))
        predictions = [future.result(60) for future in batcher.submit(items)]
    return [service.answer(item, prediction) for item, prediction in zip(items, predictions)], len(batches)


KINDS_HERE = [
    ("single-label", {}), ("single-label", {"long_texts": "windows"}), ("multi-label", {}), ("regression", {}),
    ("cloze", WORDS), ("tagging", {"fitting_tags": True}), ("spans", {}), ("relations", {}), ("choices", {}),
    ("summary", {}), ("generation", {}), ("similarity", {"score_range": [0.0, 5.0]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "task"), KINDS_HERE, ids=lambda value: value if isinstance(value, str) else "")
def test_answers_are_the_predictions_for_a_file_with_the_same_lines(tmp_path, kind, task):
    torch.manual_seed(1)
    save(tmp_path, kind, task)
    generator = random.Random(2)
    lines = [json.dumps(row_of(kind, generator)) for _ in range(11)]
    (tmp_path / "new.jsonl").write_text("\n".join(lines) + "\n")
    predict_file(tmp_path, tmp_path / "new.jsonl", output := io.BytesIO(), {})
    service = service_of(source_of(tmp_path), {})
    answers, batches = answers_of(service, lines)
    assert service.kind == kind and batches > 1
    if kind == "tagging":
        blocks = output.getvalue().decode().strip().split("\n\n")
        expected = [dict(zip(("word", "tag"), map(list, zip(*map(str.split, block.split("\n")))))) for block in blocks]
        assert answers == expected
        return
    rows = list(csv.reader(io.StringIO(output.getvalue().decode()), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == len(answers) + 1
    assert len(set(map(json.dumps, answers))) > 5  # or the comparison would not say much
    for row, answer in zip(rows[1:], answers):
        assert list(answer) == rows[0]
        for cell, value in zip(row, answer.values()):
            if isinstance(value, float):
                assert value == pytest.approx(float(cell), abs=3e-5)
            elif isinstance(value, list) and kind != "multi-label":
                assert value == pytest.approx(list(map(float, cell.split(","))), abs=3e-5)
            else:
                assert (",".join(value) if isinstance(value, list) else str(value)) == cell


def test_a_service_names_the_inputs_that_are_no_good(tmp_path):
    save(tmp_path, "choices", {})
    service = service_of(source_of(tmp_path), {})
    with pytest.raises(InputError, match=r"2 rows are bad \(line 2: has no key 'context'.*; line 3: .*a list of at"):
        service.read(Lines(NAME, [json.dumps(service.example), "{}", '{"context": "a", "choices": []}']))
    with pytest.raises(InputError, match="holds a list; a JSON object was expected"):
        service.read(Lines(NAME, ["[1]"]))
    assert service.read(Lines(NAME, [json.dumps(service.example)]))  # what the page shows is a good input


def test_keys_are_names_also_if_the_training_table_had_numbers_for_columns(tmp_path):
    save(tmp_path, "single-label", {"columns": {"text": "4", "text_pair": None, "header": False}})
    assert service_of(source_of(tmp_path), {}).example.keys() == {"text"}
    service = service_of(source_of(tmp_path), {"text_column": "review", "text": False})
    assert service.key_of_text == "review"
    assert list(answers_of(service, ['{"review": "a"}'])[0][0]) == ["prediction", "p(good)", "p(bad)"]
    with pytest.raises(InputError, match="--null-threshold: it would change nothing"):
        service_of(source_of(tmp_path), {"null_threshold": 1.0})


def test_a_dialogue_is_a_list_of_turns(tmp_path):
    save_run(tmp_path)
    service = service_of(source_of(tmp_path), {})
    (tmp_path / "new.jsonl").write_text('["a b", "c"]\n')
    predict_file(tmp_path, tmp_path / "new.jsonl", output := io.BytesIO(), {})
    (answer,), _ = answers_of(service, ['["a b", "c"]'])
    assert answer["prediction"] == output.getvalue().decode().split("\n")[1].split("\t")[0]


def test_a_pretraining_run_fills_blanks(tmp_path):
    torch.manual_seed(1)
    model = spread(BertForPreTraining(CONFIG))
    save_checkpoint(tmp_path, model, TOKENIZER)
    service = service_of(source_of(tmp_path), {})
    texts = ["a [MASK] b", "[MASK]", "c d [MASK] e [MASK]"]
    answers, _ = answers_of(service, [json.dumps({"text": each}) for each in texts])
    for each, answer in zip(texts, answers):
        expected = fill_mask(model, TOKENIZER, each)
        assert [[one["piece"] for one in blank] for blank in answer["fillings"]] == [
            [one.piece for one in blank] for blank in expected
        ]
        for blank, wanted in zip(answer["fillings"], expected):
            assert [one["probability"] for one in blank] == pytest.approx([one.probability for one in wanted], abs=1e-5)
    with pytest.raises(InputError, match=r"2 rows are bad \(line 1: the text has no blank.*; line 2: .*has no key"):
        service.read(Lines(NAME, ['{"text": "a"}', "{}"]))


@pytest.mark.parametrize("case", ["a bare encoder", "modules", "a flag"])
def test_an_encoder_answers_with_vectors(tmp_path, case):
    torch.manual_seed(1)
    model = KINDS["single-label"].head(CONFIG, labels=LABELS) if case == "a flag" else BertModel(CONFIG)
    save_checkpoint(tmp_path, spread(model), TOKENIZER)
    if case == "modules":
        write_modules(tmp_path, "cls", normalize=True, max_length=9)
    generator = random.Random(3)
    lines = [json.dumps({"text": text(generator)}) for _ in range(9)]
    (tmp_path / "new.jsonl").write_text("\n".join(lines))
    pooling = "cls" if case == "a flag" else None
    embed_file(tmp_path, tmp_path / "new.jsonl", tmp_path / "vectors.npy", {}, pooling, [-1])
    service = service_of(source_of(tmp_path), {}, pooling=pooling)
    answers, _ = answers_of(service, lines)
    assert service.kind == "vectors"
    np.testing.assert_allclose([answer["vector"] for answer in answers], np.load(tmp_path / "vectors.npy"), atol=1e-5)


def test_an_adapted_run_is_served_with_its_body(tmp_path):
    run = write_run(tmp_path / "run", write_body(tmp_path / "body"), Lora(3))
    texts = write_texts(tmp_path / "texts.txt")
    predict_file(run, texts, output := io.BytesIO(), {})
    service = service_of(source_of(run, tmp_path / "body"), {"text": False})
    answers, _ = answers_of(service, [json.dumps({"text": each}) for each in TEXTS])
    assert [row.split("\t")[0] for row in output.getvalue().decode().split("\n")[1:-1]] == [
        answer["prediction"] for answer in answers
    ]


def test_a_service_in_8_bits_answers_nearly_the_same(tmp_path):
    save(tmp_path, "regression", {})
    notes: list[str] = []
    lines = ['{"text": "a b"}', '{"text": "c"}']
    plain, _ = answers_of(service_of(source_of(tmp_path), {}), lines)
    answers, _ = answers_of(service_of(source_of(tmp_path), {}, int8=True, log=notes.append), lines)
    assert "the weights take" in notes[0]
    assert [answer["prediction"] for answer in answers] != [answer["prediction"] for answer in plain]
    for answer, wanted in zip(answers, plain):
        assert answer["prediction"] == pytest.approx(wanted["prediction"], abs=0.2)
