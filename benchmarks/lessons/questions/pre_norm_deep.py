"""LayerNorm before each sublayer, in a deep model."""

from benchmarks.lessons.bases import ADAMW
from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

DEEP = (
    f"{ADAMW} --size 12x128 --max-length 64 --batch-size 32 --dropout 0 --sinusoidal-start --initializer-range 0.05 "
    "--learning-rate 5e-4"
)
LESSON = Lesson(
    question="And in a model of twelve layers?",
    published="With LayerNorm after the sublayers, a deep model needs warm-up; with LayerNorm before them it does not.",
    source="Xiong et al. 2020, arXiv 2002.04745",
    contestants=(
        contestant("after, with warm-up", DEEP),
        contestant("after, no warm-up", f"{DEEP} --warmup-steps 0"),
        contestant("before, with warm-up", f"{DEEP} --variant pre-norm"),
        contestant("before, no warm-up", f"{DEEP} --variant pre-norm --warmup-steps 0"),
    ),
    same=UPDATES,
    fair="Twelve layers of 128 for all, and AdamW at 5e-4, which nobody tuned. They have as many updates as the size's "
    "own model makes in the minutes, and take several times as long.",
)
