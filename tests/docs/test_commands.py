"""Every command of the READMEs and of the walk runs, as it stands there, on small data."""

import glob
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

import data.text.python_docs
import train_finetune
import train_pretrain
from bert import BertConfig
from bert.__main__ import main as bert
from tests.conftest import make_documents
from tests.docs.snippets import READMES, ROOT, WALK, outputs_of

MAINS = {"train_pretrain.py": train_pretrain.main, "train_finetune.py": train_finetune.main, "-m bert": bert}
# Added to a command, to be done in a second.
SHORTER = {
    "train_pretrain.py": "--max-steps 2 --batch-size 4 --max-length 32 --workers 1 --eval-examples 8 --device cpu",
    "train_finetune.py": "--max-steps 2 --batch-size 4 --max-length 32 --workers 1 --device cpu",
    "-m bert": "",
}
ELSEWHERE = {"-m pytest -n 2"}  # .ci/run does this one
COMMAND = re.compile(r"^(?:python3 -m venv .* && )?(?:\.venv/bin/)?python (-m \w+|\w+\.py)(.*)$", re.M)


def commands() -> list[str]:
    """The commands of all pages, each once, in the order in which a reader meets them."""
    found: dict[str, None] = {}
    for page in READMES + WALK:
        for block in blocks(page, "", "sh"):
            found |= dict.fromkeys("".join(match.groups()) for match in COMMAND.finditer(block))
    return list(found)


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages; "" for blocks that name none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [block for language, block in found if language in languages]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with everything that the commands name, but small. The first command has been run in it."""
    folder = tmp_path_factory.mktemp("clone")
    documents = make_documents(24)
    sentences = [sentence for document in documents for sentence in document]
    corpus = "\n\n".join("\n".join(document) for document in documents)
    reviews = [(text, ("good", "bad")[number % 2]) for number, text in enumerate(sentences[:24])]
    rows = "".join(f"{text}\t{label}\n" for text, label in reviews)
    files = {
        "my/a.txt": corpus,
        "my/b.txt": corpus,
        "films.tsv": "text\tlabel\n" + rows,
        "reviews.tsv": "sentence\n" + "\n".join(sentences[:8]) + "\n",
        "more.tsv": "text\tlabel\n" + rows,
        "new-reviews.txt": "\n".join(sentences[:8]) + "\n",
        "reviews.jsonl": "\n".join(json.dumps({"text": f"{text} {text}", "label": label}) for text, label in reviews),
        "glue/SST-2/train.tsv": "sentence\tlabel\n" + rows,
        "glue/SST-2/dev.tsv": "sentence\tlabel\n" + rows,
    }
    files |= {f"aclImdb/train/{'pos' if label == 'good' else 'neg'}/{number}_9.txt": text
              for number, (text, label) in enumerate(reviews)}  # fmt: skip
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        enter(folder, patched)
        assert run("train_pretrain.py") == 0
    for published in ("bert-base-uncased", "all-MiniLM-L6-v2"):
        shutil.copytree(folder / "runs/pretrain", folder / published)
    return folder


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes to the folder, and makes what the commands do there short."""
    monkeypatch.chdir(folder)
    files = list(data.text.python_docs._source_files())[::150]
    monkeypatch.setattr(data.text.python_docs, "_source_files", lambda: iter(files))


@pytest.fixture
def in_folder(folder, monkeypatch):
    """The folder, as the current one."""
    enter(folder, monkeypatch)
    return folder


def run(command: str) -> int:
    """The exit code of a command as a page has it, with small numbers after it."""
    words = shlex.split(command, comments=True)
    program, words = (" ".join(words[:2]), words[2:]) if words[0] == "-m" else (words[0], words[1:])
    arguments = [name for word in words for name in (sorted(glob.glob(word)) if "*" in word else [word])]
    if program == "train_pretrain.py" and "--checkpoint" not in words:
        arguments += ["--vocab-size", "300"]
    return MAINS[program]([*arguments, *SHORTER[program].split()])


def test_every_command_runs(in_folder):
    """In the order of the pages: some need what others have made. The folder has the first already."""
    first, *others = (command for command in commands() if command not in ELSEWHERE)
    assert first == "train_pretrain.py"
    for command in others:
        assert run(command) == 0, command


def test_the_readmes_snippet_runs(in_folder, monkeypatch):
    monkeypatch.setattr(BertConfig, "base", BertConfig.tiny)  # 110 million initial weights take seconds
    outputs_of(ROOT / "README.md")


def test_both_readmes_begin_with_the_same_commands():
    """The first is the default run, and .ci/run does the second."""
    first = [blocks(page, "")[:2] for page in READMES]
    assert first[0] == first[1]
    assert all(block.startswith("python3 -m venv .venv && ") for block in first[0])


@pytest.mark.parametrize("page", WALK, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_each_line_of_a_block_of_commands_is_found(page):
    for block in blocks(page, "sh"):
        assert len(COMMAND.findall(block)) == len(block.splitlines())
