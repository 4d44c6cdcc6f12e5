"""The README of an export: how to run its files without this package, and what they take and give."""

from collections.abc import Mapping

from bert.export.forms import Form
from bert.tokenization.tokenizer import Tokenizer

TEXTS = ("Good.", "A longer example.")
# For each format: what a program imports, a tensor of numbers, how a file is opened and run.
_IMPORT = {"torch": "import torch", "onnx": "import numpy, onnxruntime"}
_TENSOR = {"torch": "torch.tensor({})", "onnx": "numpy.array({})"}
_RUN = {
    "torch": 'torch.export.load("{file}").module()(**{inputs})["{output}"]',
    "onnx": 'onnxruntime.InferenceSession("{file}").run(["{output}"], {inputs})[0]',
}


def readme_of(format: str, suffix: str, forms: Mapping[str, Form], tokenizer: Tokenizer) -> str:
    """The text, with a program that runs as it stands in the export's directory.

    Args:
        suffix: of the files.
        forms: of the parts, by the names of their files.
    """
    parts = [f"- `{name}{suffix}`: {_axes(form.inputs)} -> {_axes(form.axes_of)}" for name, form in forms.items()]
    return "\n".join([
        "# An exported BERT", "",
        "It takes padded batches of any size: `attention_mask` is 1 at tokens and 0 at padding. `tokenizer.json` or",
        "`vocab.txt` gives the ids, `labels.json` the names of the outputs, `check.json` how near the model is to the",
        "one that it was made of.", "",
        *parts, "", "```python", *_program(format, suffix, forms, tokenizer), "```", "",
    ])  # fmt: skip


def _axes(sizes: Mapping[str, tuple]) -> str:
    """Names with their axes."""
    return ", ".join(f"`{name}` ({', '.join(map(str, axes))})" for name, axes in sizes.items())


def _program(format: str, suffix: str, forms: Mapping[str, Form], tokenizer: Tokenizer) -> list[str]:
    rows = [tokenizer(text).input_ids for text in TEXTS]
    longest = max(map(len, rows))
    ids = [[*row, *[tokenizer.pad_token_id] * (longest - len(row))] for row in rows]
    mask = [[int(place < len(row)) for place in range(longest)] for row in rows]
    first = next(iter(forms.values()))
    values = [ids, [[0] * longest] * len(ids), mask]
    if "choices" in first.inputs["input_ids"]:
        values = [[value] for value in values]
    values += [[[0, 1]] * len(ids)] if "entity_positions" in first.inputs else []
    entries = [f'"{name}": {_TENSOR[format].format(value)}' for name, value in zip(first.inputs, values)]
    lines = [_IMPORT[format], f"inputs = {{{f',{chr(10)}          '.join(entries)}}}"]
    call = _RUN[format]
    if "decoder" not in forms:
        output = next(iter(first.axes_of))
        return [*lines, f"print({call.format(file='model' + suffix, inputs='inputs', output=output)})"]
    (states,) = first.axes_of
    begun = _TENSOR[format].format([[tokenizer.cls_token_id]] * len(ids))
    return [
        *lines,
        f"states = {call.format(file='encoder' + suffix, inputs='inputs', output=states)}",
        f'inputs = {{"decoder_input_ids": {begun}, "{states}": states, "attention_mask": inputs["attention_mask"]}}',
        f"print({call.format(file='decoder' + suffix, inputs='inputs', output='logits')})  # of the first piece",
    ]
