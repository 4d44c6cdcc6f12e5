"""A trained model at work on a file of texts: what ``python -m bert predict`` and ``embed`` do."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from bert.checkpoints.directory import is_checkpoint_of, load_checkpoint, load_config
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.commands.embed import embed
from bert.errors import InputError
from bert.files.tables import read_texts, table_format, tsv_line
from bert.files.whole import atomic_file, read_json_object
from bert.heads.multiple_choice import BertForMultipleChoice
from bert.heads.relation import BertForRelationExtraction
from bert.heads.sequence import BertForSequenceClassification
from bert.heads.span import BertForQuestionAnswering
from bert.heads.summary import BertForExtractiveSummarization
from bert.heads.token import BertForTokenClassification
from bert.model.bert import BertModel
from bert.predict import predict, prediction_header, prediction_row
from bert.predict_choices import predict_choices
from bert.predict_relations import predict_relations
from bert.predict_spans import predict_answers
from bert.predict_summary import SUMMARY_SENTENCES, predict_summaries
from bert.predict_tags import predict_tags
from bert.task_inputs.choices import read_choices
from bert.task_inputs.documents import read_documents
from bert.task_inputs.marked_texts import read_marked_texts
from bert.task_inputs.questions import is_squad, read_questions
from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.long_texts import LONG_TEXTS


@dataclass(frozen=True)
class Reading:
    """How a file is read, and what is made of it.

    Attributes:
        text_column, text_pair_column, header: where in a table the texts stand.
        max_length, long_texts: how they become inputs (see ``fit_texts``).
        summary_sentences: of how many sentences a summary is made.
        null_threshold: by how much "no answer" must lead; None: it is never given.
        fitting_tags: whether the tags of a text must fit together.
        separator: between the labels of a text that has several.
        trained_on_pairs: whether the model was trained on pairs of texts in a table's columns.
    """

    text_column: str
    text_pair_column: str | None
    header: bool
    max_length: int
    long_texts: str
    summary_sentences: int
    null_threshold: float | None
    fitting_tags: bool
    separator: str
    trained_on_pairs: bool


def reading_of(run: str | Path, path: str | Path, given: dict) -> Reading:
    """How to read a file for a run: as was asked; where nothing was, as its training data were (``task.json``).

    A plain text (``.txt``) has a single column, whatever the training data had.

    Args:
        given: names of ``Reading`` to what was asked for, or None.

    Raises:
        InputError: where the model cannot read what was asked for.
    """
    longest = load_config(run).max_position_embeddings
    task_file = Path(run) / "task.json"
    saved = read_json_object(task_file) if task_file.exists() else {}
    lacking = {"columns", "max_length"} - saved.keys() if task_file.exists() else ()
    if lacking:
        raise InputError(f"{task_file}: is damaged (no {', '.join(sorted(lacking))}); put back what fine-tuning wrote")
    columns = saved.get("columns") or {}
    are_names = isinstance(columns, dict) and isinstance(columns.get("text", "text"), str)
    are_names = are_names and isinstance(columns.get("separator", ","), str)
    if not are_names or not isinstance(columns.get("text_pair"), str | None):
        raise InputError(f"{task_file}: is damaged (columns); an object with columns' names as texts was expected")
    reading = {
        "text_column": columns.get("text", "text"), "text_pair_column": columns.get("text_pair"),
        "header": columns.get("header", True), "max_length": saved.get("max_length", longest),
        "long_texts": saved.get("long_texts", "head"),
        "summary_sentences": saved.get("summary_sentences", SUMMARY_SENTENCES),
        "null_threshold": saved.get("null_threshold"), "fitting_tags": saved.get("fitting_tags", False),
        "separator": columns.get("separator", ","), "trained_on_pairs": columns.get("text_pair") is not None,
    }  # fmt: skip
    if table_format(path) == "txt":
        reading |= {"text_column": "text", "text_pair_column": None}
    reading |= {name: value for name, value in given.items() if value is not None}
    numbers = [reading["max_length"], reading["summary_sentences"]]
    if reading["long_texts"] not in LONG_TEXTS or not all(type(number) is int for number in numbers):
        raise InputError(
            f"{task_file}: is damaged (long_texts, max_length, summary_sentences); give --long-texts, --max-length and "
            f"--summary-sentences"
        )
    if not isinstance(reading["fitting_tags"], bool):
        raise InputError(f"{task_file}: is damaged (fitting_tags); true or false was expected")
    if not isinstance(reading["null_threshold"], int | float | None):
        raise InputError(f"{task_file}: is damaged (null_threshold); give --null-threshold")
    if reading["max_length"] > longest:
        raise InputError(f"--max-length {reading['max_length']}: the model in {run} reads at most {longest} tokens")
    room_for_pieces(reading["max_length"], is_pair=reading["text_pair_column"] is not None)  # or there is none
    return Reading(**reading)


def predict_file(run: str | Path, path: str | Path, output: IO[bytes], given: dict, device: str = "cpu") -> None:
    """Writes the prediction for each text of a file as a line of TSV, in the order of the file, as they come.

    A tagger's are a line for each word of a text, and a blank line after each text. A model that answers questions
    takes pairs, question and context, of a table or of SQuAD's JSON, whose ids then stand before the answers. Models of
    relations, of choices and of summaries read the files that they were trained on, with labels or without
    (``bert.task_inputs``).

    Raises:
        InputError: where the run has no head for one of these, the file cannot be read, or what was asked for would
            change nothing.
    """
    reading = reading_of(run, path, given)
    model_class = next((head for head in PREDICTORS if is_checkpoint_of(run, head)), BertForSequenceClassification)
    squad = model_class is BertForQuestionAnswering and is_squad(path)
    predictor = SQUAD_PREDICTOR if squad else PREDICTORS[model_class]
    for name, value in given.items():
        if value is not None and name not in predictor.flags:
            raise InputError(
                f"--{name.replace('_', '-')}: it would change nothing for the model in {run}; leave it out"
            )
    is_single = model_class is BertForSequenceClassification and reading.text_pair_column is None
    if reading.trained_on_pairs and is_single:
        raise InputError(
            f"{path}: holds single texts, and the model in {run} was trained on pairs; give it a table of them"
        )
    segments = load_config(run).type_vocab_size
    if segments < 2 and (reading.text_pair_column is not None or predictor.has_two_segments):
        raise InputError(
            f"{run}: the model has embeddings for {segments} kind of segments (type_vocab_size), and pairs have two; "
            f"name a model that was trained on pairs"
        )
    read = predictor.read
    texts = _texts(path, reading) if read is None else _first_checked(read(path, labelled=False))
    model = load_checkpoint(run, model_class).to(device)
    tokenizer = load_tokenizer(run)
    check_vocabulary_fits(tokenizer, model.config, run)
    rows = predictor.rows(model, tokenizer, texts, reading, str(path))
    output.writelines(tsv_line(row).encode() for row in rows)


# ---- the rows of predictions, of each kind of head: (model, tokenizer, texts, reading, source) -> cells ----

ANSWER_HEADER = ["prediction", "score", "null score"]


def _tags(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    firsts = (first for first, _ in texts)
    for tagged in predict_tags(model, tokenizer, firsts, reading.max_length, fitting=reading.fitting_tags):
        yield from [*tagged, ()]


def _answers(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    if reading.text_pair_column is None:
        raise InputError("a question needs its context: name the column with --text-pair-column")
    yield ANSWER_HEADER
    yield from predict_answers(model, tokenizer, texts, reading.max_length, null_threshold=reading.null_threshold)


def _answers_by_id(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    questions = list(texts)
    pairs = ((each.question, each.context) for each in questions)
    answers = predict_answers(model, tokenizer, pairs, reading.max_length, null_threshold=reading.null_threshold)
    yield ["id", *ANSWER_HEADER]
    for question, answer in zip(questions, answers, strict=True):
        yield [question.id, *answer]


def _relations(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    yield prediction_header(model.labels, "single_label_classification")
    for probabilities in predict_relations(model, tokenizer, texts, reading.max_length, source):
        yield prediction_row(probabilities, model.labels, "single_label_classification")


def _choices(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    yield ["prediction", "probabilities"]
    for probabilities in predict_choices(model, tokenizer, texts, reading.max_length, reading.long_texts):
        yield [max(range(len(probabilities)), key=probabilities.__getitem__), _listed(probabilities)]


def _summaries(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    yield ["prediction", "summary", "probabilities"]
    summaries = predict_summaries(model, tokenizer, texts, reading.max_length, reading.summary_sentences)
    for chosen, summary, probabilities in summaries:
        yield [",".join(map(str, chosen)), summary, _listed(probabilities)]


def _labels(model, tokenizer, texts: Iterator, reading: Reading, source: str) -> Iterator[Sequence]:
    yield prediction_header(model.labels, model.problem_type)
    for probabilities in predict(model, tokenizer, texts, reading.max_length, reading.long_texts):
        yield prediction_row(probabilities, model.labels, model.problem_type, reading.separator)


class Predictor(NamedTuple):
    """What predicts with a kind of head.

    rows: of the table of predictions, its header first where it has one.
    flags: which settings of a reading it heeds.
    read: what reads the file; None: the texts are in a table's columns.
    has_two_segments: whether its inputs have two kinds of segments, whatever the columns.
    """

    rows: Callable
    flags: frozenset[str]
    read: Callable | None = None
    has_two_segments: bool = False


_COLUMNS = frozenset({"text_column", "text_pair_column", "header"})
PREDICTORS = {
    BertForTokenClassification: Predictor(_tags, frozenset({"text_column", "header", "max_length"})),
    BertForQuestionAnswering: Predictor(_answers, _COLUMNS | {"max_length", "null_threshold"}, has_two_segments=True),
    BertForRelationExtraction: Predictor(_relations, frozenset({"max_length"}), read_marked_texts),
    BertForMultipleChoice: Predictor(
        _choices, frozenset({"max_length", "long_texts"}), read_choices, has_two_segments=True
    ),
    BertForExtractiveSummarization: Predictor(
        _summaries, frozenset({"max_length", "summary_sentences"}), read_documents, has_two_segments=True
    ),
    BertForSequenceClassification: Predictor(_labels, _COLUMNS | {"max_length", "long_texts"}),
}
SQUAD_PREDICTOR = Predictor(  # of BertForQuestionAnswering, where the file is SQuAD's JSON
    _answers_by_id, frozenset({"max_length", "null_threshold"}), read_questions, has_two_segments=True
)


def embed_file(
    run: str | Path, path: str | Path, output: str | Path, given: dict, pooling: str, layers: Sequence[int],
    device: str = "cpu",
) -> tuple[int, ...]:  # fmt: skip
    """Writes the vector of each text of a file to an ``.npy`` file, in the order of the file, as they come.

    Returns:
        The array's shape: (texts, hidden_size), or with several layers (texts, layers, hidden_size); float32.
    """
    reading = reading_of(run, path, given)
    texts = _texts(path, reading)
    model = load_checkpoint(run, BertModel, with_pooler=False).to(device)
    tokenizer = load_tokenizer(run)
    check_vocabulary_fits(tokenizer, model.config, run)
    vectors = embed(model, tokenizer, texts, reading.max_length, reading.long_texts, pooling, layers)
    shape = (model.config.hidden_size,) if len(layers) == 1 else (len(layers), model.config.hidden_size)
    count = 0
    with atomic_file(output) as file:
        _write_npy_header(file, (0, *shape))
        begin = file.tell()
        for vector in vectors:
            file.write(np.ascontiguousarray(vector, np.float32).tobytes())
            count += 1
        file.seek(0)  # how many there are is known only now; numpy leaves room for the number in the header
        _write_npy_header(file, (count, *shape))
        if file.tell() != begin:
            raise RuntimeError("the header of an .npy file grew with the number of rows")
    return (count, *shape)


def _texts(path: str | Path, reading: Reading) -> Iterator[tuple[str, str | None]]:
    """The file's texts; what is wrong with its first row is found before a model is loaded."""
    return _first_checked(read_texts(path, reading.text_column, reading.text_pair_column, reading.header))


def _first_checked(texts: Iterable) -> Iterator:
    texts = iter(texts)
    return itertools.chain([next(texts)], texts)


def _listed(probabilities: Sequence[float]) -> str:
    return ",".join(f"{probability:.6f}" for probability in probabilities)


def _write_npy_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    entries = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, entries)
