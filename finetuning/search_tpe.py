"""Optuna's part in a search: what to try next, which flags mattered, and a study file for its own tools.

``search.json`` remembers the trials, and a study is made of them anew. So a search that was killed goes on with the
same settings as if it had not been: Optuna's samplers keep their random state in memory alone.

Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization" (TPE); Akiba et al. 2019, "Optuna".
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bert.files.whole import write_atomically
from bert.tasks.metrics import LOWER_IS_BETTER
from finetuning.search_space import Choices, Range, Settings, Space
from finetuning.search_trials import Trial

STUDY = "search"  # its name in the file
STUDY_FILE = "optuna.log"


def propose(trials: Sequence[Trial], space: Space, seed: int) -> Settings:
    """What TPE tries after these trials, always the same for the same seed."""
    import optuna

    study = _study(trials, space, optuna.samplers.TPESampler(seed=seed))
    drawn = study.ask(_distributions(space)).params
    return {part.name: _usable(part, drawn[part.name]) for part in space}


def importances(trials: Sequence[Trial], space: Space) -> dict[str, float]:
    """The share of the scores' differences that each flag explains (fANOVA). Empty if there are too few to tell."""
    import optuna

    study = _study(trials, space, None)
    values = {trial.value for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE}
    if len(values) < 3:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def write_study(path: Path, trials: Sequence[Trial], space: Space) -> None:
    """Writes the study file, which ``optuna-dashboard`` and ``optuna.load_study`` read, whole or not at all.

    Optuna itself would append to it. After a kill, a line that was cut short would make the file unreadable.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import BaseJournalBackend

    class InMemory(BaseJournalBackend):
        """The operations of a study, as the lines of Optuna's ``JournalFileBackend``."""

        def __init__(self):
            self.logs: list[dict[str, Any]] = []

        def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
            return iter(self.logs[log_number_from:])

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            self.logs.extend(logs)

    journal = InMemory()
    _study(trials, space, None, JournalStorage(journal))
    write_atomically(path, "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in journal.logs))


def _study(trials: Sequence[Trial], space: Space, sampler: Any, storage: Any = None) -> Any:
    """A study of the trials that have ended, but for a first one with settings outside the space."""
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    lower = any(trial.metric in LOWER_IS_BETTER for trial in trials)
    study = optuna.create_study(
        storage=storage, sampler=sampler, study_name=STUDY, direction="minimize" if lower else "maximize"
    )
    states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    distributions = _distributions(space)
    for trial in trials:
        if trial.state not in states or any(trial.settings[part.name] not in part for part in space):
            continue
        state = states[trial.state] if trial.value is not None else TrialState.FAIL
        curve = {epoch: value for epoch, value in enumerate(trial.curve, start=1) if value is not None}
        study.add_trial(
            optuna.trial.create_trial(
                state=state, value=trial.value if state is TrialState.COMPLETE else None, params=dict(trial.settings),
                distributions=distributions, intermediate_values=curve, user_attrs={"directory": trial.name},
            )
        )  # fmt: skip
    return study


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found = {}
    for part in space:
        if isinstance(part, Choices):
            found[part.name] = CategoricalDistribution(part.values)
        elif part.of_integers:
            found[part.name] = IntDistribution(int(part.low), int(part.high), log=part.log)
        else:
            found[part.name] = FloatDistribution(part.low, part.high, log=part.log)
    return found


def _usable(part: Choices | Range, value: Any) -> Any:
    return part.rounded(value) if isinstance(part, Range) else value
