"""Next sentence prediction, beside the masked language model or not."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Does next sentence prediction help?",
    published="BERT without it loses 0.5 points on MNLI (84.4 to 83.9) and 3.5 on QNLI (88.4 to 84.9). RoBERTa gains "
    "without it, from 84.0 to 84.7 on MNLI, if its inputs are filled with whole sentences.",
    source="Devlin et al. 2018, table 5; Liu et al. 2019, table 2",
    contestants=(contestant("with", "--nsp"), contestant("without", "--no-nsp")),
    fair="Each is better on the kind of text that it was trained on, pairs or single segments: look at both.",
    task=True,
    judged_by=("pairs_loss", "single_loss"),
)
