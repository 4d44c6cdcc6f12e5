"""A learning rate that begins at its peak."""

from benchmarks.lessons.bases import ADAMW, ADAMW_RATES
from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

LESSON = Lesson(
    question="Does BERT fail without warm-up?",
    published="BERT warms up over 10,000 of 1,000,000 updates. With LayerNorm after the residual sum, the gradients of "
    "the upper layers are large at first, and without warm-up a deep model does not train.",
    source="Devlin et al. 2018, appendix A.2; Xiong et al. 2020, arXiv 2002.04745",
    contestants=(
        contestant("with warm-up", ADAMW, rates=ADAMW_RATES),
        contestant("without warm-up", f"{ADAMW} --warmup-steps 0", rate_of="with warm-up"),
        contestant("without, half the rate", f"{ADAMW} --warmup-steps 0", rates=(0.5,), rate_of="with warm-up"),
    ),
    same=UPDATES,
    fair="AdamW, with one learning rate for the first two: the best of four for the first, chosen on another seed.",
)
