"""The pages for readers are right: links lead somewhere, named files and flags exist, the map is complete."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

import train_finetune
import train_pretrain
from bert.__main__ import main as bert
from bert.__main__ import make_parser
from finetuning import pet, search, sequence

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "README.zh.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
FOLDERS = ("bert", "data", "finetuning", "pretraining")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def each_page(test: Callable) -> Callable:
    return pytest.mark.parametrize("page", PAGES, ids=name_of)(test)


def anchors(page: Path) -> set[str]:
    """The headings of a page, spelled as GitHub does in links."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_an_anchor_is_spelled_as_github_does(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One, two\n```\n# a comment\n```\n## A step: `python -m some.thing_new`\n")
    assert anchors(page) == {"one-two", "a-step-python--m-something_new"}


@each_page
def test_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link}: there is no such file"
        assert target.resolve().is_relative_to(ROOT), f"{link}: leads out of the repository"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


@each_page
def test_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(
        r"(?<![\w/.-])((?:bert|data|finetuning|pretraining|tests|benchmarks|docs)/[\w/.]*\w/?)", text
    ):
        assert (ROOT / path).exists(), f"{path}: there is no such file"
    # run_squad.py is google-research/bert's
    names = {path.name for path in ROOT.rglob("*.py") if ".venv" not in path.parts}
    for name in re.findall(r"(?<![\w/.-])(\w+\.py)\b", text):
        assert name in names | {"run_squad.py"}, f"{name}: no file is named so"
    for module in re.findall(r"python -m ((?:benchmarks|bert)[\w.]*\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{module}: there is no such module"


def help_of(capsys: pytest.CaptureFixture, main: Callable, *arguments: str) -> str:
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    return capsys.readouterr().out


def test_flags_that_are_named_exist(capsys):
    scripts = (train_pretrain.main, train_finetune.main, pet.main, sequence.main, search.main)
    helps = [help_of(capsys, main) for main in scripts]
    commands = next(iter(make_parser()._subparsers._group_actions)).choices
    helps += [help_of(capsys, bert, command) for command in commands]
    helps += [path.read_text(encoding="utf-8") for path in ROOT.glob("benchmarks/**/*.py")]
    known = {flag for text in helps for flag in re.findall(r"--[a-z][\w-]*", text)}
    known |= {option for action in get_args_parser()._actions for option in action.option_strings}
    # of TensorBoard, the Hub's client, git-lfs, jupytext and curl
    known |= {"--logdir", "--local-dir", "--skip-smudge", "--include", "--sync"}
    known |= {"--retry", "--retry-delay", "--retry-connrefused"}
    for page in PAGES:
        text = re.sub(r"\]\([^)]*\)", "", page.read_text(encoding="utf-8"))  # anchors have dashes, too
        for flag in re.findall(r"(?<![\w-])(--[a-z][\w-]*)", text):
            assert flag in known or flag.replace("--no-", "--", 1) in known, f"{name_of(page)}: {flag} is no flag"


each_readme = pytest.mark.parametrize(
    "readme, five_files", [("README.md", "## Start here: BERT in five files"), ("README.zh.md", "## 从五个文件读起")]
)


@each_readme
def test_the_readme_is_short(readme, five_files):
    assert len((ROOT / readme).read_text(encoding="utf-8").splitlines()) <= 155


@each_readme
def test_the_five_files_hold_what_the_readme_says(readme, five_files):
    text = (ROOT / readme).read_text(encoding="utf-8")
    section = text.split(five_files)[1].split("\n## ")[0]
    rows = re.findall(r"^\| [^|]+ \| \[`[\w/.]+`\]\(([\w/.]+)\) \| ([^|]+) \|", section, re.M)
    assert len(rows) == 5
    for path, names in rows:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        assert set(re.findall(r"`(\w+)`", names)) <= defined, f"{path} does not define {names}"


def files_on_the_map() -> list[str]:
    """A line of it names a folder, or files of the folder above. Then it may say what they do."""
    files, folder = [], ""
    for line in (ROOT / "docs/map.md").read_text(encoding="utf-8").split("```")[1].splitlines():
        if match := re.match(r"([\w/]+)/(?:  |$)", line):
            folder = match[1]
        elif match := re.match(r"    (\w+\.py(?:, \w+\.py)*)(?:  ?|$)", line):
            files += [f"{folder}/{name}" for name in match[1].split(", ")]
    return files


def test_the_map_has_every_file_once():
    assert sorted(files_on_the_map()) == [name_of(path) for path in sorted(SOURCES) if path.name != "__init__.py"]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_departure_that_a_file_names_is_in_the_table(path):
    if re.search(r"\bdepart(?:s|ures?)\b", path.read_text(encoding="utf-8"), re.I):
        assert f"](../{name_of(path)})" in (ROOT / "docs/departures.md").read_text(encoding="utf-8")
