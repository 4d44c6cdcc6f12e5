"""How long the training's sequences are."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Should a training of minutes have short sequences?",
    published="BERT's first nine tenths have 128 tokens, since attention takes time with the square of the length.",
    source="Devlin et al. 2018, appendix A.2",
    contestants=(
        contestant("64 tokens, 32 examples", "--max-length 64 --batch-size 32"),
        contestant("32 tokens, 64 examples", "--max-length 32 --batch-size 64"),
        contestant("128 tokens, 16 examples", "--max-length 128 --batch-size 16"),
    ),
    fair="An update has about the same tokens. All are measured at the size's own length.",
    reads_longer=True,
)
