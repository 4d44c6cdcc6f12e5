"""How exactly the learning rate must be right."""

from benchmarks.lessons.lesson import DEFAULT, Lesson, contestant

LESSON = Lesson(
    question="How exactly must the learning rate be right?",
    published="BERT-base has 1e-4. A smaller model stands a larger one.",
    source="Devlin et al. 2018, appendix A.2",
    contestants=(
        DEFAULT,
        contestant("a quarter", rates=(0.25,)),
        contestant("half", rates=(0.5,)),
        contestant("twice", rates=(2.0,)),
        contestant("four times", rates=(4.0,)),
    ),
)
