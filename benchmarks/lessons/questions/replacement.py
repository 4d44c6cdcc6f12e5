"""What stands in a masked token's place."""

from benchmarks.lessons.lesson import Lesson, contestant

LESSON = Lesson(
    question="Do random and unchanged tokens among the masked ones help?",
    published="80/10/10 has 84.2 on MNLI and 95.4 on CoNLL's entities, 100/0/0 has 84.3 and 94.9: fine-tuning hardly "
    "notices. Frozen features do: 94.9 against 94.0.",
    source="Devlin et al. 2018, table 8",
    contestants=(
        contestant("80/10/10", "--mask-shares 80,10,10"),
        contestant("[MASK] alone", "--mask-shares 100,0,0"),
        contestant("a random token alone", "--mask-shares 0,100,0"),
    ),
    fair="The held-out examples are masked 80/10/10, as the first one's training was.",
    task=True,
)
