"""The exercises: functions of this project that a student fills in, in the order of the data.

The solution of an exercise is the function as it stands in the source. Nothing is written twice: the copy for students
(``copying.py``) has the function without its body. The checks are in ``checks/``, in a file of the exercise's name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError

ROOT = Path(__file__).resolve().parents[2]  # of the project: the solutions, or a student's copy
MOST_BYTES = 1 << 20  # of a source file


class Exercise(NamedTuple):
    """A function to fill in."""

    name: str  # as --only takes it; also the name of the file of its checks
    title: str
    file: str  # below the project's folder
    function: str  # "function", or "Class.method"
    section: str  # of the paper
    hint: str

    @property
    def module(self) -> str:
        """The module that the file is."""
        return self.file.removesuffix(".py").replace("/", ".")


EXERCISES = (
    Exercise(
        "wordpiece", "WordPiece: the longest match first",
        "bert/tokenization/wordpiece.py", "WordPieceTokenizer.match_longest_first",
        "Devlin et al. 2018, section 3",
        "self._beginning_ids and self._continuation_ids map pieces to ids; shorten the rest of the word from its end "
        "until it is a piece",
    ),
    Exercise(
        "sentence_pairs", "pairs of sentences: B follows A, or is random",
        "data/pretraining/sentence_pairs.py", "make_pairs",
        "Devlin et al. 2018, section 3.1, task 2, and appendix A.2",
        "random_integers(low, high, *name, _Draw.A_SENTENCES, chunk) draws a number for each chunk; fill in the fields "
        "of np.zeros(len(chunk), EXAMPLE)",
    ),
    Exercise(
        "masking", "masking: 80 / 10 / 10",
        "data/pretraining/masking.py", "replace_selected",
        "Devlin et al. 2018, section 3.1, task 1, and appendix A.1",
        "np.nonzero(selected) gives the rows and positions of the selected tokens; random_fractions and "
        "random_integers draw a number for each",
    ),
    Exercise(
        "embeddings", "the sum of three embeddings",
        "bert/model/embeddings.py", "Embeddings.forward",
        "Devlin et al. 2018, section 3 and figure 2",
        "look up three vectors for each token; what comes after their sum is in the docstring of the class",
    ),
    Exercise(
        "layer_norm", "LayerNorm",
        "bert/layer_norm.py", "layer_norm",
        "Ba et al. 2016, section 3",
        "mean(dim=-1, keepdim=True) keeps an axis of length 1, so that the mean can be subtracted",
    ),
    Exercise(
        "attention", "scaled dot-product attention",
        "bert/model/attention.py", "scaled_dot_product_attention",
        "Vaswani et al. 2017, section 3.2.1",
        "write the shape of the scores beside them; a masked score is -inf before the softmax; dropout is for weights",
    ),
    Exercise(
        "heads", "splitting heads, and joining them",
        "bert/model/attention.py", "MultiHeadAttention.forward",
        "Vaswani et al. 2017, section 3.2.2",
        "project, split with rearrange, let attend do the equation for all heads, join, project again; "
        "self.dropout_probability is for training",
    ),
    Exercise(
        "gelu", "GELU",
        "bert/activations.py", "gelu",
        "Hendrycks & Gimpel 2016, section 2",
        "torch.erf is the error function",
    ),
    Exercise(
        "encoder_layer", "a layer: two sublayers, each with a residual sum and LayerNorm",
        "bert/model/encoder.py", "EncoderLayer.forward",
        "Vaswani et al. 2017, section 3.1",
        "the docstring of the class has the formula; self.dropout is for the output of each sublayer",
    ),
    Exercise(
        "loss", "the loss at labelled positions",
        "bert/heads/loss.py", "cross_entropy",
        "Devlin et al. 2018, section 3.1, task 1",
        "a loss is a sum and a count; tokens with IGNORE_INDEX are in neither; F.cross_entropy can do the sum",
    ),
    Exercise(
        "adamw", "AdamW's update",
        "bert/training/optimizer.py", "update",
        "Devlin et al. 2018, appendix A.2; Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019",
        "the docstring of BertAdamW has the equations; change the tensors in place (mul_, add_), group has lr, betas, "
        "eps and weight_decay",
    ),
    Exercise(
        "weight_decay", "which parameters decay",
        "bert/training/optimizer.py", "parameter_groups",
        "Devlin et al. 2018, appendix A.2",
        "module.named_parameters(recurse=False) has the parameters of one module alone; tensors are compared by id",
    ),
    Exercise(
        "schedule", "the learning rate: warm-up and decay",
        "bert/training/schedule.py", "linear_schedule",
        "Devlin et al. 2018, appendix A.2",
        "two straight lines; the first update has step 0, and its rate is not 0",
    ),
    Exercise(
        "checkpoint_names", "the names in a checkpoint",
        "bert/checkpoints/huggingface.py", "from_huggingface_name",
        "google-research/bert, modeling.py (the names are not in the paper)",
        "read the tables _LAYER_PARTS and _OTHER_PARTS from right to left, with _exchange; old files have gamma and "
        "beta, a bare BertModel has no prefix",
    ),
    Exercise(
        "entities", "from BIO tags to entities",
        "bert/tasks/tagging/schemes.py", "find_entities",
        "Devlin et al. 2018, section 5.3; Tjong Kim Sang & De Meulder 2003, section 2",
        "keep whether the entity before can go on; the end is the word after the last one",
    ),
    Exercise(
        "best_span", "the best span of an answer",
        "bert/tasks/spans/predict.py", "best_span",
        "Devlin et al. 2018, section 4.2",
        "the score of a span is the sum of two logits; offsets are -1 outside of the context",
    ),
)  # fmt: skip


def require_clone() -> None:
    """Raises an InputError in an installed package, which is ``bert`` alone."""
    for file in ["tests", *(exercise.file for exercise in EXERCISES)]:
        if not (ROOT / file).exists():
            raise InputError(f"{ROOT}: is an installed package, which lacks {file}; run this in a clone of the project")


def choose(names: Sequence[str] | None) -> list[Exercise]:
    """The exercises of these names, in the order of the table; None: all. Raises an InputError if one is unknown."""
    known = [exercise.name for exercise in EXERCISES]
    if names is None:
        return list(EXERCISES)
    for name in names:
        if name not in known:
            raise InputError(f"--only {name}: no exercise has this name; the exercises are {', '.join(known)}")
    return [exercise for exercise in EXERCISES if exercise.name in names]
