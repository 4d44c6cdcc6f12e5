"""A gate in the feed-forward layer."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Does a gate improve the feed-forward layers?",
    published="At equal parameters, a gated layer has a log-perplexity of 1.633 where GELU has 1.679.",
    source="Shazeer 2020, arXiv 2002.05202, table 1",
    contestants=(contestant("GELU alone"), contestant("gated", "--variant gated")),
)
