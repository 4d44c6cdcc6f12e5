"""Next-token prediction first, then the masked language model."""

from benchmarks.lessons.lesson import Lesson, Part, contestant

LESSON = Lesson(
    question="Is it good to learn next tokens first, and masked ones then?",
    published="Among 38 models of 210 million to 1 billion parameters, the best at the same compute learned next "
    "tokens first and masked ones then.",
    source="Gisserot-Boukhlef et al. 2025, arXiv 2507.00994",
    contestants=(
        contestant("masked all the time", "--no-nsp"),
        contestant(
            "next tokens for a quarter", Part(0.25, "--no-nsp --objective next-token"), Part(0.75, "--objective masked")
        ),
        contestant(
            "next tokens for a half", Part(0.5, "--no-nsp --objective next-token"), Part(0.5, "--objective masked")
        ),
    ),
    task=True,
)
