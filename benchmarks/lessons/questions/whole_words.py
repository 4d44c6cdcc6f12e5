"""All pieces of a word masked together."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Does it help to mask whole words?",
    published="BERT-large goes from 91.0 to 92.8 F1 on SQuAD 1.1, and from 86.05 to 87.07 on MNLI.",
    source="google-research/bert, README.md, 31 May 2019",
    contestants=(
        contestant("single pieces", "--no-whole-word-masking"),
        contestant("whole words", "--whole-word-masking"),
    ),
    fair="The held-out examples are masked piece by piece, which is easier, and as the first one was trained.",
    task=True,
)
