"""iPET's generations: more labelled texts for each model, from what the other models are surest of.

A model of the next generation gets the labelled texts, and others that a random quarter of the other models has
labelled. With each generation there are five times as many of each label. A text is drawn with a probability in
proportion to the score of its label.

Source: Schick and Schütze 2021, "Exploiting Cloze Questions", section 3.4.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from bert.errors import InputError
from bert.files.whole import write_atomically
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Columns
from bert.training.script import forms
from finetuning.known_tasks import known_task
from finetuning.reading import columns_of
from finetuning.settings import FinetuningSettings, read_settings
from finetuning.teachers import read_teachers, teacher_logits
from finetuning.unlabelled import read_unlabelled

GROWTH, SHARE = 5, 0.25  # d and lambda of section 4.1


def write_generation(
    folder: Path,
    generation: int,
    models: Mapping[str, tuple[Path, float]],
    train: str,
    unlabelled: str,
    labels: Sequence[str],
    flags: Sequence[str],
) -> dict[str, Path]:
    """Writes the training file of each model of a generation. Files that are all there are kept.

    Args:
        generation: from 2 on.
        models: the runs of the generation before and their weights, by name: "pattern-1/seed-0".
        labels: all labels.
        flags: of a run of the first generation. The columns and the seed are heeded.

    Returns:
        The file of each model.
    """
    paths = {name: folder / f"{name.replace('/', '-')}.jsonl" for name in models}
    if all(path.exists() for path in paths.values()):
        return paths
    settings, columns = named_columns(flags, folder / "nothing")
    few, texts = list(read_examples(train, columns)), read_unlabelled(unlabelled, columns)
    device = torch.device("cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu")
    with forms(settings.plain):
        scores = {
            name: teacher_logits(read_teachers([str(run)]), texts, unlabelled, device)
            for name, (run, _) in models.items()
        }
    for number, name in enumerate(models):
        generator = np.random.default_rng((settings.seed, generation, number))
        others = [other for other in models if other != name] or [name]
        teachers = [others[index] for index in generator.permutation(len(others))[: max(1, round(SHARE * len(others)))]]
        shares = np.array([models[teacher][1] for teacher in teachers])
        shares = shares / shares.sum() if shares.any() else np.full(len(teachers), 1 / len(teachers))
        mean = sum(share * scores[teacher] for share, teacher in zip(shares, teachers))
        drawn = draw_labelled(few, np.asarray(mean), labels, GROWTH ** (generation - 1), generator)
        chosen = [*few, *(texts[index]._replace(label=labels[label]) for index, label in drawn)]
        keys = [key for key in (columns.text, columns.text_pair, columns.label) if isinstance(key, str)]
        write_atomically(paths[name], "".join(_as_json(example, keys) for example in chosen))
    return paths


def named_columns(flags: Sequence[str], output: Path) -> tuple[FinetuningSettings, Columns]:
    """The settings of ``train_finetune.py`` by its flags, and the columns. Raises InputError if these have no names.

    Args:
        output: a directory that is not there.
    """
    settings = read_settings([*flags, "--output", str(output)])
    columns = columns_of(settings, known_task(settings.task, None) if settings.task else None)
    if not columns.header or any(str(name).isdigit() for name in columns[:3]):
        raise InputError("--generations above 1 write files with named columns: name yours, in a table with a header")
    return settings, columns


def draw_labelled(
    few: Sequence[Example], logits: np.ndarray, labels: Sequence[str], growth: int, generator: np.random.Generator
) -> list[tuple[int, int]]:
    """(index of the text, index of its label): so many texts of each label that all labelled ones are ``growth`` times
    as many.

    Args:
        few: the labelled texts.
        logits: (texts, labels), of the unlabelled ones.
    """
    probabilities = torch.from_numpy(logits).double().softmax(dim=-1).numpy()
    predicted = probabilities.argmax(axis=1)
    counts = Counter(example.label for example in few)
    drawn = []
    for label, name in enumerate(labels):
        candidates = np.flatnonzero(predicted == label)
        wanted = min(len(candidates), (growth - 1) * counts[name])
        chances = probabilities[candidates, label]
        if wanted:
            found = generator.choice(candidates, wanted, replace=False, p=chances / chances.sum())
            drawn += [(int(index), label) for index in found]
    return drawn


def _as_json(example: Example, keys: Sequence[str]) -> str:
    """An example as a line of JSON. The keys are of its texts and its label."""
    texts = [example.first] if example.second is None else [example.first, example.second]
    return json.dumps(dict(zip(keys, [*texts, example.label], strict=True)), ensure_ascii=False) + "\n"
