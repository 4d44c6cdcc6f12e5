"""How well queries find their texts among all texts of the set."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.options import Options
from bert.tasks.ranking import QUERIES_AT_A_TIME, first_places, ranking_metrics, ranks_of_relevant
from bert.tasks.report import Evaluation
from bert.tasks.retrieval.page import SHOWN_TEXTS, FoundTexts, search_sections
from bert.tasks.retrieval.read import Search
from bert.tasks.rouge import words

BUCKETS = 2**20  # of words: a word that no training text has is in a bucket of its own, almost always


class WordVectors(NamedTuple):
    """What ``predict_vectors`` gives for an example, of a guess by words: the texts, and how they become vectors."""

    transform: Callable[[Sequence[str]], Any]  # texts -> a sparse row of length 1 for each
    texts: tuple[str, ...]  # query, text, negatives


def baseline_of_words(examples: Sequence[Search], labels: Sequence[str], options: Options) -> Baseline:
    """The cosine of tf-idf vectors: the more words two texts have in common, and the rarer they are, the nearer.

    How rare a word is, is learned from the training texts. That is all that is learned.
    """
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    settings: Any = {"analyzer": words, "norm": None, "alternate_sign": False}
    count, weigh = HashingVectorizer(n_features=BUCKETS, **settings), TfidfTransformer()
    weigh.fit(count.transform([text for each in examples for text in (each.asked, each.text)]))

    def guess(example: Search) -> WordVectors:
        texts = (example.asked, *example.texts)
        return WordVectors(lambda texts: weigh.transform(count.transform(texts)), texts)

    return Baseline("the words in common, by tf-idf", guess, "tfidf", reads_texts=True)


def measure_searches(
    examples: Sequence[Search],
    predictions: Sequence[np.ndarray] | Sequence[WordVectors],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """The metrics of ``ranking.py``. In full: also what each query finds first, and the worst and the best queries.

    The texts to find are all of the set, negatives included. Equal texts are one. Equal queries are one as well, which
    has several texts.
    """
    texts = _places([each.texts for each in examples], first=1)
    queries = _places([(each.asked,) for each in examples], first=0)
    number_of = {text: number for number, text in enumerate(texts)}
    relevant: dict[str, set[int]] = {}
    for each in examples:
        relevant.setdefault(each.asked, set()).add(number_of[each.text])
    answers = [sorted(relevant[query]) for query in queries]
    query_vectors, text_vectors = (_vectors(predictions, list(each.values())) for each in (queries, texts))
    ranks: list[np.ndarray] = []
    found: list[FoundTexts] = []
    names, lines = list(texts), [examples[index].line for index, _ in queries.values()]
    for begin in range(0, len(answers), QUERIES_AT_A_TIME):
        block = slice(begin, begin + QUERIES_AT_A_TIME)
        scores = _dense(query_vectors[block] @ text_vectors.T)  # (queries, texts)
        ranks += map(ranks_of_relevant, scores, answers[block])
        if in_full:
            for line, query, row, its_answers in zip(lines[block], list(queries)[block], scores, answers[block]):
                right = max(its_answers, key=row.__getitem__)
                first = [(names[text], float(row[text])) for text in first_places(row, SHOWN_TEXTS)]
                rank = int(ranks[len(found)][0])
                found.append(FoundTexts(line, query, rank, first, names[right], float(row[right])))
    metrics = ranking_metrics(ranks)
    if not in_full:
        return Evaluation(metrics)
    return Evaluation(
        metrics,
        header=["line", "rank", "cosine", "prediction", *(["query", "text"] if options.text else [])],
        rows=[
            [each.line, each.rank, each.score, each.first[0][0], *([each.query, each.right] if options.text else [])]
            for each in found
        ],
        sections=search_sections(found),
    )


def _places(texts: Sequence[Sequence[str]], first: int) -> dict[str, tuple[int, int]]:
    """Each different text in its order, with a place of it: the example's index, and the text's in the example.

    Args:
        texts: of each example.
        first: the index of an example's first text.
    """
    places: dict[str, tuple[int, int]] = {}
    for index, each in enumerate(texts):
        for position, text in enumerate(each, start=first):
            places.setdefault(text, (index, position))
    return places


def _vectors(predictions: Sequence[Any], places: Sequence[tuple[int, int]]) -> Any:
    """The vectors (places, size), which may be sparse."""
    if isinstance(predictions[0], WordVectors):
        return predictions[0].transform([predictions[index].texts[position] for index, position in places])
    return np.stack([predictions[index][position] for index, position in places])


def _dense(scores: Any) -> np.ndarray:
    return scores if isinstance(scores, np.ndarray) else scores.toarray()
