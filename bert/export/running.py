"""A model whose forward pass is an exported file's. So predictions are made of it in the ordinary way.

Our own models take sequences end to end, an exported file a padded batch:

    batch of tokens -> padded -> the file -> unpadded -> what the head would have given
"""

import copy
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from bert.export.forms import INPUTS, STATES, TOKENS, Form, form_of
from bert.export.program import Runner
from bert.generation.model import BertForConditionalGeneration
from bert.model.sequences import Sequences


def run_by(head: nn.Module, runners: Mapping[str, Runner]) -> Any:
    """A model that shares all with ``head`` but its forward pass, which the files' runners compute.

    Args:
        runners: by the names of the parts (``bert.export.parts``).
    """
    running: Any = copy.copy(head)
    if isinstance(head, BertForConditionalGeneration):
        running.forward = lambda **inputs: _run_pair(runners, **inputs)
    else:
        form = form_of(head)
        running.forward = lambda *inputs, **named: _run(runners["model"], form, *inputs, **named)
    return running


def _run(
    run: Runner, form: Form, input_ids: Tensor, token_type_ids: Tensor, sequences: Sequences,
    selected: Tensor | None = None, choices: Sequences | None = None,
) -> SimpleNamespace:  # fmt: skip
    """The outputs for sequences end to end, as the head has them."""
    padding = sequences.padding
    values = (input_ids, token_type_ids, torch.ones_like(input_ids))
    inputs = {name: padding.pad(value) for name, value in zip(INPUTS, values)}
    if choices is not None:
        inputs = {name: choices.padding.pad(value) for name, value in inputs.items()}  # (batch, choices, seq)
    if "entity_positions" in form.inputs:
        assert selected is not None
        inputs["entity_positions"] = (padding.indices[selected] % padding.seq).unflatten(0, (-1, 2))
    outputs = run(inputs)
    for name, axes in form.axes_of.items():
        if axes[:2] == TOKENS:
            outputs[name] = padding.unpad(outputs[name])
            outputs[name] = outputs[name] if selected is None else outputs[name][selected]
    return SimpleNamespace(**outputs)


def _run_pair(
    runners: Mapping[str, Runner], input_ids: Tensor, token_type_ids: Tensor, sequences: Sequences,
    decoder_input_ids: Tensor, decoder_sequences: Sequences,
) -> SimpleNamespace:  # fmt: skip
    """The same of an encoder and a decoder."""
    source, target = sequences.padding, decoder_sequences.padding
    values = (input_ids, token_type_ids, torch.ones_like(input_ids))
    inputs = {name: source.pad(value) for name, value in zip(INPUTS, values)}
    memory = runners["encoder"](inputs)[STATES]
    inputs = {
        "decoder_input_ids": target.pad(decoder_input_ids), STATES: memory, "attention_mask": inputs["attention_mask"],
    }  # fmt: skip
    return SimpleNamespace(logits=target.unpad(runners["decoder"](inputs)["logits"]))
