"""Muon for the matrices, at the same updates."""

from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

RATES = (0.5, 1.0, 2.0, 4.0)
LESSON = Lesson(
    question="How many of AdamW's updates does Muon need?",
    published="Muon needs about 52 % of AdamW's training FLOPs for the same loss.",
    source="Liu et al. 2025, arXiv 2502.16982",
    contestants=(
        contestant("AdamW", rates=RATES),
        contestant("Muon", "--optimizer muon", rates=RATES),
        contestant("Muon, 0.75 of the updates", "--optimizer muon", share=0.75, rate_of="Muon"),
        contestant("Muon, half of the updates", "--optimizer muon", share=0.5, rate_of="Muon"),
    ),
    same=UPDATES,
    fair="Each has the best of four learning rates, chosen by the held-out loss of another seed. Each run's learning "
    "rate falls to 0 with its own last update.",
)
