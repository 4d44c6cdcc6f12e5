"""Muon for the matrices, at the same updates."""

from benchmarks.lessons.bases import ADAMW, ADAMW_RATES, MUON, MUON_RATES
from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

LESSON = Lesson(
    question="How many of AdamW's updates does Muon need?",
    published="Muon needs about 52 % of AdamW's training FLOPs for the same loss.",
    source="Liu et al. 2025, arXiv 2502.16982",
    contestants=(
        contestant("AdamW", ADAMW, rates=ADAMW_RATES),
        contestant("Muon", MUON, rates=MUON_RATES),
        contestant("Muon, 0.75 of the updates", MUON, share=0.75, rate_of="Muon"),
        contestant("Muon, half of the updates", MUON, share=0.5, rate_of="Muon"),
    ),
    same=UPDATES,
    fair="AdamW is BERT's. Each has the best of four learning rates, chosen by the held-out loss of another seed. "
    "Each run's learning rate falls to 0 with its own last update.",
)
