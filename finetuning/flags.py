"""The flags of ``train_finetune.py``. Some groups of them have a file of their own."""

import argparse

from bert.heads.pooling import VECTOR_POOLS
from bert.tasks.kinds import KINDS
from bert.tasks.options import BAD_ROWS, LONG_TEXTS, MASKED_LM_WEIGHT, SUMMARY_SENTENCES
from bert.training import flags
from bert.training.flags import add_number, add_switch
from finetuning.adaptation_flags import add_adaptation_arguments
from finetuning.best import bound_of_epoch
from finetuning.continuing_flags import add_continuing_arguments
from finetuning.generation_flags import OneOrTwo, add_generation_arguments
from finetuning.known_tasks import KNOWN_TASKS
from finetuning.vector_flags import add_vector_arguments


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The flags of ``train_finetune.py``."""
    parser = flags.make_parser(description)

    task = parser.add_argument_group("the task")
    task.add_argument("--task", choices=tuple(KNOWN_TASKS), help="a known data set; its files are in --data")
    task.add_argument("--data", metavar="DIR", help="the known data set's directory")
    for part, what in (
        ("train", "labelled texts: .tsv .csv .jsonl, also .gz .xz .bz2; of generation perhaps two, line by line"),
        ("dev", "labelled texts that select the best epoch (a tenth of --train)"),
        ("test", "labelled texts that the report measures on besides"),
    ):
        task.add_argument(f"--{part}", nargs="+", action=OneOrTwo, metavar="FILE", help=what)
    task.add_argument("--text-column", metavar="NAME", help="a column's name, or its number from 1 (text)")
    task.add_argument("--text-pair-column", metavar="NAME", help="the second texts' column, for pairs")
    task.add_argument(
        "--label-column", nargs="+", action="extend", metavar="NAME",
        help="the labels' column (label); several with 0 or 1 in them: --problem multi-label",
    )  # fmt: skip
    task.add_argument("--bad-rows", choices=BAD_ROWS, help="what to do about rows that cannot be used (stop)")
    add_switch(task, "--header", "the first row names the columns (it does)")
    task.add_argument("--problem", choices=tuple(KINDS), help="what a label is (one name of several: single-label)")
    task.add_argument("--label-separator", metavar="CHARACTER", help="between an example's labels, multi-label (,)")
    task.add_argument("--word-column", metavar="N", help="for tagging: the words' column, by number; a key in JSON (1)")
    task.add_argument("--tag-column", metavar="N", help="the tags' column; -1: the last one (-1)")
    task.add_argument(
        "--class-weights", nargs="+", action="extend", metavar="W",
        help="'balanced', or LABEL=WEIGHT for each label (one that begins with '-': --class-weights=-1=2)",
    )  # fmt: skip
    task.add_argument("--patterns", metavar="FILE", help="for cloze: a TOML file of patterns and each label's words")
    add_switch(task, "--zero-shot", "for cloze: no training, the checkpoint is measured as it is")
    task.add_argument(
        "--unlabelled", metavar="FILE",
        help="for cloze: texts whose masked tokens are predicted besides; with --distil-from: the texts to learn from",
    )  # fmt: skip
    add_number(
        task, "--masked-lm-weight", flags.probability, f"of the unlabelled texts' part in the loss ({MASKED_LM_WEIGHT})"
    )
    task.add_argument(
        "--distil-from",
        nargs="+",
        action="extend",
        metavar="RUN",
        help="learn what these runs predict for the --unlabelled texts; RUN=WEIGHT weighs them (1)",
    )
    add_number(
        task,
        "--temperature",
        flags.above_zero,
        "by which teachers' and pupil's scores are divided (2), or cosines (0.05)",
    )
    task.add_argument(
        "--pool",
        choices=VECTOR_POOLS,
        help="what a classifier reads: the pooled [CLS], or the mean of all tokens (cls); a vector's parts: mean, cls, "
        "max (mean)",
    )
    add_switch(task, "--measure-test", "measure on the test set, if there is one; not while you still choose (yes)")
    task.add_argument("--metric", metavar="NAME", help="selects the best epoch (accuracy; the known task's own)")
    task.add_argument("--long-texts", choices=LONG_TEXTS, help="what to keep of texts over --max-length (head)")
    task.add_argument(
        "--null-threshold", type=flags.finite, metavar="X", help="how far 'no answer' must lead, for spans (0)"
    )
    add_number(task, "--summary-sentences", flags.positive, f"of a summary, at most ({SUMMARY_SENTENCES})")
    add_switch(task, "--text", "texts beside the predictions in predictions.tsv (they are)")
    add_number(task, "--workers", flags.workers, "processes that tokenize (1)")

    start = parser.add_argument_group("the start")
    start.add_argument("--checkpoint", metavar="DIR", help="a run, or a Hugging Face BERT directory (runs/pretrain)")
    start.add_argument(
        "--fresh", nargs="+", action="extend", choices=("head", "pooler"), help="parts that start untrained in any case"
    )
    add_switch(start, "--random-start", "untrained weights, with the checkpoint's sizes and vocabulary")
    add_switch(start, "--compare", "a random start besides, to see what pretraining is worth (the built-in task)")

    add_adaptation_arguments(parser)
    add_continuing_arguments(parser)
    add_generation_arguments(parser)
    add_vector_arguments(parser)

    training = flags.add_training_arguments(parser)
    add_number(
        training, "--seeds", flags.positive, "runs, from as many seeds; the report has mean and standard deviation (1)"
    )
    add_number(training, "--early-stopping", flags.positive, "stop after this many evaluations without a better one")
    training.add_argument(
        "--stop-if-worse", nargs="+", action="extend", type=bound_of_epoch, metavar="EPOCH=VALUE",
        help="stop after this epoch if the best value of the metric so far is worse than this one",
    )  # fmt: skip
    add_number(training, "--dropout", flags.probability, "of hidden states and attention weights (the checkpoint's)")
    add_number(training, "--reinitialize-layers", flags.whole, "top layers that start untrained (0)")
    add_number(training, "--layer-decay", flags.fraction, "a layer's learning rate, as a part of the next layer's (1)")
    return parser
