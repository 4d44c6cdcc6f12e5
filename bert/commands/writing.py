"""How a generation run writes its outputs. Flags come first, then the training settings.

A run that does not say it writes with four beams: one of transformers, for example.
"""

import re
from pathlib import Path
from typing import Any

from bert.checkpoints.weights import required_file
from bert.errors import InputError
from bert.files.schema import ANYTHING, Rule, Schema, check, is_count
from bert.generation.config import EncoderDecoderConfig
from bert.generation.decoding import Decoding
from bert.generation.directory import target_tokenizer_of
from bert.tasks.options import Writing

REMEDY = "put back what fine-tuning wrote"
BEAMS = 4  # Rothe et al. 2020, section 3.2
TRUTH = Rule(lambda value: isinstance(value, bool), "true or false")
# What task.json may say of it.
WRITING: Schema = {
    "max_target_length": Rule(lambda value: is_count(value, 2**31) and value > 1, "a whole number from 2"),
    "decoding": Rule(lambda value: isinstance(value, dict), "an object with the settings of decoding"),
}
# The settings of decoding, with their flags.
FLAGS = {
    "max_length": "max_output", "min_length": "min_output", "no_repeat_ngram": "no_repeat_ngram", "beams": "beams",
    "length_penalty": "length_penalty", "sample": "sample", "temperature": "temperature", "top_p": "top_p",
    "seed": "seed",
}  # fmt: skip
OF_BEAMS = ("beams", "length_penalty")
OF_SAMPLING = ("sample", "temperature", "top_p", "seed")


def writing_of_run(directory: str | Path, saved: dict[str, Any], file: str, given: dict[str, Any]) -> Writing:
    """The target's tokenizer of a run, and how it writes.

    Args:
        saved: of its ``task.json``; it may be empty.
        file: the name of this file, for messages.
        given: values of flags; None, or no entry: it was not given.

    Raises:
        InputError: if the vocabulary and the model do not belong together, two settings contradict each other, or the
            model cannot write such outputs.
    """
    config = EncoderDecoderConfig.from_json_file(required_file(Path(directory), "config.json"))
    tokenizer = target_tokenizer_of(directory, config)
    positions = config.decoder.max_position_embeddings
    usual = {"max_length": min(Decoding.max_length, positions - 1), "beams": BEAMS}
    settings = {name: value for name, value in saved.get("decoding", usual).items() if name in FLAGS}
    check(settings, {"sample": TRUTH}, f"{file}: decoding", REMEDY, others=ANYTHING)
    try:
        decoding = Decoding(**settings)
        decoding.check_positions(positions)
    except InputError as error:
        raise InputError(f"{file}: decoding: {error}; {REMEDY}") from None
    decoding = with_flags(decoding, given, positions)
    return Writing(tokenizer, saved.get("max_target_length", positions), decoding)


def with_flags(decoding: Decoding, given: dict[str, Any], positions: int) -> Decoding:
    """The settings, with those that flags give instead.

    A flag that asks for sampling puts the other settings' beams aside. ``--beams`` puts their sampling aside.
    ``--max-output`` below their minimum lowers that, too.

    Args:
        positions: of the decoder.

    Raises:
        InputError: if two settings contradict each other, or the decoder cannot write such a length.
    """
    asked = {name: given[flag] for name, flag in FLAGS.items() if given.get(flag) is not None}
    put_aside: tuple[str, ...] = ()
    if "beams" in asked or asked.get("sample") is False:
        put_aside += OF_SAMPLING
    if asked.get("sample"):
        put_aside += OF_BEAMS
    if asked.get("beams") == 1:
        put_aside += ("length_penalty",)
    settings = vars(decoding) | {name: getattr(Decoding, name) for name in put_aside} | asked
    if "max_length" in asked and "min_length" not in asked:
        settings["min_length"] = min(settings["min_length"], settings["max_length"])
    try:
        decoding = Decoding(**settings)
        decoding.check_positions(positions)
    except InputError as error:
        raise InputError(in_flags(str(error))) from None
    return decoding


def in_flags(sentence: str) -> str:
    """A sentence about settings, with their flags instead.

    >>> in_flags("min_length is 5 and max_length 3; the minimum must not be larger")
    '--min-output is 5 and --max-output 3; the minimum must not be larger'
    """
    names = "|".join(name if "_" in name else rf"{name}(?= is\b)" for name in FLAGS)
    return re.sub(rf"\b(?:{names})\b", lambda match: f"--{FLAGS[match[0]].replace('_', '-')}", sentence)
