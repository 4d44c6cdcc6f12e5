"""A context beside each of its choices: ``[CLS] context [SEP] choice [SEP]``, as many inputs as there are choices."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bert.errors import InputError
from bert.tokenization.long_texts import ModelInput, fit_texts, pad_inputs


class ChoiceInputs(NamedTuple):
    """inputs: one for each choice; is_cut: whether one of them did not fit as it was."""

    inputs: list[ModelInput]
    is_cut: bool


def choice_inputs(
    tokenizer, context: str, choices: Sequence[str], max_length: int, long_texts: str = "head"
) -> ChoiceInputs:
    """The inputs of a context and its choices; where they are too long, the longer of the two is cut first.

    Args:
        long_texts: what is kept, see ``fit_texts``; no "windows".

    Raises:
        InputError: where windows are asked for, or not even the special tokens fit.
    """
    if long_texts == "windows":
        raise InputError("--long-texts windows: a context and its choice are one input; use head, tail or head+tail")
    fitted = fit_texts(tokenizer, [context] * len(choices), choices, max_length, long_texts)
    return ChoiceInputs([only for (only,) in fitted.inputs], fitted.too_long > 0)


def pad_choices(examples: Sequence[Sequence[ModelInput]], pad_token_id: int) -> dict[str, np.ndarray]:
    """The inputs of several contexts as the arrays that the model takes.

    Returns:
        input_ids, token_type_ids, attention_mask: (batch, choices, seq) int64; a context with fewer choices than others
        is filled up with sequences of padding alone.
    """
    most = max(map(len, examples))
    nothing = ModelInput(np.array([], np.int32), 0)
    rows = [row for inputs in examples for row in (*inputs, *[nothing] * (most - len(inputs)))]
    return {name: values.reshape(len(examples), most, -1) for name, values in pad_inputs(rows, pad_token_id).items()}
