"""The model card of a pretraining run: what its flags and its log say."""

from pathlib import Path
from typing import Any

from bert.checkpoints.model_card import Facts, Result
from bert.training.reporting import read_log
from pretraining.masking_flags import checked_masking_rate
from pretraining.settings import PretrainingSettings

HELD_OUT = "heldout_"
# Settings that the card names if they are not the default.
IF_CHOSEN = ("weight_decay", "masking_rate", "mask_shares", "mask_copies", "join_examples", "variant", "objective")
OF_MASKS = ("whole_word_masking", "masking_rate", "mask_shares")  # of no use to --objective next-token
_MOST_NAMES = 5  # of files, of which a corpus may have thousands
# The guess that stands beside each held-out figure in the log: the better one, if there are two.
_GUESSES = ("unigram_", "five_gram_", "majority_")


def facts_of(settings: PretrainingSettings, steps: int, log: list[dict[str, Any]]) -> Facts:
    """What is known of a run after ``steps`` updates.

    Args:
        log: the lines of its ``log.jsonl``.
    """
    # The newest of each. A figure that was not finite is null in the log.
    figures = {name: value for line in log for name, value in line.items() if value is not None}
    held_out = {name.removeprefix(HELD_OUT): value for name, value in figures.items() if name.startswith(HELD_OUT)}
    earlier = "masked_lm_" if settings.predicts_next else "next_token_"  # of the objective before, if it was changed
    held_out = {name: value for name, value in held_out.items() if not name.startswith(earlier)}
    baseline = {}
    for name in held_out:
        found = [figures[guess + name] for guess in _GUESSES if guess + name in figures]
        if found:
            baseline[name] = min(found) if name.endswith("loss") else max(found)
    tasks = "next-token prediction" if settings.predicts_next else "masked language modelling"
    tasks += " and next sentence prediction" if settings.nsp else ""
    corpus = list(dict.fromkeys(Path(path).name for path in settings.corpus or ()))  # folders may have equal names
    rest = f" and {len(corpus) - _MOST_NAMES:,} more files" if len(corpus) > _MOST_NAMES else ""
    corpus = corpus[:_MOST_NAMES]
    source = ", ".join(corpus) + rest or "the documentation of the Python that ran it"
    base = None if settings.checkpoint is None else Path(settings.checkpoint).name  # no path of this machine
    begun = "" if base is None else f" It began with {base}."
    names = [
        "batch_size", "max_length", "phases", "learning_rate", "optimizer", "average", "precision",
        "whole_word_masking",
    ]  # fmt: skip
    names += [name for name in IF_CHOSEN if getattr(settings, name) != getattr(PretrainingSettings, name)]
    chosen = vars(settings) | {"masking_rate": checked_masking_rate(":".join(map(str, settings.masking.rate)))}
    guesses = "masked pieces by their frequency, or by two pieces on each side, whichever is better"
    if settings.predicts_next:
        names = [name for name in names if name not in OF_MASKS]
        guesses = "next pieces by their frequency"
    return Facts(
        history=f"A BERT, pretrained with {tasks} on {source}: {steps:,} updates.{begun}",
        datasets=corpus or ["python-documentation"],
        language=None if corpus else "en",
        base_model=base,
        results=[Result("held out", held_out, baseline)] if held_out else [],
        baseline=guesses + ("; always the same answer for sentence pairs" if settings.nsp else ""),
        settings={"updates": steps} | {name: value for name in names if (value := chosen[name]) is not None},
    )


def card_facts(settings: PretrainingSettings, steps: int, run: Path) -> Facts:
    """``facts_of`` a run's directory. Raises an InputError if its log cannot be read."""
    return facts_of(settings, steps, read_log(run / "log.jsonl"))
