"""The house keeps its plan: imports run one way, and what a user does not need is not loaded."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each room, and the rooms that it may import from. Rooms are folders, or files that stand alone in bert/.
MAY_IMPORT = {
    "bert.errors": set(),
    "bert.randomness": set(),
    "bert.files": {"bert.errors"},
    "bert.config": {"bert.errors", "bert.files"},
    "bert.activations": {"bert.config", "bert.fast"},
    "bert.layer_norm": {"bert.fast"},
    "bert.fast": set(),  # the switch alone
    "bert.fast kernels": {"bert.fast", "bert.model", "bert.heads"},  # found by name when they are needed
    "bert.workers": {"bert.errors"},
    "bert.tokenization": {"bert.errors", "bert.files", "bert.workers"},
    "bert.model": {"bert.config", "bert.activations", "bert.layer_norm", "bert.fast"},
    "bert.variants": {"bert.config", "bert.layer_norm", "bert.fast", "bert.model"},
    "bert.heads": {"bert.errors", "bert.config", "bert.activations", "bert.layer_norm", "bert.model", "bert.fast"},
    "bert.checkpoints": {
        "bert.errors", "bert.files", "bert.config", "bert.tokenization", "bert.model", "bert.variants",
    },
    "bert.adaptation": {
        "bert.errors", "bert.files", "bert.config", "bert.activations", "bert.model", "bert.heads", "bert.checkpoints",
        "bert.tokenization", "bert.generation", "bert.layer_norm",
    },
    "bert.generation": {
        "bert.errors", "bert.randomness", "bert.files", "bert.config", "bert.tokenization", "bert.model", "bert.heads",
        "bert.checkpoints", "bert.fast", "bert.layer_norm",
    },
    "bert.quantization": {"bert.errors", "bert.fast", "bert.fast kernels", "bert.model", "bert.adaptation"},
    "bert.training": {
        "bert.errors", "bert.files", "bert.config", "bert.model", "bert.heads", "bert.fast", "bert.fast kernels",
    },
    "bert.tasks": {
        "bert.errors", "bert.randomness", "bert.files", "bert.tokenization", "bert.heads", "bert.training",
        "bert.generation",
    },
    "bert.continual": {
        "bert.errors", "bert.randomness", "bert.files", "bert.checkpoints", "bert.heads", "bert.tokenization",
        "bert.training", "bert.tasks",
    },
    "bert.tracking": {"bert.errors", "bert.files", "bert.training"},
    "bert.trace": {"bert.errors", "bert.fast", "bert.tasks"},
    "bert.search": {"bert.errors", "bert.files"},
    "bert.explore": {
        "bert.errors", "bert.files", "bert.config", "bert.tokenization", "bert.checkpoints", "bert.heads",
        "bert.training", "bert.adaptation", "bert.generation", "bert.tasks", "bert.quantization",
    },
    "bert.export": {
        "bert.errors", "bert.files", "bert.randomness", "bert.checkpoints", "bert.model", "bert.heads", "bert.tasks",
        "bert.tokenization", "bert.adaptation", "bert.generation",
    },
    # What a check needs besides comes from the student's module, which it gets as an argument.
    "bert.exercises": {"bert.errors", "bert.files", "bert.config", "bert.fast"},
    # It checks all rooms below the tasks, and data/, which it finds by name: the installed package lacks that.
    "bert.selftest": {
        "bert.errors", "bert.files", "bert.config", "bert.activations", "bert.layer_norm", "bert.fast",
        "bert.fast kernels", "bert.tokenization", "bert.model", "bert.heads", "bert.checkpoints", "bert.generation",
        "bert.training", "bert.quantization", "bert.variants",
    },
    "bert.serve": {"bert.errors", "bert.files"},  # it knows no model: that is an argument
    "bert.commands": {
        "bert.errors", "bert.files", "bert.checkpoints", "bert.model", "bert.heads", "bert.tokenization", "bert.tasks",
        "bert.adaptation", "bert.generation", "bert.training", "bert.trace", "bert.explore", "bert.selftest",
        "bert.exercises", "bert.export", "bert.quantization", "bert.fast kernels", "bert.search", "bert.serve",
        "bert.tracking",
    },
    "bert.__main__": {"bert.errors", "bert.files", "bert.training", "bert.tasks", "bert.commands"},
    "bert": set(),
    "data": {
        "bert.errors", "bert.randomness", "bert.workers", "bert.files", "bert.model", "bert.heads", "bert.tokenization",
    },
    "finetuning": {
        "bert.errors", "bert.randomness", "bert.files", "bert.checkpoints", "bert.model", "bert.tokenization",
        "bert.heads", "bert.adaptation", "bert.training", "bert.tasks", "bert.commands", "bert.continual",
        "bert.config", "bert.generation", "bert.variants", "data",
    },
    # Its plan of memory must know which attention keeps its weights.
    "pretraining": {
        "bert.errors", "bert.files", "bert.config", "bert.checkpoints", "bert.tokenization", "bert.model", "bert.heads",
        "bert.fast kernels", "bert.training", "bert.commands", "bert.variants", "data",
    },
}  # fmt: skip
# Between the kinds of tasks: all may read tables of texts; some hold out texts, or label them, as it does.
KINDS_MAY_IMPORT = {
    "relations": {"classification"}, "spans": {"classification"}, "tagging": {"classification"},
    "cloze": {"classification"}, "generation": {"classification"}, "similarity": {"classification"},
    "retrieval": {"classification"},
}  # fmt: skip
THIRD_PARTY = {
    "torch", "numpy", "einops", "sentencepiece", "safetensors", "tqdm", "tensorboard", "matplotlib", "sklearn",
    "sacrebleu", "onnx", "onnxruntime", "optuna", "usearch",
}  # fmt: skip

FOLDERS = ("bert", "data", "finetuning", "pretraining")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def room_of(module: str) -> str:
    parts = module.removesuffix(".__init__").split(".")
    if parts[:2] == ["bert", "fast"] and len(parts) > 2:
        return "bert.fast kernels"
    return ".".join(parts[:2]) if parts[0] == "bert" else parts[0]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it the import stands."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            modules |= {f"bert.{alias.name}" for alias in node.names} if node.module == "bert" else {node.module}
    return modules


def own_room(path: Path) -> str:
    return room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_rooms_below_its_own(path):
    room = own_room(path)
    for module in imported(path):
        if module.split(".")[0] in FOLDERS and module != "bert":
            assert room_of(module) in MAY_IMPORT[room] | {room}, f"{room} imports {module}"


def test_a_kind_of_task_knows_no_other_kind_and_what_they_share_knows_none():
    folder = ROOT / "bert/tasks"
    kinds = {path.name for path in folder.iterdir() if (path / "task.py").exists()}
    assert kinds == {
        "classification", "tagging", "spans", "relations", "choices", "summaries", "cloze", "generation",
        "similarity", "retrieval",
    }  # fmt: skip
    for path in sorted(folder.rglob("*.py")):
        if path != folder / "kinds.py":
            own = path.parent.name
            for module in imported(path):
                known = set(module.split(".")[2:3]) & kinds if module.startswith("bert.tasks.") else set()
                assert known <= {own} | KINDS_MAY_IMPORT.get(own, set()), f"{path} imports {module}"


def test_the_plan_has_no_circles():
    def below(room, seen=()):
        assert room not in seen, f"a circle through {room}"
        return {room}.union(*(below(other, (*seen, room)) for other in MAY_IMPORT[room]))

    for room in MAY_IMPORT:
        below(room)


def test_the_model_is_the_paper_and_little_else():
    """At most 260 lines of code, and no device, number format or compiler."""
    lines = 0
    for path in (ROOT / "bert/model").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not re.search("cuda|device|dtype|autocast|compil", source), path
        docstrings = {
            line
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for line in range(node.lineno, node.end_lineno + 1)
        }
        ignored = (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        )
        tokens = [
            token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in ignored
        ]
        lines += len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - docstrings)
    assert lines <= 260


def test_every_room_is_on_the_plan():
    assert {own_room(path) for path in SOURCES} <= set(MAY_IMPORT)


def test_nothing_is_imported_from_outside_but_the_dependencies():
    for path in [*SOURCES, *ROOT.glob("train_*.py")]:
        for module in imported(path):
            top = module.split(".")[0]
            if top not in FOLDERS:
                assert top in THIRD_PARTY | set(sys.stdlib_module_names), f"{path} imports {module}"


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_importing_every_public_name_needs_torch_numpy_and_einops_alone():
    blocked = sorted(THIRD_PARTY - {"torch", "numpy", "einops"})
    run(
        "import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "import bert\n"
        "assert all(getattr(bert, name) for name in bert.__all__)\n"
        "from bert import *\n"
        "assert BertConfig is bert.BertConfig\n"
    )


def test_tokenizing_does_not_load_torch():
    assert run("import bert.tokenization.wordpiece, sys; print('torch' in sys.modules)").strip() == "False"


def test_an_unknown_public_name_is_an_ordinary_error():
    import bert

    with pytest.raises(AttributeError, match="no attribute 'BertForNothing'"):
        bert.BertForNothing  # noqa: B018


def test_help_and_wrong_flags_do_not_load_torch():
    code = (
        "import sys\n"
        "from bert.__main__ import main\n"
        "for arguments in (['--help'], ['embed', '--nothing']):\n"
        "    try: main(arguments)\n"
        "    except SystemExit: pass\n"
        "print('torch' in sys.modules)\n"
    )
    assert run(code).splitlines()[-1] == "False"
