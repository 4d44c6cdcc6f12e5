"""How many tokens are masked."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Is 15 % the right share of masked tokens?",
    published="A base model is best with about 20 %, a large one with 40 %. From 30 % down to 15 %, BERT-base reached "
    "the accuracy of 15 % up to 1.89 times as fast.",
    source="Wettig et al. 2023, arXiv 2202.08005; Ankner et al. 2023, arXiv 2305.15096",
    contestants=(
        contestant("15 %", "--masking-rate 0.15"),
        contestant("30 % falling to 15 %", "--masking-rate 0.3:0.15"),
        contestant("40 %", "--masking-rate 0.4"),
    ),
    fair="All are measured with 15 % masked.",
    task=True,
)
