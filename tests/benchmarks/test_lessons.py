"""The lessons: small trainings that are compared seed by seed, and the table and page of what they show."""

import doctest
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

import benchmarks.lessons.__main__ as command
from benchmarks.lessons import lesson, page, plan, runs, trainer, verdicts, write
from benchmarks.lessons.corpus import write_texts
from benchmarks.lessons.lesson import DEFAULT, UPDATES, Lesson, Part, contestant
from benchmarks.lessons.plan import Budget, Speeds, check, job_of, rates_of, tuning_jobs
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.rows import Found, Row, read_table
from benchmarks.lessons.runs import (
    Job,
    Machine,
    Result,
    Texts,
    command_lines,
    seconds_per_update,
    train_and_measure,
    training_seconds,
    update_times,
)
from benchmarks.lessons.tables import deciding, in_sentences, summary, updates_to_the_first
from benchmarks.lessons.verdicts import NO_DIFFERENCE, difference, update_at
from bert.errors import InputError
from data.corpus.held_out import is_held_out
from data.text.corpora import read_documents
from data.text.python_docs import PythonDocument
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


def test_a_contestant_of_several_parts_resumes_one_run_with_one_schedule(tmp_path):
    (tmp_path / "vocabularies/tiny").mkdir(parents=True)
    (tmp_path / "vocabularies/tiny/config.json").touch()
    job = Job("tiny", ((30, "--batch-size 8"), (40, "--batch-size 16")), 5, MACHINE)
    first, second = command_lines(job, Texts(("text",), None, None, str(tmp_path)), Path("run"))
    assert "--resume" not in first and first[-4:] == ["--max-steps", "30", "--schedule-to", "40"]
    assert second == ["--output", "run", "--resume", "--batch-size", "16", "--max-steps", "40"]
    assert first[first.index("--seed") + 1] == "5"


def test_flags_that_say_what_is_so_anyway_share_the_training_of_the_default():
    for flags, said in (("--dropout 0", ""), ("--optimizer bert-adamw --seed 0", ""), ("--dropout 0.1",) * 2):
        assert job_of(LESSON, contestant("it", flags), 0, budget_of(), Speed()).parts == ((600, said),)


def test_learning_rates_are_multiples_of_the_usual_one_and_are_tried_on_another_seed():
    tuned = Lesson("Why?", "Because.", "Nobody", (
        contestant("one", rates=(0.5, 1, 2)), contestant("two", "--learning-rate 1e-3", rates=(3,)), DEFAULT,
    ))  # fmt: skip
    assert [rates_of(each, budget_of()) for each in tuned.contestants] == [[1e-3, 2e-3, 4e-3], [3e-3], []]
    jobs = list(tuning_jobs(tuned, budget_of(), Speed()))
    assert [(each.name, job.parts[0][1]) for each, _, job in jobs] == [
        ("one", "--learning-rate 0.001"), ("one", ""), ("one", "--learning-rate 0.004"),
    ]  # fmt: skip
    assert {job.seed for _, _, job in jobs} == {plan.TUNING_SEED}


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


def row_of(*losses: list[float], **more) -> Row:
    found = [
        Found(f"number {index}", ["--dropout 0"], 100, [result_of(loss, **more) for loss in of_seeds])
        for index, of_seeds in enumerate(losses)
    ]
    return Row("dropout", "tiny", "minutes", 0.1, len(losses[0]), found, "a machine", "2026-11-30")


def test_a_row_says_by_how_much_or_that_there_is_no_difference():
    row = row_of([3.0, 3.1, 3.2], [2.5, 2.6, 2.72], [3.1, 3.0, 3.2])
    assert summary(row) == [
        "number 1: loss, pairs -0.493, task (%) no difference",
        "number 2: loss, pairs no difference, task (%) no difference",
    ]
    sentences = in_sentences(row)
    assert sentences[0].startswith("number 1 beside number 0: the loss on pairs -0.493 (-0.522 to -0.465); ")
    assert sentences[0].endswith("; no difference in the blanks that are right, next sentence prediction, the task.")
    assert sentences[1].startswith("number 2 beside number 0: no difference in the loss on pairs, ")
    assert [updates_to_the_first(row, found) for found in row.contestants] == [
        "1.00 ± 0.00",
        "0.75 ± 0.01",
        "in 2 of 3",
    ]


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
    assert summary(row) == ["number 1: failed"]


def test_what_was_trained_on_single_segments_is_judged_by_them():
    assert deciding(row_of([3.0], [2.0])) == "pairs_loss"
    assert deciding(row_of([3.0], [2.0], next_sentence_accuracy=None)) == "single_loss"


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

    row = read_table(tmp_path / "out")[0]
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


def test_what_the_command_cannot_do_it_says_in_a_sentence(tmp_path, docs, capsys):
    assert command.main(["--show", "--output", str(tmp_path / "none")]) == 2
    assert "holds no table" in capsys.readouterr().err
    (docs / "lessons.md").write_text("no marks")
    with pytest.raises(InputError, match="lacks the lines"):
        write.write_documents([row_of([3.0], [2.0])])


@pytest.mark.parametrize("module", [verdicts, lesson, page, runs])
def test_what_a_docstring_shows_is_what_happens(module):
    results = doctest.testmod(module)
    assert results.attempted and not results.failed
