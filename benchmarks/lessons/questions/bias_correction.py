"""Adam with and without the correction of its averages' start at 0."""

from benchmarks.lessons.bases import ADAMW, ADAMW_RATES
from benchmarks.lessons.lesson import UPDATES, Lesson, contestant

LESSON = Lesson(
    question="Does Adam need its bias correction?",
    published="Google's code leaves it out. In fine-tuning on few labels that makes some runs fail; in pretraining it "
    "was not reported to matter.",
    source="google-research/bert, optimization.py; Zhang et al. 2021, arXiv 2006.05987",
    contestants=(
        contestant("without correction", ADAMW, rates=ADAMW_RATES),
        contestant("with correction", "--optimizer adamw", rate_of="without correction"),
        contestant("without, no warm-up", f"{ADAMW} --warmup-steps 0", rate_of="without correction"),
        contestant("with, no warm-up", "--optimizer adamw --warmup-steps 0", rate_of="without correction"),
    ),
    same=UPDATES,
    fair="One learning rate for all: the best of four for the first one, chosen on another seed.",
)
