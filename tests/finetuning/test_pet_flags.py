"""PET's further flags: each goes to the runs that heed it, and bad ones are refused before there is a run."""

import pytest

from bert.errors import InputError
from finetuning.pet_flags import sort_flags

OWN = {
    "zero-shot": ["--problem", "cloze", "--patterns", "p.toml", "--zero-shot", "--dev", "few.tsv"],
    "cloze": [*"--problem cloze --patterns p.toml --train few.tsv --unlabelled u.txt --max-steps 9 --seed 4".split()],
    "classifier": [*"--distil-from a b --unlabelled u.txt --dev dev.tsv --max-steps 9 --seed 4".split()],
}


@pytest.fixture
def sort(tmp_path):
    return lambda line: sort_flags(line.split(), OWN, tmp_path / "nothing")


@pytest.mark.parametrize(
    "flag, heeded_by",
    {
        "--max-length 64": ("zero-shot", "cloze", "classifier"),
        "--text-column=review": ("zero-shot", "cloze", "classifier"),
        "--precision fp32": ("zero-shot", "cloze", "classifier"),
        "--plain": ("zero-shot", "cloze", "classifier"),
        "--batch-size 8": ("zero-shot", "cloze", "classifier"),
        "--early-stopping 2": ("cloze", "classifier"),
        "--reinitialize-layers 1": ("cloze", "classifier"),
        "--masked-lm-weight 0.1": ("cloze",),
        "--temperature 4": ("classifier",),
        "--fresh head pooler": ("classifier",),
    }.items(),
)
def test_a_flag_goes_to_the_runs_that_heed_it(sort, flag, heeded_by):
    assert sort(flag) == {name: flag.split() if name in heeded_by else [] for name in OWN}


def test_flags_keep_their_values_and_their_order(sort):
    flags = sort("--temperature 4 --fresh head --dropout 0.2 --masked-lm-weight 0.1 --no-text")
    assert flags["cloze"] == "--dropout 0.2 --masked-lm-weight 0.1 --no-text".split()
    assert flags["classifier"] == "--temperature 4 --fresh head --dropout 0.2 --no-text".split()


@pytest.mark.parametrize("flag", ["--max-steps 3", "--epochs 2", "--distil-from x", "--zero-shot", "--problem cloze",
                                  "--resume", "--compare", "--random-start"])  # fmt: skip
def test_what_pet_decides_cannot_be_given(sort, flag):
    with pytest.raises(InputError, match=f"^{flag.split()[0]}: finetuning.pet decides this for each of its runs"):
        sort(flag)


@pytest.mark.parametrize(
    "flags, found",
    {
        "--nothing 3": "unrecognized arguments: --nothing 3",
        "stray": "unrecognized arguments: stray",
        "--temperature": "--temperature: expected one argument",
        "--temperature 0": "0",
        "--class-weights balanced": "leave --class-weights out",
        "--tag-column 2": "--tag-column: it would change nothing in this kind of task",
        "--data glue": "--data glue is a known task's directory: name the --task",
    }.items(),
)
def test_bad_flags_are_refused_at_once(sort, flags, found):
    with pytest.raises(InputError, match=found):
        sort(flags)
