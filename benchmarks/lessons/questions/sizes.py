"""Layers and width, at the same minutes."""

from benchmarks.lessons.lesson import DEFAULT, Lesson, contestant

OF_TINY = "--max-length 64 --batch-size 32 --learning-rate 2e-3 --initializer-range 0.05"
OF_MINI = "--max-length 64 --batch-size 32 --learning-rate 1e-3 --initializer-range 0.035"
LESSON = Lesson(
    question="In the same minutes, is a larger model better?",
    published="Large models that stop early beat small ones that train to their end, at the same compute. Of small "
    "models, a deeper one is mostly better than a wider one.",
    source="Li et al. 2020, arXiv 2002.11794; Turc et al. 2019, arXiv 1908.08962",
    contestants=(
        DEFAULT,
        contestant("1 layer of 128", f"--size 1x128 {OF_TINY}"),
        contestant("4 layers of 128", f"--size 4x128 {OF_TINY}"),
        contestant("2 layers of 256", f"--size 2x256 {OF_MINI}"),
        contestant("4 layers of 256", f"--size 4x256 {OF_MINI}"),
    ),
    fair="All have the same batches and vocabulary, the wider ones half the learning rate.",
)
