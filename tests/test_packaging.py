"""The installed package runs every command, and the lists of requirements agree."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

from packaging.requirements import Requirement

from bert import BertConfig, BertForPreTraining, BertForSequenceClassification, WordPieceTokenizer, save_checkpoint
from bert.tokenization.special_tokens import SPECIAL_TOKENS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
TRAIN = [Requirement(line) for line in PROJECT["optional-dependencies"]["train"]]
# What one command alone needs. Trackers are tried by hand: no test has them.
EXTRAS = [
    Requirement(line)
    for name, lines in PROJECT["optional-dependencies"].items()
    if name not in ("train", "dev", "wandb", "trackio")
    for line in lines
]
DEV = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]


def pins(file: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==([\w.]+)", (ROOT / file).read_text(encoding="utf-8"), re.M))


def test_the_pinned_versions_are_in_the_ranges():
    pinned = pins("requirements.txt") | pins("requirements-dev.txt")
    for requirement in [*CORE, *TRAIN, *EXTRAS, *DEV]:
        if requirement.name not in (PROJECT["name"], "pre-commit"):  # pre-commit is no check of .ci/run
            assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_a_user_of_the_clone_gets_what_training_needs():
    assert {requirement.name for requirement in [*CORE, *TRAIN]} <= pins("requirements.txt").keys()


def test_the_console_script_is_the_command_line():
    module, function = PROJECT["scripts"]["bert"].split(":")
    assert callable(getattr(import_module(module), function))
    assert (ROOT / "bert/py.typed").exists()


def test_the_package_has_all_parts_of_the_explorers_page():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    room = ROOT / "bert/explore"
    taken = {path for pattern in patterns["bert.explore"] for path in room.glob(pattern) if path.is_file()}
    assert taken == {path for path in (room / "page").rglob("*") if path.is_file()} != set()


def test_every_command_runs_with_the_core_requirements_alone(tmp_path):
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "good", "bad", "tea"])
    config = BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16,
    )  # fmt: skip
    save_checkpoint(tmp_path / "pretrained", BertForPreTraining(config), tokenizer)
    save_checkpoint(tmp_path / "classifier", BertForSequenceClassification(config), tokenizer)
    (tmp_path / "texts.txt").write_text("good tea\nbad tea\n")
    names = [requirement.name for requirement in [*TRAIN, *EXTRAS]]
    extras = [{"scikit-learn": "sklearn"}.get(name, name) for name in names]
    code = (
        "import sys\n"
        f"for name in {extras!r}: sys.modules[name] = None\n"
        "from bert.__main__ import main\n"
        "assert main(['fill-mask', 'pretrained', 'good [MASK]']) == 0\n"
        "assert main(['tokenize', 'pretrained', 'good tea']) == 0\n"
        "assert main(['explore', 'pretrained']) == 0\n"
        "assert main(['embed', 'pretrained', 'texts.txt', 'vectors.npy']) == 0\n"
        "assert main(['index', 'pretrained', 'texts.txt', '-o', 'texts.index']) == 0\n"
        "assert main(['search', 'texts.index', 'tea']) == 0\n"
        "assert main(['predict', 'classifier', 'texts.txt']) == 0\n"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "LABEL_" in result.stdout
