"""Every block of docs/using_models.md runs, in its order, as it stands there, on small data."""

import importlib.util
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

import train_finetune
from bert.__main__ import main as bert
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from bert.tracking import trackers
from data.text import docstring_summaries
from data.text.docstring_summaries import LIBRARIES, source_files
from finetuning import child_runs, search
from tests.bert.commands.test_track import Recording
from tests.conftest import make_documents
from tests.docs.snippets import ROOT
from tests.docs.test_commands import COMMAND, enter, run

pytestmark = pytest.mark.peers  # transformers, onnxruntime, optuna, usearch
PAGE = ROOT / "docs/using_models.md"
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.M | re.S)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with all that the page names, and no training of many updates."""
    sentences = [sentence for document in make_documents(8) for sentence in document]
    torch.manual_seed(3)
    tokenizer = WordPieceTokenizer(train_wordpiece(sentences, 140))
    config = BertConfig(tokenizer.vocab_size, 16, 1, 2, 16, max_position_embeddings=64, initializer_range=0.3)
    save_checkpoint(tmp_path / "runs/pretrain", BertForPreTraining(config), tokenizer)
    (tmp_path / "runs/pretrain/log.jsonl").write_text('{"step": 1, "masked_lm_loss": 5.0}\n')
    labelled = [(text, ("good", "bad")[number % 2]) for number, text in enumerate(sentences[:40])]
    pairs = list(pairwise(sentences[:41]))
    tables = {
        "mails.tsv": [("sender", "body"), *((f"person {number}", text) for number, text in enumerate(sentences[:3]))],
        "more.tsv": [("sender", "body"), ("nobody", sentences[3])],
        "reviews.tsv": [("text", "label"), *labelled],
        "pairs.tsv": [("text", "text_pair", "label"), *((*pair, number % 6) for number, pair in enumerate(pairs))],
        "questions.txt": [(text,) for text in sentences[:3]],
        "reviews.txt": [(text,) for text in sentences[:3]],
        "liked.txt": [("1",)],
    }
    for name, rows in tables.items():
        (tmp_path / name).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    (tmp_path / "mails.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in labelled))
    (tmp_path / "faq.jsonl").write_text("".join(json.dumps({"query": a, "text": b}) + "\n" for a, b in pairs))
    enter(tmp_path, monkeypatch)
    files = list(source_files(LIBRARIES))[::60]
    monkeypatch.setattr(docstring_summaries, "source_files", lambda libraries: files)
    monkeypatch.setattr(child_runs, "start", start)
    monkeypatch.setattr(Recording, "opened", [], raising=False)
    for name in ("wandb", "trackio"):
        monkeypatch.setitem(trackers.TRACKERS, name, Recording)
    return tmp_path


def start(line: list[str], errors: list[str] | None = None) -> int:
    """A run of a search, in this process and of a few updates."""
    few = [] if "--resume" in line else ["--max-steps", "2", "--max-length", "16", "--device", "cpu"]
    return train_finetune.main([*line, *few])


def run_line(line: str) -> int:
    """The exit code of one command."""
    program, rest = COMMAND.fullmatch(line).groups()
    if program == "-m finetuning":  # finetuning.search
        words = shlex.split(rest.removeprefix(".search"), comments=True)
        return search.main([*words, "--trials", "2", "--seeds", "1"])
    if program == "-m bert" and " export " in line:
        return bert([*shlex.split(rest, comments=True), "--compare", "16"])
    return run(program + rest)


def serve(block: str) -> None:
    """Runs the block with the server by bash, at a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = block.replace("python -m", f"{sys.executable} -m").replace("8000", port)
    said = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=120, env={"PYTHONPATH": str(ROOT)}
    )
    assert said.stdout.count('"probability"') >= 3 and "requests answered: 2" in said.stdout, said


def test_every_block_runs(folder):
    done = []
    for language, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "python":
            if "starlette" in block and importlib.util.find_spec("starlette") is None:
                continue
            exec(compile(block, str(PAGE), "exec"), {"__name__": "__main__"})
        elif " serve " in block:
            if shutil.which("curl"):
                serve(block)
        else:
            for line in block.replace("\\\n", " ").splitlines():
                assert run_line(line) == 0, line
        done.append(block)
    assert len(done) >= 11
