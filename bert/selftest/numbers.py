"""The numbers between the layers of a model, by name, and how two models' numbers are compared.

    input_ids, token_type_ids, attention_mask    (batch, seq)                  the inputs
    hidden_states.0                              (batch, seq, hidden_size)     the embeddings
    attention_output.1                           (batch, seq, hidden_size)     layer 1: attention, before the sum
    hidden_states.1                              (batch, seq, hidden_size)     layer 1: output; and so on
    pooler_output                                (batch, hidden_size)
    prediction_logits                            (batch, seq, vocab_size)      of the masked language model
    next_sentence_logits                         (batch, 2)

What stands at padding does not count.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert.selftest.rows import SINGLE, Row, as_array, check, largest_error, not_tried
from bert.selftest.subject import Subject

MODEL, HEAD = "bert/model/bert.py", "bert/heads/pretraining.py"
ONE_OF_TWO = "only one of the two has it"


@dataclass(frozen=True)
class Known:
    """Numbers to compare with: a whole array, or a corner of one."""

    values: np.ndarray
    at: tuple[int, ...]  # the index of the first number in the whole array

    @classmethod
    def whole(cls, values: np.ndarray) -> "Known":
        """A whole array."""
        return cls(values, (0,) * values.ndim)

    def part_of(self, whole: np.ndarray) -> np.ndarray:
        """The same part of another array. It is smaller if that array ends before."""
        return whole[tuple(slice(first, first + size) for first, size in zip(self.at, self.values.shape))]


Numbers = dict[str, Known]


@torch.no_grad()
def numbers_of(subject: Subject) -> Numbers:
    """All numbers of a model for its inputs. Parts that are newly initialized are left out."""
    return {name: Known.whole(values) for name, _, _, values in computed(subject, {})}


@torch.no_grad()
def compared_rows(subject: Subject, known: Numbers) -> Iterator[Row]:
    """A row for each name in ``known``: each layer gets the known states of the layer below, if these are whole.

    So an error of one layer does not reach the next. The last row is of the whole model, from the ids on.
    """
    inputs, last = subject.inputs, f"hidden_states.{subject.sizes.num_hidden_layers}"
    is_token = inputs.attention_mask > 0

    def error(name: str, values: np.ndarray) -> float:
        found, expected = known[name].part_of(values), known[name].values
        if found.shape == expected.shape and values.ndim == 3:
            counts = known[name].part_of(np.broadcast_to(is_token.reshape(*is_token.shape, 1), values.shape))
            found, expected = np.where(counts, found, 0), np.where(counts, expected, 0)
        return largest_error(found, expected)

    left = dict.fromkeys(known)
    for name, title, file, values in computed(subject, known):
        left.pop(name, None)
        if name in known:
            yield check(title, file, SINGLE, lambda name=name, values=values: error(name, values))
        elif name == "pooler_output" or name.endswith("logits"):
            yield not_tried(title, file, ONE_OF_TWO)
    yield from (not_tried(name, MODEL if name == "pooler_output" else HEAD, ONE_OF_TWO) for name in left)
    if last in known:
        *_, whole = (values for name, _, _, values in computed(subject, {}) if name == last)
        yield check("all layers together", "bert/model/encoder.py", SINGLE, lambda: error(last, whole))


@torch.no_grad()
def computed(subject: Subject, known: Numbers) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """(name, the row's title, its file, padded numbers) of every number, from the bottom to the top."""
    inputs, model, device = subject.inputs, subject.model, subject.device
    ids, types, sequences = inputs.tensors(device)
    encoder: Any = model.bert.encoder
    own = model.bert.embeddings(ids, types, sequences.positions(ids))

    def below(name: str, states: Tensor) -> Tensor:
        """The states that the next layer gets."""
        if name not in known or known[name].values.shape != inputs.padded(as_array(states)).shape:
            return states
        return torch.from_numpy(inputs.unpadded(known[name].values)).to(device, torch.float32)

    yield "hidden_states.0", "embeddings", "bert/model/embeddings.py", inputs.padded(as_array(own))
    states = below("hidden_states.0", own)
    for number, layer in enumerate(encoder.layers, start=1):
        attended: list[Tensor] = []
        keep: Callable = lambda module, arguments, output: attended.append(output[0])  # noqa: B023, E731
        hook = layer.attention.register_forward_hook(keep)
        own, _ = layer(states, states, sequences, sequences)
        hook.remove()
        name = f"hidden_states.{number}"
        yield (
            f"attention_output.{number}", f"layer {number}: attention", "bert/model/attention.py",
            inputs.padded(as_array(attended[0])),
        )  # fmt: skip
        yield name, f"layer {number}: output", "bert/model/encoder.py", inputs.padded(as_array(own))
        states = below(name, own)
    pooled: Any = model.bert.pooler
    pooled = pooled(states.index_select(0, sequences.first))
    if "bert.pooler" not in subject.new_parts:
        yield "pooler_output", "pooler", MODEL, as_array(pooled)
    if "masked_language_model" not in subject.new_parts:
        scores: Any = model.masked_language_model(states, model.word_embeddings)
        yield "prediction_logits", "masked language model's head", HEAD, inputs.padded(as_array(scores))
    if "next_sentence" not in subject.new_parts:
        if "pooler_output" in known and known["pooler_output"].values.shape == pooled.shape:
            pooled = torch.from_numpy(known["pooler_output"].values).to(device, torch.float32)
        yield "next_sentence_logits", "next sentence's head", HEAD, as_array(model.next_sentence(pooled))
