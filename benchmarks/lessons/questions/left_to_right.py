"""Each token sees all tokens, or only those on its left."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Must a token see what comes after it?",
    published="Left to right and without NSP, BERT falls from 83.9 to 82.1 on MNLI, from 86.5 to 77.5 on MRPC and from "
    "87.9 to 77.8 on SQuAD, but only from 92.6 to 92.1 on SST-2.",
    source="Devlin et al. 2018, table 5",
    contestants=(
        contestant("both ways, masked", "--no-nsp"),
        contestant("left to right, next token", "--no-nsp --objective next-token --variant left-to-right"),
        contestant("left to right, masked", "--no-nsp --variant left-to-right"),
    ),
    fair="A next token's loss is no masked token's loss: only the task compares them.",
    task=True,
)
