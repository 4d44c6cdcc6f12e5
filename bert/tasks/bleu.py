"""BLEU and chrF of translations, by the library sacrebleu: only its numbers can be compared between papers.

    BLEU = exp(min(0, 1 - r / c)) * (p1 p2 p3 p4)^(1/4)

r and c count the words of the references and of the translations. pn is the share of the translations' runs of n words
that their references have. All are counted over the whole corpus (Papineni et al. 2002, section 2.3). chrF is the F2 of
runs of up to six characters (Popović 2015; Post 2018 for the library).

Case counts, and words are split by the rule "13a". The library's signature of this BLEU, for papers:
``nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp``.
"""

from collections.abc import Sequence

from bert.errors import InputError


def bleu_and_chrf(translations: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """``bleu`` and ``chrf`` of a whole corpus, as fractions of one. Papers give them times 100.

    Args:
        translations, references: as many of one as of the other, in plain text as people write it.

    Raises:
        InputError: if sacrebleu is not installed.
        ValueError: if there are none, or not as many references.
    """
    if not translations or len(translations) != len(references):
        raise ValueError(f"found {len(translations)} translations and {len(references)} references; as many, and one")
    bleu, chrf = _library()
    scores = {"bleu": bleu(), "chrf": chrf()}
    return {
        name: metric.corpus_score(list(translations), [list(references)]).score / 100 for name, metric in scores.items()
    }


def check_installed() -> None:
    """Raises an InputError if sacrebleu is not installed: before a run, not after it."""
    _library()


def _library():
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise InputError(
            "BLEU and chrF need the package sacrebleu, which is missing; pip install sacrebleu, or measure by rouge"
        ) from None
    return BLEU, CHRF
