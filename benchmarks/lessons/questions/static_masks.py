"""Masks that are drawn once, or anew in each epoch."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Must masks be drawn anew in each epoch?",
    published="Static masks have 78.3 on SQuAD 2.0, 84.3 on MNLI and 92.5 on SST-2; dynamic ones 78.7, 84.0 and 92.9.",
    source="Liu et al. 2019, table 1",
    contestants=(
        contestant("anew in each epoch", "--mask-copies 0"),
        contestant("one copy", "--mask-copies 1"),
    ),
    fair="It can only matter after the first epoch: until then both are the same training, bit for bit."
    " The paper had ten copies for 40 epochs.",
    task=True,
)
