"""Dropout in pretraining."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Does dropout help pretraining?",
    published="BERT has 0.1. In a day on one GPU no text is read twice, and none is better.",
    source="Devlin et al. 2018, appendix A.2; Geiping & Goldstein 2022, arXiv 2212.14034",
    contestants=(contestant("none", "--dropout 0"), contestant("0.1", "--dropout 0.1")),
    fair="Dropout takes time, so it has fewer updates. Fine-tuning takes over the checkpoint's.",
    task=True,
)
