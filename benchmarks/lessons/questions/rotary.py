"""Positions as angles, not as embeddings."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Can a model read texts four times as long as those that it learned from?",
    published="Rotary positions depend on distances alone; ModernBERT and NeoBERT have them.",
    source="Su et al. 2021, arXiv 2104.09864",
    contestants=(
        contestant("embeddings that start as sinusoids", "--sinusoidal-start"),
        contestant("rotary", "--variant rotary"),
        contestant("embeddings that start at random", "--no-sinusoidal-start"),
    ),
    fair="BERT's position embeddings after the last trained one are as they began.",
    reads_longer=True,
    judged_by=("longer_loss",),
)
