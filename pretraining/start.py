"""The model that a pretraining run begins with: initial weights, or those of ``--checkpoint``.

    sizes              by --size; or the checkpoint's; or, of a resumed run, its training state's
    weights            initial ones; or the checkpoint's, with missing heads begun newly (--fresh)
    new pieces         a vector each, from the vectors of the pieces that they were cut into (new_vectors.py)

A run needs its checkpoint until it has saved a training state. From then on it stands alone, and the checkpoint may be
changed or removed. If it is resumed before that, it begins anew, from the checkpoint as it is then.
"""

import os
from pathlib import Path

from bert.checkpoints.directory import load_checkpoint, load_config, parts_of_checkpoint
from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining, MaskedLanguageModelHead, NextSentenceHead
from bert.model.bert import Pooler, initialize_weights
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.state_reading import newest_state
from bert.variants.build import as_variant
from pretraining.new_vectors import with_new_vectors
from pretraining.recipes import config_of_size
from pretraining.settings import PretrainingSettings, check_positions
from pretraining.sinusoids import start_positions_as_sinusoids

# What --fresh may name: the part of the model, its class, and its name for the user.
PARTS = {
    "mlm": ("masked_language_model", MaskedLanguageModelHead, "masked-language-model head"),
    "nsp": ("next_sentence", NextSentenceHead, "next-sentence head"),
    "pooler": ("bert.pooler", Pooler, "pooler"),
}


def find_config(settings: PretrainingSettings, run: Path) -> BertConfig:
    """The sizes and the dropout of the run's model. The vocabulary may grow later.

    Raises:
        InputError: if the checkpoint lacks a part, or the flags do not go with it.
    """
    if settings.checkpoint is None:
        return _config_of_size(settings)
    if needs_checkpoint(settings, run):
        if settings.resume and not os.path.isdir(settings.checkpoint):
            raise InputError(
                f"{settings.checkpoint}: no such directory, and {run} has saved nothing yet, so it would begin anew "
                f"from there; put the checkpoint back, or begin another run"
            )
        config = _config_of_checkpoint(settings, settings.checkpoint)
        _check_parts(settings, settings.checkpoint)
    else:
        config = _config_of_state(run)
    check_positions(settings, config.max_position_embeddings, settings.checkpoint)
    if settings.nsp and config.type_vocab_size < 2:
        raise InputError(
            f"{settings.checkpoint}: has embeddings for one kind of segment (type_vocab_size 1), and next-sentence "
            f"prediction reads two: train without it, --no-nsp"
        )
    return config


def needs_checkpoint(settings: PretrainingSettings, run: Path) -> bool:
    """Whether the run begins with its ``--checkpoint``: it has saved no training state yet."""
    return settings.checkpoint is not None and not (settings.resume and any(run.glob("training_state/step-*")))


def make_model(settings: PretrainingSettings, config: BertConfig) -> BertForPreTraining:
    """A model with initial weights."""
    model = as_variant(BertForPreTraining(config))
    if settings.sinusoidal_start:
        start_positions_as_sinusoids(model.bert.embeddings, settings.initializer_range)
    return _as_trained(model, settings)


def start_model(
    settings: PretrainingSettings, config: BertConfig, tokenizer: Tokenizer, run: Path
) -> BertForPreTraining:
    """The model that the run begins with, in its first session or in a resumed one.

    Args:
        config: from ``find_config``.
        tokenizer: the run's, with the pieces that were added.
        run: its directory. If there is a training state, ``Run.resume`` replaces all weights later.
    """
    if settings.checkpoint is None or not needs_checkpoint(settings, run):
        return make_model(settings, config.replace(vocab_size=vocab_size_of(settings, config, tokenizer.vocab_size)))
    fresh = [PARTS[name] for name in settings.fresh or ()]
    unread = [] if settings.nsp else ["next_sentence", "bert.pooler"]
    names = [part for part, _, _ in fresh] + unread
    model = load_checkpoint(settings.checkpoint, BertForPreTraining, names, config)
    if "mlm" in (settings.fresh or ()):  # a new head is tied, as in the paper
        config = model.config = config.replace(tie_word_embeddings=True)
    for part, part_class, _ in fresh:  # in any case, even if the checkpoint has it
        model.set_submodule(part, part_class(config))
        initialize_weights(model.get_submodule(part), config)
    old = load_tokenizer(settings.checkpoint)
    if isinstance(old, WordPieceTokenizer) and tokenizer.vocab_size > old.vocab_size:
        model = with_new_vectors(model, old, tokenizer.vocabulary[old.vocab_size :])
    return _as_trained(model, settings)


def vocab_size_of(settings: PretrainingSettings, config: BertConfig, pieces: int) -> int:
    """Rows of the word embeddings for a vocabulary. A checkpoint may have more than pieces, and keeps them."""
    return pieces if settings.checkpoint is None else max(config.vocab_size, pieces)


def _as_trained(model: BertForPreTraining, settings: PretrainingSettings) -> BertForPreTraining:
    """What the objective changes. It is no part of the model's configuration, since a resumed run may change it."""
    if settings.predicts_next:
        as_variant(model, besides="left-to-right")
    if not settings.nsp and model.bert.pooler is not None:  # nothing trains these two then
        model.bert.pooler.requires_grad_(False)
        model.next_sentence.requires_grad_(False)
    return model


def _config_of_size(settings: PretrainingSettings) -> BertConfig:
    return config_of_size(
        str(settings.size),
        vocab_size=settings.vocab_size,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout if settings.preset == "faithful" else 0.0,
        initializer_range=settings.initializer_range,
        variant=settings.variant,
    )


def _config_of_checkpoint(settings: PretrainingSettings, checkpoint: str) -> BertConfig:
    """The checkpoint's, with its own dropout unless the flags say otherwise."""
    config = load_config(checkpoint)
    check_vocabulary_fits(load_tokenizer(checkpoint), config, checkpoint)
    if settings.dropout is not None:
        config = config.replace(hidden_dropout_prob=settings.dropout, attention_probs_dropout_prob=settings.dropout)
    return config if settings.preset == "faithful" else config.replace(attention_probs_dropout_prob=0.0)


def _config_of_state(run: Path) -> BertConfig:
    """Of the newest training state: a run may be killed between its first state and its first config.json."""
    path, metadata, _ = newest_state(run / "training_state")
    config = metadata.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{path}: says nothing of the model's sizes; put back a copy of it, or begin another run")
    return BertConfig.from_dict(config, str(path))


def _check_parts(settings: PretrainingSettings, checkpoint: str) -> None:
    """Raises an InputError if the checkpoint lacks a part that is trained, and that ``--fresh`` does not name."""
    found = parts_of_checkpoint(checkpoint)
    trained = ("mlm", "nsp", "pooler") if settings.nsp else ("mlm",)
    lacking = [name for name in trained if PARTS[name][0] not in found and name not in (settings.fresh or ())]
    if lacking:
        without = " (or train without next-sentence prediction, --no-nsp)" if lacking != ["mlm"] else ""
        flags = " ".join([*(settings.fresh or ()), *lacking])
        raise InputError(
            f"{checkpoint}: has no {' and no '.join(PARTS[name][2] for name in lacking)}, as a checkpoint of "
            f"pretraining has; to begin with new ones: --fresh {flags}{without}"
        )
