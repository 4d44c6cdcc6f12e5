"""LayerNorm before each sublayer, in a shallow model."""

from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

LESSON = Lesson(
    question="Is LayerNorm better before each sublayer?",
    published="With LayerNorm before the sublayers, BERT-base trains without warm-up, and faster. All newer encoders "
    "have it.",
    source="Xiong et al. 2020, arXiv 2002.04745",
    contestants=(
        contestant("after, with warm-up"),
        contestant("before", "--variant pre-norm"),
        contestant("after, no warm-up", "--warmup-steps 0"),
        contestant("before, no warm-up", "--variant pre-norm --warmup-steps 0"),
    ),
    same=UPDATES,
    fair="One learning rate for all, the first one's.",
)
