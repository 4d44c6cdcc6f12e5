"""All newer parts together."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Are all newer parts together better than BERT?",
    published="NeoBERT's rotary positions, gates and RMSNorm together took GLUE from 79.2 to 81.1. More and other data "
    "gave more than that.",
    source="Le Breton et al. 2025, arXiv 2502.19587",
    contestants=(
        contestant("BERT"),
        contestant("pre-norm, rotary, gated, RMSNorm", "--variant pre-norm,rotary,gated,rms-norm"),
    ),
    task=True,
)
