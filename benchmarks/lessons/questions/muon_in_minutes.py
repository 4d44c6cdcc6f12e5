"""Muon for the matrices, at the same minutes."""

from benchmarks.lessons.lesson import Lesson, contestant

RATES = (0.5, 1.0, 2.0, 4.0)
LESSON = Lesson(
    question="Is Muon worth the time that it takes?",
    published="Muon's products cost less than 1 % of a large model's training. A small model has more of them beside "
    "its own work.",
    source="Jordan et al. 2024, kellerjordan.github.io/posts/muon",
    contestants=(contestant("AdamW", rates=RATES), contestant("Muon", "--optimizer muon", rates=RATES)),
    fair="Each has the best of four learning rates, chosen by the held-out loss of another seed.",
)
