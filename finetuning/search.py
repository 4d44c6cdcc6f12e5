"""A search for the settings of a task: many runs, the best one, and how much of its lead was luck.

    python -m finetuning.search --task rte --data glue/RTE --checkpoint runs/pretrain --output runs/search
    python -m finetuning.search --train mails.csv --output runs/search --trials 30 \\
        --space learning-rate=1e-5..5e-4:log batch-size=16,32 epochs=2..5

    trial-00, trial-01, ...       runs of train_finetune.py; the first one has the usual settings
    repeats/trial-07              the best settings from other seeds, and the usual ones beside them
    search.json, report.html      what was tried, and what came of it
    optuna.log                    --method tpe: the same as a study, for Optuna's own tools

Without --space it is the paper's grid of 24. --method random draws settings, and tpe (needs optuna) learns from the
trials before which ones to try. The score of a trial is the task's metric on the validation set: no trial reads a test
set. The runs at the end do, if there is one. A trial that is worse than the median of the others at the end of an epoch
is stopped there. The weights of all but the best trial are removed.

The same command goes on after an interruption, in the middle of a trial. With more --trials it goes on after its end.
Further flags of train_finetune.py go to all runs.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bert.errors import InputError
from bert.files.reading import require_file
from bert.files.terminal import orderly, print_line
from bert.files.whole import lock_directory
from bert.training.script import explain_failure
from finetuning.child_runs import Interrupted, report_of
from finetuning.search_measures import best_of, bounds_of_epochs
from finetuning.search_report import Repeats, in_sentences, report_search, settings_in_words, summarize
from finetuning.search_settings import SearchSettings, check_same, make_parser, read_settings
from finetuning.search_space import Settings, Space, draw, grid
from finetuning.search_trials import STOPPED, Trial, read_trials, remove_weights, run_trial, write_trials
from finetuning.settings import read_settings as read_settings_of_run

BEFORE_PRUNING = 5  # finished trials: a median of fewer says little
REDRAWS = 50  # of settings that were tried already


def main(command_line: list[str] | None = None) -> int:
    """Runs the command. Returns its exit code: 0, 2 for bad input, or that of the run that ended early."""
    given = make_parser(__doc__).parse_known_args(command_line)
    with orderly():
        try:
            settings, space = read_settings(*given)
            usual = usual_settings(settings, space)
            with lock_directory(settings.output):
                Search(settings, space, usual).run()
        except Interrupted as ended:
            if ended.code in STOPPED:
                print_line("", "To go on, give the same command again.")
            return ended.code
        except BaseException as error:
            return explain_failure("finetuning.search", error)
    return 0


def usual_settings(settings: SearchSettings, space: Space) -> Settings:
    """What a run without a search has for the flags of the space. Raises InputError if it would be refused."""
    line = [*settings.of_trials, "--output", str(settings.place("nothing"))]
    run = read_settings_of_run(line)
    if run.test is not None:
        require_file(run.test)  # that it is there; only the last runs read it
    usual = {part.name: getattr(run, part.name) for part in space}
    for name, value in usual.items():
        if value is None:
            raise InputError(
                f"--space: --{name.replace('_', '-')} has no usual value here to begin with; give one as a flag"
            )
    return usual


class Search:
    """A search in a directory, which may have been begun.

    Args:
        usual: the settings of the first trial.
    """

    def __init__(self, settings: SearchSettings, space: Space, usual: Settings):
        self.settings, self.space, self.usual = settings, space, usual
        self.file = settings.place("search.json")
        self.trials: list[Trial] = []
        if self.file.exists() and any(settings.place().glob("trial-*/arguments.json")):
            check_same(settings, self.file)
            self.trials = read_trials(self.file)
            if self.trials and self.trials[0].settings != usual:
                raise InputError(
                    f"{settings.output} was begun with other usual settings ({settings_in_words(self.trials[0])}); "
                    f"give the same flags, or name another --output"
                )

    def run(self) -> None:
        """All trials, in order, then the repeats and the report."""
        while (trial := self.next_trial()) is not None:
            if trial.number == len(self.trials):
                self.trials.append(trial)
                self.save()  # before it begins: a search that is killed goes on with this trial
            print_line("", f"{trial.name}, the last is {self.planned - 1}: {settings_in_words(trial)}")
            ended = run_trial(trial, self.settings.place(trial.name), self.settings.of_trials)
            self.trials[trial.number] = ended
            print_line(outcome_in_words(ended))
            self.tidy()
            self.save()
            report_search(self.settings, self.space, self.trials, [])
        best = best_of(self.trials)
        if best is None:
            raise InputError(
                f"{self.settings.output}: no trial has come to its end ({self.trials[0].reason or 'it has no score'}); "
                f"mend that, and name another --output"
            )
        usual = self.trials[0]
        both = [best] if usual == best or usual.state == "failed" else [best, usual]
        repeats = [self.repeat(trial) for trial in both]
        self.save(summarize(self.trials, repeats))
        report_search(self.settings, self.space, self.trials, repeats)
        weights = self.settings.place(best.name)
        print_line("", *in_sentences(self.trials, repeats), "", f"The best trial's model is in {weights}.")
        print_line(f"The report is in {self.settings.place('report.html')}.")

    @property
    def planned(self) -> int:
        """How many trials there will be, unless the space has fewer."""
        return self.settings.trials or len(grid(self.space, self.settings.seed)) + (self.usual not in self.grid)

    @property
    def grid(self) -> list[Settings]:
        """The combinations of a grid, in their order."""
        return grid(self.space, self.settings.seed)

    def next_trial(self) -> Trial | None:
        """The trial that was interrupted, or the next one. None: all have ended, or nothing is left to try."""
        for trial in self.trials:
            if trial.state == "running":
                return trial
        number = len(self.trials)
        if self.settings.trials is not None and number >= self.settings.trials:
            return None
        settings = self.usual if number == 0 else self.propose()
        bounds = bounds_of_epochs(self.trials, BEFORE_PRUNING) if self.settings.prune else []
        return None if settings is None else Trial(number, settings, bounds)

    def propose(self) -> Settings | None:
        """Settings that were not tried yet. None: none are left, or none were found."""
        tried, seed, number = [trial.settings for trial in self.trials], self.settings.seed, len(self.trials)
        if self.settings.method == "grid":
            return next((settings for settings in self.grid if settings not in tried), None)
        for attempt in range(REDRAWS):
            if self.settings.method == "tpe" and attempt == 0:
                from finetuning.search_tpe import propose

                proposed = propose(self.trials, self.space, seed + number)
            else:
                proposed = draw(self.space, seed, number, attempt)
            if proposed not in tried:
                return proposed
        return None

    def tidy(self) -> None:
        """Removes the weights of trials that are not the best."""
        best = best_of(self.trials)
        for trial in self.trials:
            if trial.state != "running" and trial != best and not self.settings.keep_all:
                remove_weights(self.settings.place(trial.name))

    def save(self, outcome: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Writes what a search needs to go on, what came out at its end, and the study."""
        write_trials(self.file, {"search": vars(self.settings), **outcome}, self.trials)
        if self.settings.method == "tpe":
            from finetuning.search_tpe import STUDY_FILE, write_study

            write_study(self.settings.place(STUDY_FILE), self.trials, self.space)

    def repeat(self, trial: Trial) -> Repeats:
        """The settings of a trial from other seeds than the search's."""
        first = self.settings.seed + 1
        seeds = range(first, first + self.settings.seeds)
        runs = {seed: self.settings.place("repeats", trial.name, f"seed-{seed}") for seed in seeds}
        reports = [report_of(run, [*self.settings.of_repeat(seed), *trial.flags]) for seed, run in runs.items()]
        return Repeats(trial, [str(run) for run in runs.values()], reports)


def outcome_in_words(trial: Trial) -> str:
    """What came of a trial, in a line."""
    if trial.state == "failed":
        return f"{trial.name} has failed: {trial.reason}"
    score = "no number" if trial.value is None else f"{trial.value:.4f}"
    return f"{trial.name}: dev {trial.metric} {score}{' (pruned)' if trial.state == 'pruned' else ''}"


if __name__ == "__main__":
    raise SystemExit(main())
