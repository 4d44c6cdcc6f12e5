"""The model card: ``README.md`` in a model's directory, with the header that the Hugging Face Hub reads.

A card says what is known, and nothing else: sizes, the run's settings, and its metrics beside what guessing gives. A
licence is not known here: who publishes the model adds it. The last line is a checksum of the text above it. So a card
that somebody changed is told from one of ours, and stays as it is.
"""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import bert
from bert.files.reading import read_bytes
from bert.files.whole import write_atomically

NAME = "README.md"
LARGEST = 1 << 20  # bytes of a card; ours are far smaller
_CHECKSUM = "<!-- written by bert; SHA-256 of the text above: "
_SENTENCES = "SentenceTransformer"  # the class of sentence-transformers
_VECTORS = ("sentence-similarity", _SENTENCES, "It gives each text a vector. Texts of like meaning get like vectors.")
# For the heads that other libraries have: the task on the Hub, the class there, and what the model is for.
_HEADS = {
    "BertModel": ("feature-extraction", "AutoModel", "It gives a vector for each token, to be trained further."),
    "BertForPreTraining": ("fill-mask", "AutoModelForMaskedLM", "It fills in blanks, and can be fine-tuned on tasks."),
    "BertForSequenceClassification": (
        "text-classification", "AutoModelForSequenceClassification", "It labels texts like those of its training.",
    ),
    "BertForTokenClassification": (
        "token-classification", "AutoModelForTokenClassification", "It tags words of texts like those of its training.",
    ),
    "BertForQuestionAnswering": (
        "question-answering", "AutoModelForQuestionAnswering", "It finds answers in texts like those of its training.",
    ),
    "BertForMultipleChoice": (None, "AutoModelForMultipleChoice", "It selects one of several continuations."),
    "BertForSimilarity": _VECTORS,
    "BertForRetrieval": _VECTORS,
    "EncoderDecoderModel": (None, "EncoderDecoderModel", "It writes texts like the targets of its training."),
}  # fmt: skip
_LIMITS = (
    "It repeats what its training texts say and how they say it, errors and prejudices included. On other kinds of "
    "texts, and in other languages, expect less of it than its figures say."
)


class Result(NamedTuple):
    """Metrics of one set of examples, beside the same metrics of a guess that reads no text."""

    split: str
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]


@dataclass(frozen=True)
class Facts:
    """What a run knows of its model.

    Attributes:
        history: a sentence or two: how the model came about.
        datasets: names of the data.
        language: a code such as "en"; None: not known.
        base_model: the checkpoint that the run began with.
        adapter: whether the directory holds an adapter of it alone.
        vectors: whether the directory has the modules of sentence-transformers, whatever its model is.
        results: one for each set; the first selected the model.
        baseline: the guess, in words.
        settings: of the run, by name.
    """

    history: str = ""
    datasets: Sequence[str] = ()
    language: str | None = None
    base_model: str | None = None
    adapter: bool = False
    vectors: bool = False
    results: Sequence[Result] = ()
    baseline: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def model_card(
    title: str, architecture: str, sizes: Mapping[str, Any], parameters: int, vocabulary: str, facts: Facts
) -> str:
    """The text of a card, its checksum included.

    Args:
        title: the model's name.
        architecture: as in ``config.json``.
        sizes: rows of the table of sizes, as in ``config.json``.
        parameters: how many there are.
        vocabulary: in words; "" if the directory has none.
        facts: what the run knows.
    """
    other = (None, None, "It does the task that it was trained on.")
    tag, auto, purpose = _VECTORS if facts.vectors else _HEADS.get(architecture, other)
    if variant := sizes.get("variant"):
        tag, auto = None, None  # no other library has such a model
        if architecture == "BertForPreTraining" and "left-to-right" in variant:
            purpose = "It reads from left to right, and can be fine-tuned on tasks."
        purpose += f" It is a variant of BERT ({variant})."
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in sizes.items()]
    body = [f"# {title}", facts.history or f"A BERT (`{architecture}`).", "## Use", f"{purpose} {_LIMITS}"]
    body += [_how_to_load(architecture, auto, tag, facts)]
    if facts.results:
        body += ["## Results", _results(facts)]
    if facts.settings:
        settings = [f"| {_cell(name)} | {_cell(value)} |" for name, value in facts.settings.items()]
        body += ["## Training", "\n".join(["| setting | value |", "|---|---|", *settings])]
    body += [
        "## Model",
        f"`{architecture}`, {parameters:,} parameters{' in the adapter' if facts.adapter else ''}."
        + (f" {vocabulary}." if vocabulary else ""),
        "\n".join(["| size | value |", "|---|---|", *rows]),
    ]
    text = _header(title, tag, auto, not variant, facts) + "\n" + "\n\n".join(body) + "\n\n"
    return text + _checksum_line(text)


def write_card(directory: str | Path, text: str) -> bool:
    """Writes a card, unless a README.md is there that somebody else wrote or changed. Returns whether it did."""
    path = Path(directory) / NAME
    if os.path.lexists(path):
        if not path.is_file() or path.stat().st_size > LARGEST:
            return False
        if not is_own(read_bytes(path, LARGEST).decode("utf-8", "replace")):
            return False
    write_atomically(path, text)
    return True


def is_own(text: str) -> bool:
    """Whether a card is as we wrote it."""
    above, mark, _ = text.rpartition(_CHECKSUM)
    return mark != "" and text == above + _checksum_line(above)


def _checksum_line(text: str) -> str:
    return f"{_CHECKSUM}{hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()} -->\n"


def _header(title: str, tag: str | None, auto: str | None, is_bert: bool, facts: Facts) -> str:
    """The YAML header. JSON's texts and lists are YAML's, too."""
    library = "sentence-transformers" if auto == _SENTENCES else "transformers" if auto else None
    library = "peft" if facts.adapter and is_bert else library
    values = {
        "language": facts.language, "library_name": library, "pipeline_tag": tag, "tags": ["bert"],
        "datasets": list(facts.datasets), "base_model": facts.base_model,
        "metrics": list(dict.fromkeys(name for result in facts.results for name in result.metrics)),
    }  # fmt: skip
    if facts.results:
        dataset = ", ".join(facts.datasets) or title
        results = [
            {
                "task": {"type": tag or "other"},
                "dataset": {"name": dataset, "type": dataset, "split": result.split},
                "metrics": [
                    {"type": name, "value": round(value, 4)}  # YAML 1.1 takes 1e-05 for a text
                    for name, value in result.metrics.items()
                    if math.isfinite(value)
                ],
            }
            for result in facts.results
        ]
        values["model-index"] = [{"name": title, "results": results}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items() if value]
    return "\n".join(["---", *lines, "---", ""])


def _how_to_load(architecture: str, auto: str | None, tag: str | None, facts: Facts) -> str:
    if facts.adapter:
        ours = (
            "This directory holds an adapter. It needs its body, the checkpoint that `base_model` names. If you "
            "publish the adapter, put the body's name on the Hub there.\n\n"
        )
        return ours + _code("sh", "python -m bert predict THIS_DIRECTORY FILE")
    lines = ["import bert", "", 'tokenizer = bert.load_tokenizer("THIS_DIRECTORY")']
    name = "BertForConditionalGeneration" if architecture == "EncoderDecoderModel" else architecture
    if name in bert.__all__:
        lines.append(f'model = bert.load_checkpoint("THIS_DIRECTORY", bert.{name})')
    parts = [_code("python", *lines)]
    if auto == _SENTENCES:
        theirs = [f"from sentence_transformers import {auto}", "", f'model = {auto}("THIS_DIRECTORY")']
        parts += ["With sentence-transformers:", _code("python", *theirs, 'vectors = model.encode(["A text."])')]
    elif auto:
        names = [f"{auto}", "AutoTokenizer", *(["pipeline"] if tag else [])]
        theirs = [
            f"from transformers import {', '.join(names)}", "",
            'tokenizer = AutoTokenizer.from_pretrained("THIS_DIRECTORY")',
            f'model = {auto}.from_pretrained("THIS_DIRECTORY")',
        ]  # fmt: skip
        theirs += [f'{tag.replace("-", "_")} = pipeline("{tag}", model=model, tokenizer=tokenizer)'] if tag else []
        parts += ["With transformers:", _code("python", *theirs)]
    return "\n\n".join(parts)


def _results(facts: Facts) -> str:
    """A table of each metric on each set, the guess beside it."""
    header, columns = ["metric"], []
    for result in facts.results:
        header.append(result.split)
        columns.append(result.metrics)
        if result.baseline:
            header.append(f"{result.split}, by guessing")
            columns.append(result.baseline)
    names = dict.fromkeys(name for result in facts.results for name in result.metrics)
    rows = [[name, *(_number(column.get(name)) for column in columns)] for name in names]
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in [header, ["---"] * len(header), *rows]]
    guess = f"Guessing: {facts.baseline}.\n\n" if facts.baseline else ""
    return guess + "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")[:200]


def _code(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```"])
