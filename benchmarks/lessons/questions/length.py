"""How long the training's sequences are."""

from benchmarks.lessons.lesson import DEFAULT, Lesson, contestant

LESSON = Lesson(
    question="Should a training of minutes have short sequences?",
    published="BERT's first nine tenths have 128 tokens, since attention takes time with the square of the length.",
    source="Devlin et al. 2018, appendix A.2",
    contestants=(
        DEFAULT,
        contestant("half the length", "--max-length 32 --batch-size 64"),
        contestant("twice the length", "--max-length 128 --batch-size 16"),
    ),
    fair="An update has about the same tokens (of tiny's 64 and 32). All are measured at the size's own length.",
    reads_longer=True,
)
