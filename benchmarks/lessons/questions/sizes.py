"""Layers and width, at the same minutes."""

from benchmarks.lessons.bases import AS_TINY
from benchmarks.lessons.lesson import Lesson, contestant

OF_128 = f"{AS_TINY} --learning-rate 3e-3 --initializer-range 0.05"
OF_256 = f"{AS_TINY} --learning-rate 1.5e-3 --initializer-range 0.035"
LESSON = Lesson(
    question="In the same minutes, is a larger model better?",
    published="Large models that stop early beat small ones that train to their end, at the same compute. Of small "
    "models, a deeper one is mostly better than a wider one.",
    source="Li et al. 2020, arXiv 2002.11794; Turc et al. 2019, arXiv 1908.08962",
    contestants=(
        contestant("2 layers of 128", f"--size tiny {OF_128}"),
        contestant("1 layer of 128", f"--size 1x128 {OF_128}"),
        contestant("4 layers of 128", f"--size 4x128 {OF_128}"),
        contestant("2 layers of 256", f"--size 2x256 {OF_256}"),
        contestant("4 layers of 256", f"--size 4x256 {OF_256}"),
    ),
    task=True,
    fair="All have tiny's batches, masks and optimizer, and one vocabulary. The wider have half its learning rate.",
)
