"""A norm without means and biases."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Must LayerNorm subtract the mean?",
    published="Without the mean, models are as good, in 7 to 64 % less time.",
    source="Zhang & Sennrich 2019, arXiv 1910.07467",
    contestants=(contestant("LayerNorm"), contestant("root mean square", "--variant rms-norm")),
    fair="LayerNorm has a fast kernel in PyTorch. The time of the other one is that of our equations.",
)
