"""LayerNorm before each sublayer, in a shallow model."""

from benchmarks.lessons.bases import ADAMW, ADAMW_RATES
from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

LESSON = Lesson(
    question="Is LayerNorm better before each sublayer?",
    published="With LayerNorm before the sublayers, BERT-base trains without warm-up, and faster. "
    "ModernBERT and NeoBERT have them there.",
    source="Xiong et al. 2020, arXiv 2002.04745",
    contestants=(
        contestant("after, with warm-up", ADAMW, rates=ADAMW_RATES),
        contestant("before, with warm-up", f"{ADAMW} --variant pre-norm", rate_of="after, with warm-up"),
        contestant("after, no warm-up", f"{ADAMW} --warmup-steps 0", rate_of="after, with warm-up"),
        contestant("before, no warm-up", f"{ADAMW} --variant pre-norm --warmup-steps 0", rate_of="after, with warm-up"),
    ),
    same=UPDATES,
    fair="AdamW, with one learning rate for all: the best of four for the first one, chosen on another seed.",
)
