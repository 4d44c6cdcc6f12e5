"""An adapted model in a run (``--adapt``): how it begins, what acts beside its optimizer, and what the user is told."""

from dataclasses import asdict
from typing import Any

from torch import nn

from bert.adaptation.adalora import AdaLora, adalora_matrices, ranks
from bert.adaptation.adapt import Adaptation, adapt, adaptation_of, sizes
from bert.adaptation.budget import Allocator
from bert.adaptation.files import body_checksums
from bert.adaptation.lora import Lora
from bert.adaptation.names import PREFIX
from bert.adaptation.prefix import Prefix
from bert.errors import InputError
from bert.training.companion import Companion
from bert.training.script import Log
from finetuning.adaptation_flags import method_of
from finetuning.settings import FinetuningSettings


def adapt_to(settings: FinetuningSettings, model: Any, log: Log) -> None:
    """Adapts a model as the flags say, in place. Without ``--adapt`` it does nothing.

    A pooler that starts untrained (``--fresh pooler``) is trained with the head. Frozen it would stay random. Nothing
    would save it either, and the adapter could never be loaded again.

    Raises:
        InputError: if the method does not fit the model.
    """
    method = method_of(settings)
    if method is None:
        return
    rank = method.rank if isinstance(method, Lora) else method.initial_rank if isinstance(method, AdaLora) else 0
    if rank > (most := model.config.hidden_size):
        raise InputError(
            f"a rank of {rank:,} is more than any matrix of this model has: its hidden_size is {most:,}; give a lower "
            f"--rank"
        )
    also = []
    if "pooler" in (settings.fresh or ()):
        also.append("bert.pooler")
        log("Note: the pooler starts untrained (--fresh pooler), so it is trained and saved with the head.")
    try:
        adapt(model, method, also)
    except InputError as error:
        raise InputError(f"--adapt {settings.adapt}: {error}") from None
    if not adaptation_of(model).trained:
        raise InputError(
            f"--adapt {settings.adapt}: a run of --problem {settings.problem} has no head of its own, so it would "
            f"train nothing; give another method"
        )


def adaptation(model: nn.Module) -> Adaptation | None:
    """How a model was adapted; None: it was not."""
    return adaptation_of(model) if hasattr(model, "adaptation") else None


def identity_of_body(model: nn.Module) -> dict[str, Any]:
    """The checksums of the frozen body, for the run's identity: its training state has nothing else of the body."""
    adapted = adaptation(model)
    return {} if adapted is None else {"body": body_checksums(model.state_dict(), adapted)}


def companions_of(model: nn.Module) -> tuple[Companion, ...]:
    """What acts beside the optimizer: AdaLoRA's budget."""
    adapted = adaptation(model)
    return (Allocator(model),) if adapted is not None and isinstance(adapted.method, AdaLora) else ()


def saved_parameters(model: nn.Module) -> int:
    """How many numbers the adapter's file will hold. For AdaLoRA it is an estimate, as if all ranks were the mean."""
    adapted = adaptation_of(model)
    numbers = {name: model.get_parameter(name).numel() for name in adapted.trained}
    total, method = sum(numbers.values()), adapted.method
    if isinstance(method, AdaLora):
        of_triplets = sum(
            parameter.numel()
            for matrix in adalora_matrices(model).values()
            for parameter in (matrix.lora_A, matrix.lora_E, matrix.lora_B)
        )
        return total - of_triplets + of_triplets * method.target_rank // method.initial_rank
    if isinstance(method, Prefix):  # of an MLP the result is saved
        config: Any = model.config
        of_prefix = sum(number for name, number in numbers.items() if name.startswith(PREFIX))
        return total - of_prefix + method.length * 2 * config.num_hidden_layers * config.hidden_size
    return total


def adapter_in_words(settings: FinetuningSettings, model: nn.Module) -> list[str]:
    """What is trained, frozen and saved, as a line for the user. Without an adapter there is none."""
    adapted = adaptation(model)
    if adapted is None:
        return []
    trained, frozen = sizes(model)
    saved = saved_parameters(model)
    about = "about " if isinstance(adapted.method, AdaLora) else ""
    return [
        f"Adapter: {settings.adapt}, learning rate {settings.learning_rate:g}. {trained:,} parameters are trained and "
        f"{frozen:,} frozen ({megabytes(trained)} and {megabytes(frozen)} MB). It saves {about}{saved:,} "
        f"({megabytes(saved)} MB)."
    ]


def adaptation_in_report(model: nn.Module, best: nn.Module) -> dict[str, Any]:
    """How much was trained, for ``report.json``; of an adapted model also the method, and AdaLoRA's ranks.

    Args:
        model: as it was trained.
        best: as it was saved. It may have fewer parameters.
    """
    trained: dict[str, Any] = {"trained_parameters": sizes(model).trained}
    adapted = adaptation(model)
    if adapted is None:
        return trained
    method: Any = adapted.method
    its_ranks = {"ranks": ranks(best)} if isinstance(method, AdaLora) else {}
    its_fields = {name: list(value) if type(value) is tuple else value for name, value in asdict(method).items()}
    return {"adaptation": {"method": method.name} | its_fields} | trained | its_ranks


def budget_note(report: dict[str, Any]) -> str | None:
    """The sentence for an AdaLoRA model from before its ranks came down. None: they had, or it is another method.

    Args:
        report: what ``adaptation_in_report`` gave.
    """
    if "ranks" not in report:
        return None
    total, target = sum(report["ranks"].values()), report["adaptation"]["target_rank"] * len(report["ranks"])
    if total <= target:
        return None
    return (
        f"The best model is from before AdaLoRA had lowered its ranks: together they are {total:,}, and the target is "
        f"{target:,}."
    )


def megabytes(parameters: int) -> str:
    """The size of so many float32 numbers.

    >>> megabytes(74_498), megabytes(22_713_216), megabytes(770)
    ('0.30', '91', '0.0031')
    """
    size = 4 * parameters / 1e6
    return f"{size:,.0f}" if size >= 10 else f"{size:.2g}" if size < 0.1 else f"{size:.2f}"
