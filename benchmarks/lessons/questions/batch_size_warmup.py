"""Batches that grow on the way."""

from benchmarks.lessons.lesson import Lesson, Part, contestant

LESSON = Lesson(
    question="Should batches be small at first?",
    published="GPT-3's batches grow from 32,000 tokens to their full size over the first 4 to 12 billion tokens.",
    source="Brown et al. 2020, arXiv 2005.14165, appendix B",
    contestants=(
        contestant("32 all the time", "--batch-size 32"),
        contestant("16, then 32, then 64", Part(0.33, "--batch-size 16"), Part(0.33, "--batch-size 32"),
                   Part(0.34, "--batch-size 64")),
        contestant("64 all the time", "--batch-size 64"),
    ),
)  # fmt: skip
