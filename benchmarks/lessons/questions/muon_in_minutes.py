"""Muon for the matrices, at the same minutes."""

from benchmarks.lessons.bases import ADAMW, ADAMW_RATES, MUON, MUON_RATES
from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Is Muon worth the time that it takes?",
    published="Muon's products cost less than 1 % of a large model's training. A small model has more of them beside "
    "its own work.",
    source="Jordan et al. 2024, kellerjordan.github.io/posts/muon",
    contestants=(
        contestant("AdamW", ADAMW, rates=ADAMW_RATES),
        contestant("Muon", MUON, rates=MUON_RATES),
    ),
    fair="Each has the best of four learning rates, chosen by the held-out loss of another seed.",
)
