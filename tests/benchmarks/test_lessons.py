"""The lessons: small trainings that are compared seed by seed, and the table and page of what they show."""

import doctest
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

import benchmarks.lessons.__main__ as command
import pretraining.settings
from benchmarks.lessons import lesson, page, plan, runs, tables, trainer, verdicts, write
from benchmarks.lessons.corpus import write_texts
from benchmarks.lessons.lesson import DEFAULT, UPDATES, Lesson, Part, contestant
from benchmarks.lessons.plan import Budget, Speeds, check, job_of, rates_of, tuning_jobs
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.rows import Found, Row, read_table, write_row
from benchmarks.lessons.runs import (
    Job,
    Machine,
    Result,
    Texts,
    command_lines,
    seconds_per_update,
    settings_of,
    train_and_measure,
    training_seconds,
    update_times,
)
from benchmarks.lessons.tables import cells_of, deciding, in_sentences, summary, updates_to_the_first
from benchmarks.lessons.verdicts import NO_DIFFERENCE, difference, update_at
from benchmarks.trials import add_rows
from bert.errors import InputError
from data.corpus.held_out import is_held_out
from data.text.corpora import read_documents
from data.text.python_docs import PythonDocument
from pretraining import recipes
from tests.conftest import make_documents

LIBRARIES = ("python", "numpy", "torch")
MACHINE = Machine("cpu", "fp32", 1, 1)


# ---- the texts ----


def make_library(count: int) -> list[PythonDocument]:
    """Documents of three libraries, of words that mean nothing together."""
    return [
        PythonDocument(LIBRARIES[number % 3], f"module{number}", sentences)
        for number, sentences in enumerate(make_documents(count, seed=3))
    ]


def test_no_lesson_reads_a_document_that_the_first_command_holds_out(tmp_path):
    library = make_library(80)
    texts = write_texts(tmp_path, library)
    kept = [document.sentences for index, document in enumerate(library) if not is_held_out(index)]
    left_out = [document.sentences for index, document in enumerate(library) if is_held_out(index)]
    assert len(left_out) > 1
    assert list(read_documents([texts.corpus])) == kept
    written = "".join(path.read_text() for path in texts)
    assert not any(sentence in written for sentences in left_out for sentence in sentences)
    assert all(sentence in written for sentence in kept[0])  # the control


def test_the_texts_are_written_once(tmp_path):
    texts = write_texts(tmp_path, make_library(20))
    before = texts.corpus.read_bytes()
    assert write_texts(tmp_path, make_library(30)) == texts
    assert texts.corpus.read_bytes() == before


# ---- verdicts ----


@pytest.mark.parametrize("values", [[3.0, 3.1, 3.3], [2.8, 2.9, 3.05, 2.7], [3.01, 3.22, 3.19]])
def test_an_interval_is_the_one_of_a_paired_t_test(values):
    first = [3.0, 3.2, 3.2, 3.1][: len(values)]
    found = difference(values, first)
    interval = ttest_rel(values, first).confidence_interval(0.95)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((interval.low, interval.high))
    assert found.is_clear == (ttest_rel(values, first).pvalue < 0.05)
    assert (found.in_words() == NO_DIFFERENCE) != found.is_clear


def test_pairs_show_what_means_hide():
    first, values = [3.0, 4.0, 5.0], [2.9, 3.91, 4.9]  # the deviation over seeds is ten times the difference
    assert difference(values, first).in_words() == "-0.097 (-0.111 to -0.082)"
    assert difference(values[::-1], first).in_words() == NO_DIFFERENCE  # the control


def test_one_seed_has_no_verdict_and_equal_runs_have_no_difference():
    assert difference([1.0], [2.0]).in_words() == "one seed, no verdict"
    assert difference([1.0, 2.0], [1.0, 2.0]).in_words() == NO_DIFFERENCE


@pytest.mark.parametrize(("loss", "update"), [(4.0, 10), (3.5, 15), (2.9, 32), (2.0, 50), (1.9, None)])
def test_the_update_of_a_loss_lies_between_two_evaluations(loss, update):
    curve = [[10, 4.0], [20, 3.0], [30, 3.1], [40, 2.1], [50, 2.0]]
    assert update_at(curve, loss) == (None if update is None else pytest.approx(update))


# ---- from lessons to trainings ----


SLOW, FAST = "--dropout 0.3", "--dropout 0.2"


class Speed:
    """Seconds of an update, by the flags."""

    def of(self, flags: str) -> float:
        return 0.5 if SLOW in flags else 0.1


def budget_of(minutes: float = 1.0, updates: int | None = None) -> Budget:
    return Budget("tiny", minutes, updates, MACHINE)


LESSON = Lesson("Why?", "Because.", "Nobody", (
    DEFAULT,
    contestant("slow", SLOW),
    contestant("both", Part(0.5, FAST), Part(0.5, SLOW)),
    contestant("less", FAST, share=0.75),
))  # fmt: skip


def ends(lesson: Lesson, budget: Budget) -> list[list[int]]:
    """The updates at which the parts of each contestant end."""
    return [[end for end, _ in job_of(lesson, each, 0, budget, Speed()).parts] for each in lesson.contestants]


def test_minutes_become_updates_by_the_speed_of_each_part():
    assert ends(LESSON, budget_of()) == [[600], [120], [300, 360], [450]]


def test_a_lesson_of_updates_has_those_of_the_default_in_the_minutes():
    by_updates = Lesson("Why?", "Because.", "Nobody", LESSON.contestants, UPDATES)
    assert ends(by_updates, budget_of()) == [[600], [600], [300, 600], [450]]
    assert ends(LESSON, budget_of(updates=40)) == [[40], [40], [20, 40], [30]]


def test_a_speed_counts_beside_the_default_measured_at_the_same_time(tmp_path, monkeypatch):
    clock = iter([0.1, 0.4, 0.2])  # seconds of an update: the default; later, when all is twice as slow, both
    monkeypatch.setattr(plan, "in_a_process_of_its_own", lambda *arguments: next(clock))
    for _ in range(2):  # the second time, all is in the file
        speeds = Speeds(budget_of(), Texts((), None, None, str(tmp_path)), lambda line: None)
        assert speeds.of("") == 0.1
        assert speeds.of(SLOW) == pytest.approx(0.2)
        assert speeds.of(f"--no-nsp --nsp {SLOW}") == speeds.of(SLOW)  # the same settings, measured once
        assert speeds.of(f"{SLOW} --learning-rate 1e-5 --warmup-steps 0") == speeds.of(SLOW)  # these take no time
        assert speeds.of("--mask-shares 100,0,0 --mask-copies 1") == speeds.of("")


def test_a_speed_and_the_default_are_measured_at_the_same_time(tmp_path, monkeypatch):
    together = threading.Barrier(2, timeout=20)  # it breaks if one of them waits alone

    def measure(function, job: Job, texts: Texts) -> float:
        together.wait()
        return 0.3 if SLOW in job.parts[0][1] else 0.1

    monkeypatch.setattr(plan, "in_a_process_of_its_own", measure)
    budget = Budget("tiny", 1.0, None, Machine("cpu", "fp32", 1, 2))
    speeds = Speeds(budget, Texts((), None, None, str(tmp_path)), lambda line: None)
    assert speeds.of(SLOW) == pytest.approx(0.3)


def test_a_contestant_of_several_parts_resumes_one_run_with_one_schedule(tmp_path):
    (tmp_path / "vocabularies/tiny").mkdir(parents=True)
    (tmp_path / "vocabularies/tiny/config.json").touch()
    job = Job("tiny", ((30, "--batch-size 8"), (40, "--batch-size 16")), 5, MACHINE)
    first, second = command_lines(job, Texts(("text",), None, None, str(tmp_path)), Path("run"))
    assert "--resume" not in first and first[-4:] == ["--max-steps", "30", "--schedule-to", "40"]
    assert second == ["--output", "run", "--resume", "--batch-size", "16", "--max-steps", "40"]
    assert first[first.index("--seed") + 1] == "5"


def test_flags_that_say_what_is_so_anyway_share_the_training_of_the_default():
    for flags, said in (("--dropout 0", ""), ("--optimizer muon --seed 0", ""), ("--dropout 0.1",) * 2):
        assert job_of(LESSON, contestant("it", flags), 0, budget_of(), Speed()).parts == ((600, said),)


def test_learning_rates_are_multiples_of_the_usual_one_and_are_tried_on_another_seed():
    tuned = Lesson("Why?", "Because.", "Nobody", (
        contestant("one", rates=(0.5, 1, 2)), contestant("two", "--learning-rate 1e-3", rates=(3,)), DEFAULT,
    ))  # fmt: skip
    assert [rates_of(each, budget_of()) for each in tuned.contestants] == [[1.5e-3, 3e-3, 6e-3], [3e-3], []]
    jobs = list(tuning_jobs(tuned, budget_of(), Speed()))
    assert [(each.name, job.parts[0][1]) for each, _, job in jobs] == [
        ("one", "--learning-rate 0.0015"), ("one", ""), ("one", "--learning-rate 0.006"),
    ]  # fmt: skip
    assert {job.seed for _, _, job in jobs} == {plan.TUNING_SEED}


class Measured(trainer.Trainer):
    """A trainer that measures no speed."""

    def __init__(self, directory: Path):
        super().__init__(budget_of(), Texts((), None, None, str(directory)))
        self._speeds = Speed()  # pyright: ignore


def test_a_contestant_may_have_the_rate_of_another_one_or_a_part_of_it(tmp_path):
    tuned = Lesson("Why?", "Because.", "Nobody", (
        contestant("one", rates=(0.5, 1)), contestant("same", SLOW, rate_of="one"),
        contestant("half", SLOW, rates=(0.5,), rate_of="one"), contestant("own", SLOW, rates=(0.5,)),
    ))  # fmt: skip
    check(tuned, "tuned", "tiny")
    jobs = Measured(tmp_path).jobs_of({"tuned": tuned}, {("tuned", "one"): {1e-3: 2.0, 8e-3: 1.0}}, 1)["tuned"]
    rates = [of_seeds[0].parts[0][1].rpartition(" ")[2] for of_seeds in jobs]
    assert rates == ["0.008", "0.008", "0.004", "0.0015"]
    alone = Lesson("Why?", "Because.", "Nobody", (contestant("one", rates=(2,)), contestant("it", rate_of="one")))
    with pytest.raises(InputError, match="one chooses no learning rate"):
        check(alone, "alone", "tiny")


def test_a_training_of_several_lessons_measures_the_task_if_one_of_them_does(tmp_path):
    without = Lesson("Why?", "Because.", "Nobody", (DEFAULT, contestant("slow", SLOW)))
    with_task = Lesson("Why?", "Because.", "Nobody", (DEFAULT, contestant("fast", FAST)), task=True)
    jobs = Measured(tmp_path).jobs_of({"first": without, "second": with_task}, {}, 2)
    tasks = {name: [[job.task for job in of_seeds] for of_seeds in found] for name, found in jobs.items()}
    assert tasks == {"first": [[True, True], [False, False]], "second": [[True, True], [True, True]]}
    assert jobs["first"][0] == jobs["second"][0]
    alone = Measured(tmp_path).jobs_of({"first": without}, {}, 2)["first"]
    assert [job.task for job in alone[0]] == [False, False]  # the control
    add_rows(tmp_path / "results.json", [{"case": job.case} for job in jobs["second"][0]])
    alone = Measured(tmp_path).jobs_of({"first": without}, {}, 2)["first"]
    assert alone[0] == jobs["second"][0]  # these were trained before


def test_no_result_is_taken_for_one_of_another_recipe(tmp_path, monkeypatch):
    job, usual = Job("tiny", ((10, ""),), 0, MACHINE), recipes.RECIPES["tiny"]
    speeds = Speeds(budget_of(), Texts((), None, None, str(tmp_path)), lambda line: None)
    before = {job.case, speeds._case("")}
    monkeypatch.setitem(recipes.RECIPES, "tiny", usual | {"dropout": 0.3})
    assert not before & {job.case, speeds._case("")}
    monkeypatch.setitem(recipes.RECIPES, "tiny", dict(usual))
    assert before == {job.case, speeds._case("")}  # the control


SAID = {  # what a contestant of these lessons is called, and what its run must have, whatever the recipe of its size
    ("masking_rate", "15 %"): ("masking_rate", "0.15"),
    ("replacement", "80/10/10"): ("mask_shares", "80,10,10"),
    ("static_masks", "anew in each epoch"): ("mask_copies", 0),
    ("whole_words", "single pieces"): ("whole_word_masking", False),
    ("nsp", "with"): ("nsp", True),
    ("bias_correction", "without correction"): ("optimizer", "bert-adamw"),
    ("bias_correction", "with correction"): ("optimizer", "adamw"),
    ("muon", "AdamW"): ("optimizer", "bert-adamw"),
    ("muon", "Muon"): ("optimizer", "muon"),
    ("muon_in_minutes", "AdamW"): ("optimizer", "bert-adamw"),
    ("warmup", "with warm-up"): ("optimizer", "bert-adamw"),
    ("pre_norm", "before, no warm-up"): ("optimizer", "bert-adamw"),
    ("pre_norm_deep", "after, with warm-up"): ("optimizer", "bert-adamw"),
    ("batch_size", "32 examples"): ("batch_size", 32),
    ("batch_size_warmup", "32 all the time"): ("batch_size", 32),
    ("length", "64 tokens, 32 examples"): ("max_length", 64),
    ("rotary", "embeddings that start as sinusoids"): ("sinusoidal_start", True),
    ("sizes", "2 layers of 256"): ("optimizer", "muon"),
}


@pytest.mark.parametrize("name_and_contestant", SAID, ids=": ".join)
def test_a_contestant_is_what_it_is_called_whatever_the_recipe_of_its_size(name_and_contestant, monkeypatch):
    other = {
        "masking_rate": "0.5", "mask_shares": "0,0,100", "mask_copies": 7, "whole_word_masking": True, "nsp": False,
        "optimizer": "other", "batch_size": 11, "max_length": 13, "sinusoidal_start": False,
    }  # fmt: skip
    monkeypatch.setattr(pretraining.settings, "recipe_of_size", lambda size, optimizer: other)
    name, called = name_and_contestant
    flags = next(each.parts[0].flags for each in LESSONS[name].contestants if each.name == called)
    setting, value = SAID[name_and_contestant]
    assert getattr(settings_of(["--size", "tiny", *flags.split()]), setting) == value
    assert getattr(settings_of(["--size", "tiny", "--no-nsp"]), setting) == other[setting]  # the control


@pytest.mark.parametrize("name", LESSONS)
def test_every_flag_of_a_lesson_is_one_of_the_script(name):
    check(LESSONS[name], name, "tiny")
    names = [each.name for each in LESSONS[name].contestants]
    assert len(set(names)) == len(names) > 1
    assert all(sum(part.share for part in each.parts) <= 1 for each in LESSONS[name].contestants)


def test_every_file_of_a_question_is_in_the_list():
    folder = Path(command.__file__).parent / "questions"
    assert sorted(LESSONS) == sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def test_a_wrong_flag_is_found_before_anything_is_trained():
    wrong = Lesson("Why?", "Because.", "Nobody", (DEFAULT, contestant("it", "--dropout 2")))
    with pytest.raises(InputError, match=r"lesson wrong, it: argument --dropout: 2 is not from 0 to below 1"):
        check(wrong, "wrong", "tiny")


# ---- what a log tells ----


def test_the_seconds_of_a_training_leave_evaluations_out():
    log = [
        {"step": 10, "tokens": 1_000, "tokens_per_second": 500.0, "seconds": 2.0},
        {"step": 10, "heldout_masked_lm_loss": 3.0},
        {"step": 20, "tokens": 3_000, "tokens_per_second": 1_000.0, "seconds": 30.0},  # it evaluated in between
        {"step": 25, "tokens": 3_500, "tokens_per_second": 500.0, "seconds": 31.0},
    ]
    assert update_times(log) == pytest.approx([0.2, 0.2, 0.2])
    assert training_seconds(log) == pytest.approx(5.0)


# ---- the table ----


def result_of(loss: float, **more) -> Result:
    curve = [[50, loss + 1], [100, loss]]
    usual = {
        "seconds": 6.0, "pairs_loss": loss, "pairs_accuracy": 0.3, "single_loss": loss, "task_accuracy": 0.5,
        "next_sentence_accuracy": 0.8, "heard": "masked_lm, pairs", "curve": curve,
    }  # fmt: skip
    return Result(**usual | more)


def row_of(*losses: list[float], lesson: str = "dropout", **more) -> Row:
    found = [
        Found(f"number {index}", ["--dropout 0"], 100, [result_of(loss, **more) for loss in of_seeds])
        for index, of_seeds in enumerate(losses)
    ]
    return Row(lesson, "tiny", "minutes", 0.1, len(losses[0]), found, "a machine", "2026-11-30")


def test_a_row_says_by_how_much_or_that_there_is_no_difference():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72], [3.1, 3.0, 3.2])
    assert summary(row) == [
        "number 1: the loss on pairs -0.493; no difference in the task",
        "number 2: no difference in the loss on pairs and the task",
    ]
    sentences = in_sentences(row)
    assert sentences[0].startswith("number 1 beside number 0: the loss on pairs -0.493 (-0.522 to -0.465); ")
    assert sentences[0].endswith("; no difference in the blanks that are right, next sentence prediction and the task.")
    assert sentences[1].startswith("number 2 beside number 0: no difference in the loss on pairs, ")
    assert [updates_to_the_first(row, found) for found in row.contestants] == [
        "1.00 ± 0.00",
        "0.75 ± 0.01",
        "in 2 of 3",
    ]


def test_seconds_are_reckoned_if_all_have_the_same_minutes_and_else_as_measured():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72])  # 0.1 minutes each; the trainings took 6 seconds
    slower = replace(row.contestants[1], updates=50)
    of_minutes, of_updates = (replace(row, amount=1.0), replace(row, amount=100, same="updates"))
    assert (of_minutes.seconds(row.first), of_updates.seconds(row.first)) == (60, 6)
    assert "seconds" in cells_of(of_updates)[0] and "seconds" not in cells_of(of_minutes)[0]
    assert tables.seconds_to_the_first(of_minutes, slower) == "90"  # 75 of 100 updates, at 1.2 seconds


def test_a_row_of_one_seed_has_figures_and_no_verdict():
    row = row_of([3.0], [2.0])
    assert in_sentences(row) == ["One seed, no verdict."]
    assert summary(row) == ["number 1: one seed, no verdict"]


def test_curves_of_other_examples_do_not_compare():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72])
    other = Found("other", [], 100, [result_of(1.0, heard="masked_lm, single segments")] * 3)
    assert row.share_to_the_first(other) is None
    assert row.share_to_the_first(row.contestants[1]) is not None  # the control


def test_a_training_whose_loss_was_not_finite_is_said_and_not_averaged():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72])
    row.contestants[1].results[2] = Result(failed="the loss or its gradient is not a finite number at step 9")
    assert in_sentences(row) == ["number 1: 1 of 3 trainings failed, their loss was not finite."]
    assert summary(row) == ["number 1: failed (1 of 3)"]
    header, (_, second) = cells_of(row)
    assert second[header.index("loss, pairs")] == "failed (1 of 3)"


def test_if_the_first_one_failed_nothing_is_compared_with_it_and_that_is_said():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72])
    row.contestants[0].results[1] = Result(failed="the loss or its gradient is not a finite number at step 9")
    assert in_sentences(row) == ["number 0: 1 of 3 trainings failed, their loss was not finite."]
    assert summary(row) == ["number 1: no comparison, number 0 failed (1 of 3)"]
    assert all(texts in page.page_of([row]) for texts in (*in_sentences(row), *summary(row)))


def test_a_task_that_could_not_be_learned_is_said_to_have_failed():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72])
    row.contestants[1].results[2] = replace(row.contestants[1].results[2], task_accuracy=None)
    header, (first, second) = cells_of(row)
    assert second[header.index("task (%)")] == "failed (1 of 3)"
    assert first[header.index("task (%)")] == "50.0 ± 0.0"


def test_what_was_trained_on_single_segments_is_judged_by_them():
    assert deciding(row_of([3.0], [2.0])) == ("pairs_loss",)
    assert deciding(row_of([3.0], [2.0], next_sentence_accuracy=None)) == ("single_loss",)


def test_a_lesson_may_name_the_losses_that_judge_it():
    longer = {"next_sentence_accuracy": None, "longer_loss": 4.0}
    assert deciding(row_of([3.0], [2.0], lesson="rotary", **longer)) == ("longer_loss",)
    assert deciding(row_of([3.0], [2.0], lesson="packing", **longer)) == ("single_loss",)
    assert deciding(row_of([3.0], [2.0], lesson="nsp")) == ("pairs_loss", "single_loss")
    assert all(name in tables.MEASURES for lesson in LESSONS.values() for name in lesson.judged_by)


def test_a_lesson_that_measures_no_task_shows_none_even_if_one_of_its_trainings_did():
    header, _ = cells_of(row_of([3.0, 3.1], [2.5, 2.6], lesson="muon"))
    assert "task (%)" not in header and "loss, pairs" in header
    assert "task (%)" in cells_of(row_of([3.0, 3.1], [2.5, 2.6]))[0]  # the control


# ---- the command ----


@pytest.fixture
def docs(tmp_path, monkeypatch):
    """A folder in the place of docs/."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "lessons.md").write_text(f"before\n{write.BEGIN}\nold\n{write.END}\nafter\n")
    monkeypatch.setattr(write.write_documents, "__defaults__", (folder,))
    return folder


def test_a_lesson_is_trained_once_and_told_in_a_table_and_on_a_page(tmp_path, monkeypatch, docs, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the command sets, for the processes that it starts
    for module in (command, plan, trainer):
        monkeypatch.setattr(module, "in_a_process_of_its_own", lambda function, *arguments: function(*arguments))
    texts = write_texts(tmp_path / "texts", make_library(60))
    for path in (texts.train, texts.dev):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:33]))
    flags = [
        "--corpus", texts.corpus, "--task", texts.train, texts.dev, "--only", "dropout", "--updates", 4, "--seeds", 2,
        "--output", tmp_path / "out", "--at-once", 1, "--precision", "fp32",
    ]  # fmt: skip
    assert command.main([str(flag) for flag in flags]) == 0
    said = capsys.readouterr()
    assert said.err.count("held-out loss") == 4
    assert "### Does dropout help pretraining? (`dropout`, tiny)" in said.out

    row = read_table(tmp_path / "out" / "table.json")[0]
    assert [found.flags for found in row.contestants] == [["--dropout 0"], ["--dropout 0.1"]]
    assert (row.same, row.amount, row.seeds) == ("updates", 4, 2)
    for found in row.contestants:
        for measure in ("pairs_loss", "single_loss", "longer_loss"):
            assert all(2 < loss < 9 for loss in found.values(measure)), measure
        assert all(0 <= score <= 1 for score in found.values("task_accuracy"))
        assert len(found.curve) == 4
    losses = [found.values("pairs_loss") for found in row.contestants]
    assert losses[0] != losses[1] and losses[0][0] != losses[0][1]

    assert command.main([str(flag) for flag in flags]) == 0  # nothing is left to train
    again = capsys.readouterr()
    assert "held-out loss" not in again.err
    assert again.out == said.out
    texts.dev.write_text(texts.dev.read_text() + "numpy\tone row more\n")
    assert command.main([str(flag) for flag in flags]) == 2
    assert "holds results of other texts, which do not compare; name another --output" in capsys.readouterr().err
    assert command.main(["--write", "--output", str(tmp_path / "out")]) == 0
    text = (docs / "lessons.md").read_text()
    assert text.startswith(f"before\n{write.BEGIN}\nMeasured on ") and text.endswith(f"{write.END}\nafter\n")
    assert "\nold\n" not in text and said.out.strip() in text
    html = (docs / "lessons.html").read_text()
    assert html.count("<polyline") == 2 and "http" not in html.replace("http://www.w3.org", "")


def test_next_tokens_have_a_loss_of_their_own_and_masked_ones_may_come_then(tmp_path):
    texts = Texts((str(write_texts(tmp_path / "texts", make_library(60)).corpus),), None, None, str(tmp_path))
    causal, masked = "--no-nsp --objective next-token", "--objective masked"
    first = train_and_measure(Job("tiny", ((3, causal),), 0, MACHINE), texts)
    assert first.heard.startswith("next_token, single segments of 64 tokens")
    assert 2 < first.next_token_loss < 9 and first.single_loss is None and len(first.curve) == 3
    then = train_and_measure(Job("tiny", ((3, causal), (5, masked)), 0, MACHINE), texts)
    assert then.heard.startswith("masked_lm, single segments of 64 tokens")
    assert then.next_token_loss is None and 2 < then.single_loss < 9
    assert [update for update, _ in then.curve] == [4, 5]
    assert (then.task_accuracy, then.next_sentence_accuracy) == (None, None)
    assert 0 < seconds_per_update(Job("tiny", ((10, ""),), 0, MACHINE), texts) < 60
    assert not list((tmp_path / "unfinished").iterdir())


def test_the_table_has_the_order_of_the_questions_whatever_was_trained_first(tmp_path, capsys):
    for name in ("gated", "dropout", "nsp"):
        write_row(tmp_path / "table.json", row_of([3.0, 3.1], [2.5, 2.6], lesson=name))
    assert command.main(["--show", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.index("`nsp`") < said.index("`dropout`") < said.index("`gated`")


def test_what_was_written_before_stays_unless_it_was_measured_again(docs):
    write.write_documents([row_of([3.0, 3.1], [2.5, 2.6], lesson=name) for name in ("gated", "nsp")])
    write.write_documents([row_of([4.0, 4.1], [2.5, 2.6], lesson=name) for name in ("dropout", "nsp")])
    rows = read_table(docs / "lessons.json")
    assert [row.lesson for row in rows] == ["nsp", "dropout", "gated"]
    assert [row.first.values("pairs_loss")[0] for row in rows] == [4.0, 4.0, 3.0]
    text = (docs / "lessons.md").read_text()
    assert text.index("(`nsp`") < text.index("(`dropout`") < text.index("(`gated`")


def test_what_the_command_cannot_do_it_says_in_a_sentence(tmp_path, docs, capsys):
    assert command.main(["--show", "--output", str(tmp_path / "none")]) == 2
    assert "holds no table" in capsys.readouterr().err
    (docs / "lessons.md").write_text("no marks")
    with pytest.raises(InputError, match="lacks the lines"):
        write.write_documents([row_of([3.0], [2.0])])
    assert not (docs / "lessons.json").exists()


@pytest.mark.parametrize("module", [verdicts, lesson, page, runs])
def test_what_a_docstring_shows_is_what_happens(module):
    results = doctest.testmod(module)
    assert results.attempted and not results.failed
