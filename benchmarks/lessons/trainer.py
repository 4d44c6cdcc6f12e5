"""Trains what the lessons need: learning rates are chosen first, then each contestant is trained with each seed."""

import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.lessons.lesson import Contestant, Lesson
from benchmarks.lessons.plan import Budget, Speeds, job_of, loss_to_tune, rates_of, tuning_jobs
from benchmarks.lessons.runs import Job, Result, Texts, train_and_measure
from benchmarks.trials import in_a_process_of_its_own, read_rows, results_of

Tried = dict[float, float]  # learning rates and their held-out losses


def best_rate(tried: Tried) -> float | None:
    """The learning rate with the lowest loss; None if none was tried."""
    return min(tried, key=lambda rate: tried[rate]) if tried else None


class Trainer:
    """Trains jobs, and keeps their results in a file."""

    def __init__(self, budget: Budget, texts: Texts):
        self._budget, self._texts = budget, texts
        self._speeds = Speeds(budget, texts, log)
        self._file = Path(texts.directory, "results.json")

    def choose_rates(self, lessons: dict[str, Lesson]) -> dict[tuple[str, str], Tried]:
        """What the learning rates gave on another seed, by the names of lesson and contestant."""
        jobs = {
            (name, contestant.name, rate): job
            for name, lesson in lessons.items()
            for contestant, rate, job in tuning_jobs(lesson, self._budget, self._speeds)
        }
        results = self.results(list(jobs.values()))
        found: dict[tuple[str, str], Tried] = {}
        for (name, contestant, rate), job in jobs.items():
            found.setdefault((name, contestant), {})[rate] = loss_to_tune(results[job])
        return found

    def jobs_of(
        self, lessons: dict[str, Lesson], chosen: dict[tuple[str, str], Tried], seeds: int
    ) -> dict[str, list[list[Job]]]:
        """The trainings of each lesson: contestant by contestant, seed by seed.

        Several lessons may have the same training. If one of them measures the task, or did so before, all take that.
        """
        found = {
            name: [
                job_of(lesson, each, 0, self._budget, self._speeds, self._rate_of(name, each, chosen))
                for each in lesson.contestants
            ]
            for name, lesson in lessons.items()
        }
        measured = {job.case for jobs in found.values() for job in jobs if job.task}
        known = read_rows(self._file)

        def seed_by_seed(job: Job) -> list[Job]:
            with_task = replace(job, task=True)
            jobs = [replace(job, seed=seed) for seed in range(seeds)]
            jobs_with_task = [replace(with_task, seed=seed) for seed in range(seeds)]
            if with_task.case in measured or all(each.case in known for each in jobs_with_task):
                return jobs_with_task
            return jobs

        return {name: [seed_by_seed(job) for job in jobs] for name, jobs in found.items()}

    def _rate_of(self, name: str, each: Contestant, chosen: dict[tuple[str, str], Tried]) -> float | None:
        """The peak learning rate of a contestant; None: the one of its flags."""
        best = best_rate(chosen.get((name, each.rate_of or each.name), {}))
        if each.rate_of and best is not None:
            return best * (each.rates or (1.0,))[0]
        rates = rates_of(each, self._budget)
        return rates[0] if len(rates) == 1 else best

    def results(self, jobs: list[Job]) -> dict[Job, Result]:
        """The result of each job, from the file, or trained now."""
        known = read_rows(self._file)
        missing = [job for job in dict.fromkeys(jobs) if job.case not in known]
        started, done = time.perf_counter(), 0
        if missing:
            log(f"{len(missing)} trainings, {self._budget.machine.at_once} at a time. What is finished is kept.")

        def measure(job: Job) -> Result:
            nonlocal done
            result = in_a_process_of_its_own(train_and_measure, job, self._texts)
            done += 1
            left = (time.perf_counter() - started) / done * (len(missing) - done)
            log(f"{done} of {len(missing)}, about {left / 60:,.0f} min left: {job.case}: {in_short(result)}")
            return result

        return results_of(jobs, lambda job: job.case, measure, Result, self._file, self._budget.machine.at_once)


def in_short(result: Result) -> str:
    """A result in a few words."""
    if result.failed is not None:
        return "failed, its loss was not finite"
    loss = loss_to_tune(result)
    task = "" if result.task_accuracy is None else f", task {result.task_accuracy:.1%}"
    return f"held-out loss {loss:.3f}{task}, {result.seconds:,.0f} s"


def log(line: str) -> None:
    """Prints progress."""
    print(line, file=sys.stderr, flush=True)
