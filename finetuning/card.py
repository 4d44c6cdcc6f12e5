"""The model card of a fine-tuning run: what its report says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert.checkpoints.model_card import Facts, Result

SETS = ("dev", "test")
_SETTINGS = (
    "start", "seed", "steps", "epochs", "best_epoch", "batch_size", "learning_rate", "max_length", "dropout",
    "attention_dropout", "precision", "metric",
)  # fmt: skip


def facts_of(report: Mapping[str, Any], adapt: str | None = None) -> Facts:
    """What is known of a model whose run has ended.

    Args:
        report: the run's ``report.json``.
        adapt: the method of its adapter; None: the whole model was trained.
    """
    name = Path(str(report["task"])).name
    how = f"as an adapter ({adapt})" if adapt is not None else "whole"
    base = None if report["checkpoint"] is None else Path(report["checkpoint"]).name  # no path of this machine
    begun = f"the checkpoint {base}" if report["start"] == "pretrained" else f"{report['start']} weights"
    examples = " and ".join(f"{count:,} ({part})" for part, count in report["examples"].items())
    baselines = report.get("baseline", {})
    return Facts(
        history=f"A BERT, fine-tuned on {name}, {how}, from {begun}. Examples: {examples}. The best epoch by "
        f"{report['metric']} on the set dev is kept, so its figures there are a little too good."
        + (f" {report['warning']}" if "warning" in report else ""),
        datasets=[name],
        language="en" if name == "built-in" else None,
        base_model=base,
        adapter=adapt is not None,
        results=[Result(part, report[part], baselines.get(part, {})) for part in SETS if part in report],
        baseline=baselines.get("name"),
        settings={each: report[each] for each in _SETTINGS if each in report},
    )
