"""How large the first weights are."""

from benchmarks.lessons.lesson import DEFAULT, Lesson, contestant

LESSON = Lesson(
    question="Does the size of the initial weights matter?",
    published="BERT's have a standard deviation of 0.02 at every size.",
    source="google-research/bert, modeling.py",
    contestants=(DEFAULT, contestant("0.02", "--initializer-range 0.02"), contestant("0.1", "--initializer-range 0.1")),
    fair="The usual one is 0.05 for tiny, which gives a layer of 128 outputs as large as 0.02 gives one of 768.",
)
