"""An average of the last weights, instead of the last ones."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Is an average of the last weights better than the last ones?",
    published="Averages of the latest checkpoints saved 30 GPU hours of RoBERTa-base's training on WikiText-103, on "
    "its way. A learning rate that falls to 0 has some of the same effect.",
    source="Kaddour 2022, arXiv 2209.14981",
    contestants=(
        contestant("the last weights"),
        contestant("over 100 updates", "--average 100"),
        contestant("over 500 updates", "--average 500"),
    ),
)
