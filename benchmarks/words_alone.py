"""Film reviews by their words alone: two classifiers without a network, for the tables that measure ours on reviews.

    BERT_DATA=path/to/the/data python -m benchmarks.words_alone --labelled 100 1000 5000 --json words.json

- *Words*: how often each word and each pair of neighbouring words stands in a review (1 + ln n), weighted down if many
  reviews have it (tf-idf), and logistic regression.
- *Latent semantics* (Deerwester et al. 1990, "Indexing by Latent Semantic Analysis"): the same weights of all texts
  that a model would pretrain on, without their labels. The best approximation of that table by ``COMPONENTS`` columns
  gives each review as many numbers. Logistic regression on them learns the labels.

Both know the labelled reviews' labels and no others. The penalty of the regression is chosen by cross-validation among
these reviews. All else is written here. The measured reviews are the tenth that ``benchmarks.from_nothing`` measures,
too; ``--choosing`` measures others.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.film_reviews import Reviews, folder_of_imdb, read_reviews, split_reviews
from benchmarks.trials import results_of
from bert.errors import InputError
from bert.files.tables import read_lines
from bert.training.flags import positive

PENALTIES = (1, 3, 10, 30, 100, 300, 1_000)  # scikit-learn's C: a larger one penalizes less
FOLDS = 5  # of the cross-validation
COMPONENTS = 100  # with 1,000 labels cross-validation has 84.6 % for 50, 84.2 for 100, 83.7 for 200, 83.0 for 300
Vectors = tuple[Any, Any]  # rows of numbers of the training texts and of the measured ones, dense or sparse
FEWEST_TEXTS = 5  # that have a word, for it to count in the latent semantics


@dataclass(frozen=True)
class Trial:
    """What a result depends on, but for the code."""

    method: str
    labelled: int
    choosing: bool


@dataclass(frozen=True)
class Result:
    """What a method gave."""

    accuracy: float
    penalty: float  # as chosen
    seconds: float


def measure(method: str, reviews: Reviews) -> Result:
    """The accuracy of a method, one of METHODS, on the measured reviews."""
    started = time.perf_counter()
    train, measured = read_reviews(reviews.train), read_reviews(reviews.measured)
    of_train, of_measured = METHODS[method](
        [each.first for each in train], [each.first for each in measured], reviews.texts
    )
    model = logistic_regression(of_train, [str(each.label) for each in train])
    accuracy = model.score(of_measured, [str(each.label) for each in measured])
    return Result(float(accuracy), float(model.C), time.perf_counter() - started)


def word_vectors(train: Sequence[str], measured: Sequence[str], _: Path | None = None) -> Vectors:
    """Tf-idf of words and of pairs of words, of two lists of texts. The weights are those of the first list."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # only here: it takes a second

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return words.fit_transform(train), words.transform(measured)


def latent_vectors(train: Sequence[str], measured: Sequence[str], texts: Path) -> Vectors:
    """The texts in the space of a truncated singular value decomposition of all ``texts``."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, min_df=FEWEST_TEXTS, dtype=np.float32)
    table = words.fit_transform(text for _, text in read_lines(texts))
    decomposition = TruncatedSVD(min(COMPONENTS, *table.shape), random_state=0).fit(table)
    return decomposition.transform(words.transform(train)), decomposition.transform(words.transform(measured))


METHODS = {"words": word_vectors, "latent semantics": latent_vectors}


def logistic_regression(vectors: Any, labels: Sequence[str]) -> Any:
    """scikit-learn's model of these texts. Their labels choose its penalty, by cross-validation.

    With a single text of a label there is nothing to validate on, and the middle penalty is taken.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    model = LogisticRegression(C=PENALTIES[len(PENALTIES) // 2], max_iter=2_000)
    folds = min(FOLDS, min(Counter(labels).values()))
    if folds > 1:
        search = GridSearchCV(model, {"C": PENALTIES}, cv=folds, refit=False)
        model.set_params(**search.fit(vectors, labels).best_params_)
    return model.fit(vectors, labels)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labelled", type=positive, nargs="+", default=[1_000], help="numbers of labels (1,000)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="(both)")
    parser.add_argument("--choosing", action="store_true", help="measure other reviews than the tenth")
    parser.add_argument("--json", type=Path, help="where results are kept, and found again")
    options = parser.parse_args(arguments)
    imdb = folder_of_imdb()
    with tempfile.TemporaryDirectory() as folder:
        trials = [Trial(method, number, options.choosing) for number in options.labelled for method in options.methods]
        try:
            results = results_of(trials, str, partial(measure_trial, imdb, Path(folder)), Result, options.json)
        except InputError as error:
            raise SystemExit(str(error)) from None
    print(f"{'':20}{'labels':>8}{'accuracy':>10}{'C':>9}{'seconds':>9}")
    for trial, result in results.items():
        print(f"{trial.method:20}{trial.labelled:8,}{result.accuracy:10.2%}{result.penalty:9g}{result.seconds:9,.1f}")


def measure_trial(imdb: Path, folder: Path, trial: Trial) -> Result:
    return measure(trial.method, split_reviews(imdb, folder, trial.labelled, trial.choosing))


if __name__ == "__main__":
    main()
