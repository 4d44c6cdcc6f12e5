"""bert index, search and recommend: from a file of texts to the nearest of them."""

import json

import numpy as np
import pytest
import torch

from bert.__main__ import main
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.commands.test_embed import add_modules

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", "query", ":"]
TEXTS = ["a b c", "d e", "a b d", "", "f g h", "a b c", "h"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    return write_model(tmp_path / "run")


def write_model(directory, seed=0):
    torch.manual_seed(seed)
    model = BertModel(BertConfig(len(VOCABULARY), 12, 2, 2, 16, max_position_embeddings=16))
    for parameter in model.parameters():
        parameter.data.mul_(10)
    save_checkpoint(directory, model, WordPieceTokenizer(VOCABULARY))
    return directory


def done(capsys, *arguments) -> str:
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments) -> str:
    capsys.readouterr()
    assert main(list(map(str, arguments))) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 + captured.err.count("Note: ")
    return captured.err


def found(capsys, *arguments) -> list[tuple[float, int]]:
    return [(hit["score"], hit["number"]) for hit in json.loads(done(capsys, *arguments, "--json"))["found"]]


def vectors_of(run, texts, *flags) -> np.ndarray:
    (run.parent / "other.txt").write_text("\n".join(texts))
    assert main(["embed", str(run), str(run.parent / "other.txt"), str(run.parent / "other.npy"), *flags]) == 0
    vectors = np.load(run.parent / "other.npy").astype(float)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_search_gives_the_texts_by_the_cosine_of_embeds_vectors(run, tmp_path, capsys):
    assert main(["index", "run", "texts.txt", "--pooling", "max"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "texts.txt.index: 6 texts, vectors of 12\n"
    assert captured.err == "Note: texts.txt: 1 of 7 texts are blank, and left out.\n"
    texts = [text for text in TEXTS if text]
    vectors = vectors_of(run, [*texts, "a d"], "--pooling", "max")
    cosines = vectors[:-1] @ vectors[-1]
    order = np.lexsort((np.arange(6), -cosines.round(9)))
    hits = found(capsys, "search", "texts.txt.index", "a d", "--top", 4)
    assert [number for _, number in hits] == (order[:4] + 1).tolist()
    np.testing.assert_allclose([score for score, _ in hits], cosines[order[:4]], atol=1e-5)
    lines = done(capsys, "search", "texts.txt.index", "A  b c", "--top", 2).splitlines()
    assert lines == ["1.0000\t1\ttexts.txt:1\ta b c", "1.0000\t5\ttexts.txt:6\ta b c"]  # the place counts blank lines


def test_several_queries_come_one_after_another_or_from_a_file(run, capsys):
    done(capsys, "index", "run", "texts.txt")
    (run.parent / "queries.tsv").write_text("id\task\n1\th\n2\td e\n")
    from_file = done(
        capsys, "search", "texts.txt.index", "--queries", "queries.tsv", "--text-column", "ask", "--top", 1
    )
    assert from_file == "h\n1.0000\t6\ttexts.txt:7\th\nd e\n1.0000\t2\ttexts.txt:2\td e\n"
    assert done(capsys, "search", "texts.txt.index", "h", "d e", "--top", 1) == from_file
    assert "neither a query and --queries" in refused(capsys, "search", "texts.txt.index")
    assert "both a query and --queries" in refused(capsys, "search", "texts.txt.index", "h", "--queries", "queries.tsv")


def test_adding_embeds_the_new_texts_alone_and_gives_the_index_of_all(run, capsys, monkeypatch):
    (run.parent / "new.jsonl").write_text('{"body": "g a", "who": {"name": "Ann"}}\n{"body": "e e", "who": 3}\n')
    done(capsys, "index", "run", "texts.txt", "-o", "grown", "--max-length", 6)
    embedded = []
    from bert.commands import embed

    monkeypatch.setattr(
        embed, "text_inputs", lambda tokenizer, chunk, *rest: embedded.extend(chunk) or inputs(tokenizer, chunk, *rest)
    )
    from bert.tasks.classification.inputs import text_inputs as inputs

    more = ["--text-column", "body", "--columns", "who"]
    done(capsys, "index", "run", "new.jsonl", "-o", "grown", "--add", *more)
    assert [example.first for example in embedded] == ["g a", "e e"]
    (hit,) = json.loads(done(capsys, "search", "grown", "g a", "--top", 1, "--json"))["found"]
    assert (hit["file"], hit["line"], hit["columns"]) == ("new.jsonl", 1, {"who": {"name": "Ann"}})
    vectors = vectors_of(run, [*filter(None, TEXTS), "g a", "e e"], "--max-length", "6")
    np.testing.assert_allclose(np.load("grown/vectors.npy"), vectors, atol=1e-5)
    assert "--max-length 7: grown was made with 6" in refused(
        capsys, "index", "run", "new.jsonl", "-o", "grown", "--add", "--max-length", 7, *more
    )
    assert "holds an index already" in refused(capsys, "index", "run", "texts.txt", "-o", "grown")
    assert "there is no such directory" in refused(capsys, "index", "run", "texts.txt", "-o", "none", "--add")


def test_another_model_is_refused_and_the_same_one_elsewhere_is_not(run, tmp_path, capsys):
    done(capsys, "index", "run", "texts.txt", "-o", "index")
    expected = done(capsys, "search", "index", "a d")
    other = write_model(tmp_path / "other", seed=1)
    assert "other: is not the model that made index" in refused(capsys, "search", "index", "a", "--model", other)
    assert "is not the model" in refused(capsys, "index", other, "texts.txt", "-o", "index", "--add")
    assert done(capsys, "embed", "run", "--export", "moved")
    run.rename(tmp_path / "away")
    assert "its model is run, and there is no such directory" in refused(capsys, "search", "index", "a")
    assert done(capsys, "search", "index", "a d", "--model", "away") == expected
    assert done(capsys, "search", "index", "a d", "--model", "moved") == expected  # the same weights
    add_modules(tmp_path / "away", ["cls_token"])
    assert "is not the model" in refused(capsys, "search", "index", "a", "--model", "away")


def test_queries_and_texts_have_their_own_prompts_if_the_model_has_them(run, capsys):
    add_modules(run, ["mean_tokens"], max_seq_length=16)
    prompts = {"prompts": {"query": "query : ", "passage": "a "}}
    (run / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    done(capsys, "index", "run", "texts.txt", "-o", "index")
    query, *vectors = vectors_of(run, ["query : h", *(f"a {text}" for text in TEXTS if text)])
    hits = found(capsys, "search", "index", "h")
    assert [number for _, number in hits[:2]] == (np.argsort(-(np.array(vectors) @ query))[:2] + 1).tolist()
    np.testing.assert_allclose(hits[0][0], max(vectors @ query), atol=1e-5)


def test_what_is_recommended_is_nearest_to_the_mean_and_not_what_is_liked(run, capsys):
    done(capsys, "index", "run", "texts.txt", "-o", "index")
    texts = [text for text in TEXTS if text]
    vectors = vectors_of(run, [*texts, "c c"])
    mean = vectors[[0, 1]].mean(axis=0)
    cosines = vectors[:-1] @ mean / np.linalg.norm(mean)
    order = [number for number in np.argsort(-cosines, kind="stable") if number not in (0, 1, 4)]  # 4 is the text of 0
    for liked in ("a b c\n\nd e\n", "1\n2\n", "5\n2\n"):
        (run.parent / "liked.txt").write_text(liked)
        hits = found(capsys, "recommend", "index", "liked.txt")
        assert [number - 1 for _, number in hits] == order
        np.testing.assert_allclose([score for score, _ in hits], cosines[order], atol=1e-5)
    (run.parent / "liked.txt").write_text("a b c\nc c\n")  # one that is not in the index
    mean = vectors[[0, 6]].mean(axis=0)
    cosines = vectors[:-1] @ mean / np.linalg.norm(mean)
    scores = [score for score, _ in found(capsys, "recommend", "index", "liked.txt")]
    np.testing.assert_allclose(scores, np.sort(cosines[[1, 2, 3, 5]])[::-1], atol=1e-5)


def test_bad_input_is_a_sentence_and_no_index_is_left(run, capsys):
    done(capsys, "index", "run", "texts.txt", "-o", "index")
    (run.parent / "blank.txt").write_text("\n \n")
    (run.parent / "texts.jsonl").write_text('{"text": "mine"}\n')
    (run.parent / "bad.jsonl").write_text('{"text": "a"}\n{"text": 3}\n')
    assert "all its texts are blank" in refused(capsys, "index", "run", "blank.txt", "-o", "new")
    assert "line 2: the text is 3" in refused(capsys, "index", "run", "bad.jsonl", "-o", "new")
    assert "no such file" in refused(capsys, "index", "run", "none.txt", "-o", "new")
    assert "has no column 'title'" in refused(capsys, "index", "run", "texts.txt", "-o", "new", "--columns", "title")
    assert not (run.parent / "new").exists()
    assert "holds texts.jsonl and no index.json" in refused(capsys, "index", "run", "texts.jsonl", "-o", ".")
    assert (run.parent / "texts.jsonl").read_text() == '{"text": "mine"}\n'
    assert "query 2: is empty" in refused(capsys, "search", "index", "a", " ")
    assert "texts.txt: line 4: is empty" in refused(capsys, "search", "index", "--queries", "texts.txt")
    assert "there is no such directory" in refused(capsys, "search", "none", "a")
    assert "holds no index.json" in refused(capsys, "search", "run", "a")
    assert "has no graph" in refused(capsys, "search", "index", "a", "--approximate")
    for liked, message in (("7\n", "7 is no number of a text"), ("\n", "all its texts are blank"),
                           ("1\n2\n3\n4\n6\n", "so none is left")):  # fmt: skip
        (run.parent / "liked.txt").write_text(liked)
        assert message in refused(capsys, "recommend", "index", "liked.txt")
    said = json.loads((run.parent / "index/index.json").read_text())
    for name, value in (("max_length", 99), ("long_texts", "middle")):
        (run.parent / "index/index.json").write_text(json.dumps(said | {name: value}))
        assert "make the index again" in refused(capsys, "search", "index", "a")


def test_what_is_longer_than_the_model_reads_is_counted(run, capsys):
    (run.parent / "long.txt").write_text("a\n" + "b " * 40 + "\n" + "c " * 30 + "\n")
    assert main(["index", "run", "long.txt"]) == 0
    assert "texts of more than 16 tokens: 2; only their beginnings were read" in capsys.readouterr().err
    assert main(["search", "long.txt.index", "b " * 50]) == 0
    assert "queries of more than 16 tokens: 1" in capsys.readouterr().err
    assert main(["index", "run", "long.txt", "-o", "windows", "--long-texts", "windows"]) == 0
    assert "tokens" not in capsys.readouterr().err


@pytest.mark.peers
def test_approximate_search_prints_its_recall(run, capsys):
    pytest.importorskip("usearch")
    assert "approximate search finds 100.0% of the 10 nearest" in done(
        capsys, "index", "run", "texts.txt", "-o", "index", "--approximate"
    )
    exact = done(capsys, "search", "index", "a d")
    assert main(["search", "index", "a d", "--approximate"]) == 0
    captured = capsys.readouterr()
    assert captured.out == exact and "finds 100.0% of" in captured.err
