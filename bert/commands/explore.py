"""``bert explore``: a trained model at work in one HTML file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bert.adaptation.loading import Source, source_of
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.predict import kind_of_run
from bert.commands.reading import check_segments, reading_of
from bert.errors import InputError
from bert.explore.fine_tuned import SPANS, TAGGING, fine_tuned_head, read_fine_tuned
from bert.explore.heads import ExploredModel, read_model
from bert.explore.page import explorer_page
from bert.explore.quantize import OF_A_REPLAY
from bert.explore.replay import curves, kept_checkpoints
from bert.explore.tokenizer import tokenizer_settings
from bert.explore.weights import pack_weights
from bert.files.whole import atomic_file
from bert.tokenization.tokenizer import Tokenizer

MEGABYTE = 10**6
FEWEST_TOKENS = 5  # two pieces, [CLS], and a [SEP] after each
# The page begins with the pair of which the run's vocabulary knows most.
EXAMPLES = (
    ("This method returns the number of open files.", "If there are none, it returns zero."),
    ("我们今天去北京大学看了一场电影。", "电影很好看，大家都很喜欢。"),
)
OF_TASKS = {
    TAGGING: (("Ada Lovelace met Charles Babbage in London in June 1833.", ""), ("昨天张伟从北京大学去了上海。", "")),
    SPANS: (("What does the method return?", " ".join(EXAMPLES[0])), ("他们去哪里看了电影？", "".join(EXAMPLES[1]))),
}


@dataclass(frozen=True)
class Written:
    """What a page holds.

    Attributes:
        megabytes: its size; a megabyte has a million bytes.
        checkpoints: how many, the model itself included.
    """

    megabytes: float
    checkpoints: int


def explore(
    run: str, output: str, first: str | None = None, second: str | None = None, replay: bool = False,
    max_length: int = 128, max_megabytes: float = 50, overwrite: bool = False,
) -> Written:  # fmt: skip
    """Writes the page of a run.

    Args:
        first, second: the texts that the page begins with; None: an example.
        replay: with the checkpoints that the run kept, and its curve.
        max_length: the longest input of the page, in tokens; a shorter model's length counts.
        max_megabytes: a larger page is refused.
        overwrite: whether a file that is there is replaced.

    Raises:
        InputError: if the run lacks something, the page would be too large, or the file is there. Then nothing is
            written.
    """
    if max_length < FEWEST_TOKENS:
        raise InputError(f"--max-length is {max_length}; a page has room for {FEWEST_TOKENS} tokens or more")
    if os.path.exists(output) and not overwrite:
        raise InputError(f"{output}: is there already; name another file with -o, or replace it with --overwrite")
    source = source_of(run)
    if variant := source.config().variant:
        raise InputError(f"{run}: its model is a variant of BERT ({variant}), and the page computes the paper's alone")
    tokenizer = source.tokenizer()
    settings = tokenizer_settings(tokenizer, run)
    check_vocabulary_fits(tokenizer, source.config(), run)
    kept = kept_checkpoints(run) if replay else []
    model, max_length, reads_pairs = _read(source, max_length)
    task = model.heads[0]["kind"]
    if second and task == TAGGING:
        raise InputError(f"--second: the model in {run} tags the words of one text; leave it out")
    check_segments(source, are_pairs=bool(second) or task == SPANS)
    packed = pack_weights(model.weights)
    _check_size(len(packed.content) * max(len(kept), 1), max_megabytes)
    weights, size = [], len(packed.content)
    for checkpoint in kept[:-1]:
        earlier = read_model(checkpoint.directory, max_length)
        if earlier.config != model.config or model.weights.keys() - earlier.weights.keys():
            raise InputError(
                f"{checkpoint.directory}: holds a model of another shape than {run}; a replay shows one run's models; "
                f"remove it, or leave out --replay"
            )
        its_weights = {name: earlier.weights[name] for name in model.weights}
        weights.append(pack_weights(its_weights, OF_A_REPLAY).content)
        size += len(weights[-1])
    usual = example(tokenizer, OF_TASKS.get(task, EXAMPLES))
    if first is None and second is None:
        first, second = usual[0], usual[1] if reads_pairs else ""
    data = {
        "name": Path(os.path.abspath(run)).name,
        "config": model.config.to_dict(),
        "heads": model.heads,
        "max_length": min(max_length, model.config.max_position_embeddings),
        "tokenizer": settings,
        "tensors": packed.tensors,
        "steps": [checkpoint.step for checkpoint in kept],
        "curves": curves(run) if replay else {},
        "texts": (first or usual[0], second or ""),
        "takes_pairs": task != TAGGING and model.config.type_vocab_size > 1,
    }
    content = explorer_page(data, [*weights, packed.content]).encode("utf-8", "backslashreplace")
    _check_size(len(content), max_megabytes)
    with atomic_file(output) as file:
        file.write(content)
    return Written(len(content) / MEGABYTE, max(len(kept), 1))


def _read(source: Source, max_length: int) -> tuple[ExploredModel, int, bool]:
    """The model, the longest input of its page, and whether it is used to pairs of texts."""
    head = fine_tuned_head(source)
    if head is None:
        model = read_model(source.directory, max_length)
        return model, max_length, model.config.type_vocab_size > 1
    kind = kind_of_run(source)
    _, options, trained_on_pairs = reading_of(source, "", {}, kind.predict_columns)
    max_length = min(max_length, options.max_length)
    model = read_fine_tuned(source, head, options, max_length)
    return model, max_length, trained_on_pairs or kind.has_two_segments


def example(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]] = EXAMPLES) -> tuple[str, str]:
    """The pair in which the fewest pieces are unknown."""
    return min(pairs, key=lambda pair: sum(tokenizer.encode(text).count(tokenizer.unk_token_id) for text in pair))


def _check_size(size: int, max_megabytes: float) -> None:
    if size > max_megabytes * MEGABYTE:
        raise InputError(
            f"the page would have {size / MEGABYTE:,.1f} megabytes, and --max-megabytes allows {max_megabytes:g}; "
            f"allow more, keep fewer checkpoints, or name a smaller model"
        )
