"""Matrix products in 16 bits."""

from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

LESSON = Lesson(
    question="Do products in 16 bits cost accuracy?",
    published="Products in 16 bits, with weights and sums in 32, reach the accuracy of float32.",
    source="Micikevicius et al. 2018, arXiv 1710.03740",
    contestants=(contestant("float32", "--precision fp32"), contestant("bfloat16", "--precision bf16")),
    same=UPDATES,
    fair="A CPU without instructions for bfloat16 emulates it, slowly.",
)
