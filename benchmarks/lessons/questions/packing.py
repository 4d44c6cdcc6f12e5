"""Examples that see each other."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Does it hurt if examples see each other?",
    published="When NeoBERT packed texts without separating them, GLUE fell from 82.9 to 80.5.",
    source="Le Breton et al. 2025, arXiv 2502.19587",
    contestants=(
        contestant("apart", "--no-nsp"),
        contestant("four joined", "--no-nsp --join-examples 4"),
    ),
    fair="Measured on examples that stand alone.",
    task=True,
    reads_longer=True,
)
