"""Position embeddings that start at random, or as sinusoids."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Does it matter how position embeddings start?",
    published="BERT's start at random. The Transformer had fixed sinusoids; trained ones did equally well.",
    source="Devlin et al. 2018; Vaswani et al. 2017, table 3 (E)",
    contestants=(
        contestant("as sinusoids", "--sinusoidal-start"),
        contestant("at random", "--no-sinusoidal-start"),
    ),
)
