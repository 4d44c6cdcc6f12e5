"""PET's further flags: each goes to the runs that heed it, and all are checked before the first run.

--masked-lm-weight 0.001    the cloze models
--temperature 4             the classifier
--early-stopping 3          all that train
--long-texts head+tail      all
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bert.errors import InputError
from bert.tasks.kinds import KINDS
from finetuning.child_runs import by_flag
from finetuning.flags import make_parser
from finetuning.settings import IDLE_IN_ZERO_SHOT, read_settings

_OF_CLASSIFIERS = KINDS["single-label"].flags - KINDS["cloze"].flags | {"fresh"}  # clozes have no part that can be new
_OF_CLOZES = KINDS["cloze"].flags - KINDS["single-label"].flags
IDLE = {  # what a run cannot heed, and another one can
    "zero-shot": _OF_CLASSIFIERS | IDLE_IN_ZERO_SHOT | {"masked_lm_weight"},
    "cloze": _OF_CLASSIFIERS,
    "classifier": _OF_CLOZES,
}
REFUSED = {"epochs", "resume", "compare", "random_start"}  # beside the flags that PET gives itself


def sort_flags(further: Sequence[str], own: Mapping[str, Sequence[str]], output: Path) -> dict[str, list[str]]:
    """The further flags of each sort of run.

    Args:
        further: the user's flags that are not PET's.
        own: PET's flags of a run of each sort: "zero-shot", "cloze" and "classifier".
        output: a directory that is not there.

    Raises:
        InputError: if a flag is unknown, or PET's own, or the flags of a run contradict each other.
    """
    parser = make_parser(None)
    parser.parse_args(further)  # says what is no flag
    owned = REFUSED.union(*(vars(parser.parse_args(flags)) for flags in own.values()))
    flags: dict[str, list[str]] = {sort: [] for sort in own}
    for group in by_flag(further):
        for name in vars(parser.parse_args(group)):
            if name in owned:
                raise InputError(
                    f"{group[0]}: finetuning.pet decides this for each of its runs; leave it out (see --steps, "
                    f"--distil-steps, --seed and --seeds)"
                )
            for sort in own:
                if name not in IDLE[sort]:
                    flags[sort] += group
    for sort in own:
        read_settings([*flags[sort], *own[sort], "--output", str(output)])
    return flags
