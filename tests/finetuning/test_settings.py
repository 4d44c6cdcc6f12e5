"""Reading a task: what its kind would not heed is refused before anything is read."""

import pytest

from bert.errors import InputError
from bert.tasks.kinds import KINDS
from finetuning.flags import make_parser
from finetuning.settings import check_flags, read_settings

OF_TEXTS = ("single-label", "multi-label", "regression", "cloze")
OF_VECTORS = ("similarity", "retrieval")
HEEDED_BY = {
    "class_weights": ("single-label", "multi-label"),
    "label_separator": ("multi-label",),
    "label_column": (*OF_TEXTS, "generation", "similarity"),
    "text_column": (*OF_TEXTS, "generation", *OF_VECTORS),
    "text_pair_column": (*OF_TEXTS, "similarity"),
    "query_column": ("retrieval",),
    "negatives_column": ("retrieval",),
    "normalize": OF_VECTORS,
    "header": (*OF_TEXTS, "generation", *OF_VECTORS),
    "workers": (*OF_TEXTS, "generation", *OF_VECTORS),
    "pool": ("single-label", "multi-label", "regression", *OF_VECTORS),
    "long_texts": (*OF_TEXTS, "choices", "generation", *OF_VECTORS),
    "target_vocab": ("generation",),
    "beams": ("generation",),
    "patterns": ("cloze",),
    "zero_shot": ("cloze",),
    "masked_lm_weight": ("cloze",),
    "unlabelled": ("cloze", "single-label"),
    "distil_from": ("single-label",),
    "temperature": ("single-label", "retrieval"),
    "null_threshold": ("spans",),
    "summary_sentences": ("summary",),
    "bad_rows": ("generation", *OF_TEXTS, "spans", "relations", "choices", "summary", *OF_VECTORS),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("flag", HEEDED_BY)
def test_a_flag_is_refused_where_the_kind_would_not_heed_it(flag, name):
    given = {"train", "seed", flag}
    if name in HEEDED_BY[flag]:
        check_flags(given, KINDS[name])
    else:
        with pytest.raises(InputError, match=f"--{flag.replace('_', '-')}: .*in this kind of task"):
            check_flags(given, KINDS[name])
    check_flags(given - {flag}, KINDS[name])


def test_the_reason_is_what_becomes_of_long_texts():
    with pytest.raises(InputError, match="texts too long go in windows"):
        check_flags({"long_texts"}, KINDS["tagging"])


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path, monkeypatch):
    """So that no run has the name of a new one."""
    monkeypatch.chdir(tmp_path)


def settings_of(*flags):
    return read_settings([*flags, "--output", "run"])


def test_without_flags_about_training_it_is_the_papers_recipe():
    """Devlin et al. 2018, A.3 and google-research/bert run_classifier.py: 32, 5e-5, 3 epochs, 128 tokens."""
    recipe = settings_of("--train", "a.tsv")
    assert (recipe.batch_size, recipe.learning_rate, recipe.epochs, recipe.max_steps) == (32, 5e-5, 3, None)
    assert (recipe.max_length, recipe.long_texts, recipe.warmup_steps, recipe.dropout) == (128, "head", None, None)
    assert (recipe.optimizer, recipe.precision, recipe.accumulate, recipe.seed) == ("bert-adamw", "auto", 1, 0)
    assert (recipe.layer_decay, recipe.reinitialize_layers, recipe.seeds, recipe.early_stopping) == (1.0, 0, 1, None)
    assert (recipe.compare, recipe.random_start, recipe.null_threshold, recipe.summary_sentences) == (
        False,
        False,
        0,
        3,
    )
    assert (recipe.eval_every, recipe.checkpoint_every, recipe.report_every) == (None, None, 50)


def test_each_kind_has_the_input_length_of_its_source():
    lengths = {"spans": 384, "summary": 512}  # run_squad.py; Liu 2019
    for name in KINDS:
        assert settings_of("--train", "a", "--problem", name).max_length == lengths.get(name, 128)
    assert settings_of("--task", "squad", "--data", "a").max_length == 384
    assert settings_of("--train", "a", "--problem", "spans", "--max-length", "200").max_length == 200


def test_the_built_in_task_has_a_recipe_of_its_own():
    recipe = settings_of()
    assert (recipe.learning_rate, recipe.epochs, recipe.compare) == (3e-4, 4, True)
    assert settings_of("--learning-rate", "0.1").learning_rate == 0.1


def test_a_kind_selects_the_best_epoch_by_the_metric_that_its_literature_reports():
    metrics = {name: kind.metrics[0] for name, kind in KINDS.items()}
    assert metrics == metrics | {
        "single-label": "accuracy", "multi-label": "micro_f1", "regression": "pearson", "tagging": "f1", "spans": "f1",
        "relations": "macro_f1", "choices": "accuracy", "summary": "rouge1",
        "similarity": "spearman", "retrieval": "mrr@10",
    }  # fmt: skip


def test_no_flag_could_be_one_of_torchruns_cut_short():
    """torchrun looks for its own flags among the script's too, and takes the beginning of one for the whole."""
    from torch.distributed.run import get_args_parser

    theirs = [flag for action in get_args_parser()._actions for flag in action.option_strings]
    ours = [flag for action in make_parser(None)._actions for flag in action.option_strings if flag.startswith("--")]
    assert len(ours) > 50
    assert not [(flag, its) for flag in ours for its in theirs if its.startswith(flag) and its != "--help"]


@pytest.mark.parametrize("name", ["choices", "generation"])
def test_windows_are_refused_by_kinds_that_read_an_example_at_once(name):
    with pytest.raises(InputError, match="--long-texts windows: in this kind of task an example is read at once"):
        check_flags({"long_texts"}, KINDS[name], "windows")
    check_flags({"long_texts"}, KINDS[name], "tail")
    check_flags({"long_texts"}, KINDS["single-label"], "windows")
