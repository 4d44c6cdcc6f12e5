"""The picture of a log: what it holds is drawn, with what guessing gives, on axes that do not mislead."""

import io
import struct

import matplotlib.figure
import pytest

from bert.training.curves import FEW_POINTS, MANY_POINTS, draw_curves, loss_range, metric_range


def width_of(log):
    picture = io.BytesIO()
    draw_curves(log, picture)
    return struct.unpack(">I", picture.getvalue()[16:20])[0]  # PNG, IHDR


def test_a_picture_is_bounded_and_drawn_from_numbers_alone():
    one = width_of([{"step": 1, "a_loss": 1.0}])
    names = [f"t{number}_loss" for number in range(1000)]
    assert width_of([{"step": 1} | dict.fromkeys(names, 1.0)]) == 8 * one
    odd = ["text", None, True, 1e308, -1e308, 5e-324, 2**63 - 1]
    assert width_of([{"step": step, "a_loss": value} for step, value in enumerate(odd)]) == one


@pytest.mark.parametrize("task", [r"$\evil{$", "$x$", "a\x1b\n\0", "\ud800", "\u65e5", "x" * 10_000, ""])
def test_the_name_of_a_loss_is_no_formula_and_may_hold_any_character(task, recwarn):
    assert width_of([{"step": 1, f"{task}_loss": 1.0, f"{task}_accuracy": 0.5}]) == 600
    assert not recwarn.list


@pytest.fixture
def drawn(monkeypatch):
    """Draws a log, and gives the panels by their titles."""
    figures = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure,
        "savefig",
        lambda figure, *a, **more: (figures.append(figure), save(figure, *a, **more)),
    )

    def draw(log):
        picture = io.BytesIO()
        draw_curves(log, picture)
        assert picture.getvalue().startswith(b"\x89PNG")
        return {axes.get_title(loc="left"): axes for axes in figures[-1].axes}

    return draw


def pretraining_log(steps=3, every=1):
    log = [{
        "step": 0, "unigram_masked_lm_loss": 6.4, "five_gram_masked_lm_loss": 3.9, "unigram_masked_lm_accuracy": 0.06,
        "five_gram_masked_lm_accuracy": 0.35, "majority_next_sentence_accuracy": 0.57,
        "majority_next_sentence_loss": 0.68, "precision": "fp32",
    }]  # fmt: skip
    for step in range(every, steps * every + 1, every):
        means = {"masked_lm_loss": 5.0, "masked_lm_accuracy": 0.2, "next_sentence_loss": 0.6}
        means |= {"next_sentence_accuracy": 0.7}
        log.append({"step": step, **means, "learning_rate": 1e-4, "tokens": 7 * step})
        log.append({"step": step} | {f"heldout_{name}": value for name, value in means.items()})
    return log


def curves(axes):
    """The lines with points, without those that cross the whole panel."""
    return [line for line in axes.lines if line.get_linestyle() not in (":", "--")]


def dotted(axes):
    return {line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"}


def test_pretraining_has_losses_accuracies_and_the_learning_rate_over_what_guessing_gives(drawn):
    panels = drawn(pretraining_log())
    assert list(panels) == [
        "masked language model: loss", "masked language model: accuracy", "next sentence: loss",
        "next sentence: accuracy", "learning rate",
    ]  # fmt: skip
    assert dotted(panels["masked language model: loss"]) == {6.4, 3.9}
    assert dotted(panels["next sentence: accuracy"]) == {0.57}
    named = [text.get_text() for text in panels["masked language model: accuracy"].texts]
    assert named == ["by frequency 6.0%", "5-grams 35.0%"]
    for axes in panels.values():  # nothing is drawn outside
        low, high = axes.get_ylim()
        assert all(low <= value <= high for line in axes.lines for value in line.get_ydata())


def test_few_points_have_markers_and_many_a_running_mean_over_the_faint_curve(drawn):
    few, some, many = (
        curves(drawn(pretraining_log(steps))["masked language model: loss"])
        for steps in (FEW_POINTS - 1, MANY_POINTS, MANY_POINTS + 1)
    )
    assert [line.get_marker() for line in few] == ["o", "o"]
    assert [line.get_marker() for line in some] == ["None", "None"]
    assert [line.get_alpha() for line in many] == [0.3, None, 0.3, None]
    one = drawn(pretraining_log(1))["next sentence: loss"]
    assert [line.get_marker() for line in curves(one)] == ["o", "o"]


def test_the_running_mean_is_flat_where_the_curve_is_straight_and_keeps_its_ends(drawn):
    log = [{"step": step, "a_loss": 10 - step / 100 + (-1) ** step} for step in range(400)]
    raw, mean = (line.get_ydata() for line in curves(drawn(log)["a: loss"]))
    assert mean[0] == raw[0]
    assert mean[-1] == pytest.approx(raw[-1])
    middle = [10 - step / 100 for step in range(10, 390)]
    assert mean[10:-10] == pytest.approx(middle, abs=0.15)


def test_noise_does_not_fill_a_panel():
    low, high = loss_range([0.69, 0.7])
    assert high - low > 0.2
    assert loss_range([0.1, 0.7])[0] == 0
    assert metric_range([0.501, 0.503]) == (0, pytest.approx(0.6))
    assert metric_range([0.61]) == (0, 1)
    assert metric_range([-0.1, 0.3]) == (pytest.approx(-0.2), pytest.approx(0.4))


@pytest.mark.parametrize("values", [[0.0], [1e-12], [5.0], [-3.0, -2.0], [0.0, 1e20], [1.0], [0.0, 0.0]])
def test_every_axis_has_its_values_inside(values):
    for low, high in (loss_range(values), metric_range(values)):
        assert low <= min(values) <= max(values) <= high
        assert low < high


def test_fine_tuning_has_the_metrics_beside_the_losses_over_the_majority(drawn):
    log = [{"step": 0, "majority_accuracy": 0.53, "majority_macro_f1": 0.17, "majority_matthews": 0.0}]
    for step in (10, 20):
        log.append({"step": step, "tagging_loss": 1.0, "tagging_accuracy": 0.5, "learning_rate": 1e-5})
        log.append(
            {"step": step, "dev_accuracy": 0.6, "dev_macro_f1": 0.4, "dev_matthews": 0.1, "heldout_tagging_loss": 2}
        )
    panels = drawn(log)
    titles = ["tagging: loss", "tagging: accuracy", "validation: accuracy", "validation: macro_f1", "learning rate"]
    assert list(panels) == titles
    assert dotted(panels["validation: accuracy"]) == {0.53}
    assert dotted(panels["validation: macro_f1"]) == {0.17}


def test_a_guess_is_named_as_what_it_is(drawn):
    log = [{"step": 0, "unigram_perplexity": 90.0, "first_sentence_rouge1": 0.17}]
    log.append({"step": 9, "generation_loss": 3.0, "dev_perplexity": 20.0, "dev_rouge1": 0.1})
    panels = drawn(log)
    assert [text.get_text() for text in panels["validation: perplexity"].texts] == ["by frequency 90.0"]
    assert [text.get_text() for text in panels["validation: rouge1"].texts] == ["first sentence 17.0%"]


def test_a_million_steps_are_counted_in_thousands(drawn):
    axes = drawn(pretraining_log(20, 50_000))["learning rate"]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert {"200k", "1M"} <= set(labels)
    labels = [label.get_text() for label in drawn(pretraining_log(20, 100))["learning rate"].get_xticklabels()]
    assert "1,000" in labels


def test_a_dashed_line_stands_where_sequences_become_longer(drawn):
    log = pretraining_log(6, 10)
    for line in log:
        if "masked_lm_loss" in line:
            line["max_length"] = 128 if line["step"] <= 40 else 512
    for axes in drawn(log).values():
        assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [40]
