"""Few large updates, or many small ones."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Are many small updates better than few large ones?",
    published="BERT has 256 examples in an update. Up to a critical size, which grows as the loss falls, a batch twice "
    "as large needs half the updates.",
    source="Devlin et al. 2018, appendix A.2; McCandlish et al. 2018, arXiv 1812.06162",
    contestants=(
        contestant("32 examples", "--batch-size 32"),
        contestant("16 examples", "--batch-size 16", rates=(0.5, 0.7, 1.0)),
        contestant("128 examples", "--batch-size 128", rates=(1.0, 2.0, 3.0)),
    ),
    fair="The others have the best of three learning rates, chosen on another seed.",
)
