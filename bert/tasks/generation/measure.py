"""How good outputs are, and how well targets are foretold."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.bleu import bleu_and_chrf
from bert.tasks.generation.page import compared_section, cross_attention_section, unpicked_section
from bert.tasks.generation.predict import Foretold, Written, writing_of
from bert.tasks.generation.read import Pair
from bert.tasks.metrics import next_piece_metrics
from bert.tasks.options import Options
from bert.tasks.report import Evaluation
from bert.tasks.rouge import rouge_scores

BLEU = ("bleu", "chrf")  # need sacrebleu
OF_PIECES = ("token_accuracy", "perplexity")  # of the true pieces, foretold one by one; no output counts
METRICS = (*OF_PIECES, "rouge1", "rouge2", "rougeL", *BLEU)
WITHOUT_ITS_SOURCE = "perplexity_with_other_sources"
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n")


def measure_outputs(
    pairs: Sequence[Pair], predictions: Sequence[Written], labels: Sequence[str], options: Options, in_full: bool
) -> Evaluation:
    """The metrics of ``METRICS`` and perplexities; in full also outputs beside their sources and targets.

    BLEU and chrF are there if sacrebleu is installed.
    """
    targets = [pair.target or "" for pair in pairs]
    outputs = [written.text for written in predictions]
    metrics = _of_pieces([written.foretold for written in predictions])
    if predictions[0].with_other_source is not None:
        mixed = _of_pieces([written.with_other_source for written in predictions])
        metrics[WITHOUT_ITS_SOURCE] = mixed["perplexity"]
    rouge = [rouge_scores([output], [target]) for output, target in zip(outputs, targets)]
    metrics |= {name: statistics.mean(each[name] for each in rouge) for name in METRICS if name in rouge[0]}
    if find_spec("sacrebleu"):
        metrics |= bleu_and_chrf(outputs, targets)
    if not in_full:
        return Evaluation(metrics)
    scores = [each["rougeL"] for each in rouge]
    text = options.text
    rows = [
        [pair.line, pair.target, written.text, written.log_probability, score, *([" / ".join(pair.source)] * text)]
        for pair, written, score in zip(pairs, predictions, scores)
    ]
    sections = [unpicked_section(pairs, predictions), *compared_section(pairs, predictions, scores)]
    sections += cross_attention_section(predictions)
    header = ["line", "label", "prediction", "log_probability", "rougeL", *(["source"] * text)]
    return Evaluation(metrics, header=header, rows=rows, sections=sections)


def _of_pieces(foretold: Sequence[Foretold | None]) -> dict[str, float]:
    """Perplexity and token accuracy over all targets."""
    known = [each for each in foretold if each is not None]
    return next_piece_metrics(
        sum(each.loss for each in known), sum(each.right for each in known), sum(each.count for each in known)
    )


def baseline_of_pairs(pairs: Sequence[Pair], labels: Sequence[str], options: Options) -> Baseline:
    """The source's first sentence as the output, and each piece of a target foretold by its frequency in the training.

    A dialogue's output is its last turn. A piece that was never seen counts as seen once.
    """
    tokenizer = writing_of(options).tokenizer
    ids = tokenizer.encode_batch([pair.target or "" for pair in pairs], options.workers)
    counts = Counter(chain.from_iterable(ids))
    counts[tokenizer.sep_token_id] = len(ids)
    frequencies = np.array([max(1, counts[index]) for index in range(tokenizer.vocab_size)], np.float64)
    losses = np.log(frequencies.sum()) - np.log(frequencies)
    most_frequent = int(frequencies.argmax())

    def guess(pair: Pair) -> Written:
        target = [*tokenizer.encode(pair.target or ""), tokenizer.sep_token_id]
        foretold = Foretold(float(losses[target].sum()), target.count(most_frequent), len(target))
        return Written(first_sentence(pair.source[-1]), 0.0, foretold)

    name = "each piece by its frequency, and the source's first sentence as the output"
    return Baseline(name, guess, "first_sentence", dict.fromkeys(OF_PIECES, "unigram"))


def first_sentence(text: str) -> str:
    """The beginning of a text, up to the first end of a sentence.

    >>> first_sentence("A dam broke. It rained.")
    'A dam broke.'
    """
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0]
