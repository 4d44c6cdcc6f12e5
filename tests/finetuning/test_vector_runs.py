"""Similarity and retrieval as their user runs them: trained, used, resumed, misused."""

import csv
import json
import random
import shutil

import numpy as np
import pytest
import torch

from bert.__main__ import main as bert_command
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.config import BertConfig
from bert.heads.embedding import BertForSimilarity
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training import state
from tests.conftest import WORDS
from tests.test_train_finetune import error_of, finetune, report_of, same_bytes

RUN = ["--max-length", 12, "--device", "cpu", "--precision", "fp32", "--learning-rate", 3e-3, "--report-every", 9]
NOUNS, VERBS = WORDS[7:17], WORDS[17:23]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint that was never trained, scored pairs, and queries with their texts."""
    folder = tmp_path_factory.mktemp("vectors")
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    config = BertConfig(
        tokenizer.vocab_size, 24, 2, 2, 32, max_position_embeddings=20, initializer_range=0.2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    save_checkpoint(folder / "checkpoint", BertForPreTraining(config), tokenizer)
    generator = random.Random(1)
    with open(folder / "pairs.tsv", "w") as pairs, open(folder / "searches.jsonl", "w") as searches:
        pairs.write("text\ttext_pair\tlabel\n")
        for index in range(90):
            nouns, verbs = generator.sample(NOUNS, 2), generator.sample(VERBS, 2)
            same = [index % 2 == 0, index % 3 == 0]
            second = f"a {nouns[1 - same[0]]} often {verbs[1 - same[1]]}"
            pairs.write(f"the {nouns[0]} {verbs[0]}\t{second}\t{1 + 2 * sum(same)}\n")
            row = {"query": f"{nouns[0]} {verbs[0]}", "text": f"every small {nouns[0]} never {verbs[0]}"}
            if index % 3 == 0:
                row["negatives"] = [f"every small {nouns[0]} never {verbs[1]}"]
            searches.write(json.dumps(row) + "\n")
    return folder


def given(folder, problem):
    file = {"similarity": "pairs.tsv", "retrieval": "searches.jsonl"}[problem]
    return [*RUN, "--problem", problem, "--train", folder / file, "--checkpoint", folder / "checkpoint"]


def rows_of(text):
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def vectors_of(run, file, output):
    assert bert_command(["embed", str(run), str(file), str(output), "--device", "cpu"]) == 0
    return np.load(output)


def test_scored_pairs_are_learned_and_predicted_on_their_scale(folder, tmp_path, capsys):
    run, more = tmp_path / "run", ["--pool", "max", "--dev", folder / "pairs.tsv", "--epochs", 12, "--batch-size", 16]
    more += ["--learning-rate", 1e-3, "--eval-every", 100]
    assert finetune(*given(folder, "similarity"), *more, "--output", run) == 0
    report = report_of(run)
    assert report["metric"] == "spearman" and report["dev"]["spearman"] > 0.5
    assert report["baseline"]["name"] == "the share of words in common"
    model = load_checkpoint(run, BertForSimilarity)
    assert model.pool == "max"
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(folder / "pairs.tsv"), "--device", "cpu"]) == 0
    found = rows_of(capsys.readouterr().out)
    vectors = vectors_of(run, folder / "pairs.tsv", tmp_path / "first.npy")
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(90), abs=1e-5)
    (tmp_path / "second.txt").write_text("".join(f"{row['text_pair']}\n" for row in found))
    others = vectors_of(run, tmp_path / "second.txt", tmp_path / "second.npy")
    for row, cosine in zip(found, (vectors * others).sum(axis=1)):
        assert float(row["cosine"]) == pytest.approx(cosine, abs=1e-5)
        assert float(row["prediction"]) == pytest.approx(1 + 4 * cosine, abs=1e-3)  # the scores are 1, 3 and 5


@pytest.fixture(scope="module")
def searched(folder):
    """A run of retrieval, and the flags that it was given."""
    run, arguments = (
        folder / "searched",
        [*given(folder, "retrieval"), "--max-steps", 12, "--batch-size", 27, "--eval-every", 100],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state, "KEPT", 9)
        assert finetune(*arguments, "--checkpoint-every", 4, "--output", run) == 0
    return run, arguments


def test_queries_learn_to_find_their_texts(searched, folder, tmp_path, capsys):
    run, arguments = searched
    first = tmp_path / "first"
    assert finetune(*arguments, "--max-steps", 1, "--learning-rate", 1e-9, "--output", first) == 0
    before, after = report_of(first)["dev"], report_of(run)["dev"]
    assert after["mrr@10"] > before["mrr@10"]
    assert report_of(run)["baseline"]["reads_texts"]
    page = (run / "report.html").read_text()
    assert "Worst queries (dev)" in page and "Best queries (dev)" in page
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(folder / "searches.jsonl"), "--device", "cpu"]) == 0
    rows = rows_of(capsys.readouterr().out)
    texts = vectors_of(run, folder / "searches.jsonl", tmp_path / "texts.npy")  # embed reads the texts' column
    (tmp_path / "queries.txt").write_text("".join(f"{row['query']}\n" for row in rows))
    queries = vectors_of(run, tmp_path / "queries.txt", tmp_path / "queries.npy")
    found = [float(row["prediction"]) for row in rows]
    assert found == pytest.approx((texts * queries).sum(axis=1).tolist(), abs=1e-5)
    (tmp_path / "new.tsv").write_text(f"question\ttext\n{rows[0]['query']}\t{rows[0]['text']}\n")
    predict = ["predict", str(run), str(tmp_path / "new.tsv"), "--query-column", "question", "--no-text"]
    assert bert_command([*predict, "--device", "cpu"]) == 0
    assert float(capsys.readouterr().out.splitlines()[-1]) == pytest.approx(found[0], abs=1e-5)


def test_a_stopped_run_goes_on_bit_for_bit(searched, tmp_path):
    run, stopped = searched[0], tmp_path / "stopped"
    shutil.copytree(run, stopped)
    for path in (stopped / "training_state").glob("step-*12*"):
        shutil.rmtree(path)
    for name in ("model.safetensors", "report.json"):
        (stopped / name).unlink()
    assert finetune("--output", stopped, "--resume") == 0
    assert same_bytes(run, stopped)
    assert report_of(run)["dev"] == report_of(stopped)["dev"]


def test_an_adapter_makes_the_same_vectors_as_its_merged_model(folder, tmp_path):
    run = tmp_path / "run"
    more = ["--adapt", "lora", "--rank", 2, "--max-steps", 3, "--no-normalize", "--output", run]
    assert finetune(*given(folder, "retrieval"), *more) == 0
    (tmp_path / "texts.txt").write_text("the river moves\na king\n")
    vectors = vectors_of(run, tmp_path / "texts.txt", tmp_path / "a.npy")
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1)  # --no-normalize
    assert bert_command(["merge", str(run), str(tmp_path / "merged")]) == 0
    merged = vectors_of(tmp_path / "merged", tmp_path / "texts.txt", tmp_path / "b.npy")
    np.testing.assert_allclose(merged, vectors, atol=1e-5)


def test_misuse_is_one_sentence_and_leaves_nothing(folder, tmp_path, capsys):
    similarity, retrieval = (given(folder, problem) for problem in ("similarity", "retrieval"))
    (tmp_path / "dev.jsonl").write_text((folder / "searches.jsonl").read_text())
    (tmp_path / "alone.txt").write_text("a king\nthe road\n" * 20)
    (tmp_path / "same.tsv").write_text("text\ttext_pair\tlabel\n" + "a king\tthe king\t3\n" * 30)
    cases = {
        "--accumulate 2: in retrieval the texts of a whole batch": [*retrieval, "--accumulate", 2],
        "--batch-size 1: a query has no other": [*retrieval, "--batch-size", 1],
        "--temperature: it would change nothing": [*similarity, "--temperature", 0.1],
        "--normalize: it would change nothing": [*retrieval, "--problem", "regression", "--no-normalize"],
        "--pool max: a classifier reads one of cls, mean": [*similarity, "--problem", "regression", "--pool", "max"],
        "--long-texts windows": [*retrieval, "--long-texts", "windows"],
        "--query-column is about a file": [*RUN, "--problem", "retrieval", "--query-column", "q"],
        "--fresh head: this task has no head of its own": [*retrieval, "--fresh", "head"],
        "--adapt head: a run of --problem retrieval has no head": [*retrieval, "--adapt", "head"],
        "stand alone, and no search can be measured": [*retrieval, "--train", tmp_path / "alone.txt"],
        "has no dropout, so that a text read twice has": [
            *retrieval, "--train", tmp_path / "alone.txt", "--dev", tmp_path / "dev.jsonl",
        ],
        "all 27 training scores are 3, so that there is nothing": [*similarity, "--train", tmp_path / "same.tsv"],
        "of such a task, mrr@10, recall@1, recall@10, ndcg@10": [*retrieval, "--metric", "accuracy"],
    }  # fmt: skip
    for part, arguments in cases.items():
        assert part in error_of(capsys, *arguments, "--output", tmp_path / "other"), part
    assert not (tmp_path / "other").exists()


@pytest.mark.peers
def test_sentence_transformers_gives_the_vectors_of_a_run(searched, folder, tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    texts = ["the river moves", "a king", " ".join(NOUNS + VERBS)]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    ours = vectors_of(searched[0], tmp_path / "texts.txt", tmp_path / "texts.npy")
    theirs = sentence_transformers.SentenceTransformer(str(searched[0]), device="cpu").encode(texts)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
