"""What guessing gives, beside a run's figures: measured at the beginning, and in words."""

import math
from collections.abc import Mapping

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.baseline import count_pairs, majority_baseline, unigram_baseline
from data.pretraining.ngrams import five_gram_baseline


def measure_baselines(corpus: TokenizedCorpus, examples: list[Batch]) -> tuple[dict[str, float], list[str]]:
    """The losses and accuracies of guessing on the held-out examples, by their names in the log; and as lines."""
    unigram_loss, unigram_accuracy = unigram_baseline(corpus, examples)
    if any("next_token_labels" in batch.labels for batch in examples):
        return {"unigram_next_token_loss": unigram_loss, "unigram_next_token_accuracy": unigram_accuracy}, [
            f"Guessing the next pieces by their frequency alone would give a held-out loss of {unigram_loss:.3f} nats, "
            f"and {unigram_accuracy:.1%} right."
        ]
    loss, accuracy, counted = five_gram_baseline(corpus, examples)
    baselines = {
        "unigram_masked_lm_loss": unigram_loss,
        "unigram_masked_lm_accuracy": unigram_accuracy,
        "five_gram_masked_lm_loss": loss,
        "five_gram_masked_lm_accuracy": accuracy,
    }
    counted_in = "" if counted == 1 else f" They were counted in {counted:.0%} of the corpus, to save time."
    lines = [
        f"Guessing the masked pieces by their frequency alone would give a held-out loss of {unigram_loss:.3f} nats, "
        f"and {unigram_accuracy:.1%} right.",
        f"Guessing them from two pieces on each side (5-grams) would give {loss:.3f} nats, and {accuracy:.1%} right."
        + counted_in,
    ]
    random, pairs = count_pairs(examples)
    if pairs:
        loss, accuracy = majority_baseline(random / pairs)
        baselines |= {"majority_next_sentence_loss": loss, "majority_next_sentence_accuracy": accuracy}
    return baselines, lines


def by_guessing(random_pairs: float) -> dict[str, str]:
    """What guessing gives, in the words that stand beside a next-sentence accuracy.

    >>> by_guessing(0.569)
    {'next_sentence': "56.9% by always guessing 'random'"}
    """
    guess = "random" if random_pairs >= 0.5 else "follows"
    return {"next_sentence": f"{majority_baseline(random_pairs)[1]:.1%} by always guessing '{guess}'"}


def warn_of_base_rate(means: Mapping[str, float], random: int, pairs: int) -> str:
    """The note for a run that guesses the next sentence no better than its base rate. Empty if it does better.

    Args:
        means: the held-out losses and accuracies by their names in the log, at the end of the run.
        random: how many of the held-out pairs have a random B.
        pairs: how many there are; 0 without next-sentence prediction.
    """
    if pairs == 0:
        return ""
    accuracy = means["next_sentence_accuracy"]
    base_rate = majority_baseline(random / pairs)[1]
    standard_error = math.sqrt(base_rate * (1 - base_rate) / pairs)
    if accuracy > base_rate + 2 * standard_error:
        return ""
    return (
        f"Note: next-sentence prediction has learned nothing that {pairs:,} held-out pairs could show: {accuracy:.1%} "
        f"right, and {by_guessing(random / pairs)['next_sentence']}. Two standard errors are {2 * standard_error:.1%}."
    )
