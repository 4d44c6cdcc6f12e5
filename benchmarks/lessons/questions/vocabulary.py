"""How many pieces a vocabulary has."""

from benchmarks.lessons.lesson import DEFAULT, Lesson, contestant

LESSON = Lesson(
    question="Does a small model want a small vocabulary?",
    published="BERT has 30,522 pieces at every size.",
    source="google-research/bert, README.md",
    contestants=(
        DEFAULT,
        contestant("3,000", "--vocab-size 3000"),
        contestant("12,000", "--vocab-size 12000"),
        contestant("30,000", "--vocab-size 30000"),
    ),
    fair="The default of tiny is 6,000. A loss is of pieces, and larger pieces are harder: only the loss by byte and "
    "the task compare. With larger pieces an example holds more text, and more bytes are hidden at a time.",
    task=True,
)
