"""``bert attention``: a picture of who attends to whom in one input.

Each matrix is of one layer and head. A row is a token that attends, a column a token that is attended to. A row's
weights sum to 1, or to less beside a learned prefix. What such pictures can show and cannot: Clark et al. 2019, "What
Does BERT Look At?"; Jain and Wallace 2019, "Attention is not Explanation".
"""

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from bert.adaptation.loading import source_of
from bert.checkpoints.vocabulary import check_vocabulary_fits
from bert.commands.reading import check_segments
from bert.errors import InputError
from bert.files.terminal import printable
from bert.files.whole import atomic_file
from bert.model.bert import BertModel
from bert.tokenization.tokenizer import Tokenizer

MOST_LABELS = 100  # of more tokens, the names would be too small to read


@dataclass(frozen=True)
class AttentionWeights:
    """Attention in one input.

    Attributes:
        tokens: the input's pieces.
        weights: (layers, heads, seq, seq): what the token of a row takes from the token of a column.
    """

    tokens: list[str]
    weights: Tensor


def draw_attention(
    run: str, first: str, second: str | None, output: str, layer: int | None = None, head: int | None = None
) -> AttentionWeights:
    """Writes the picture of a text, or of a pair, as a PNG.

    Args:
        layer, head: counted from 1; None: all. With both, tokens stand beside the one large matrix.

    Returns what was drawn. Raises an InputError if the model has no such layer or head, or the text is too long.
    """
    if Path(output).suffix.lower() != ".png":
        raise InputError(f"{output}: the picture is a PNG; give it a name that ends in .png")
    source = source_of(run)
    check_segments(source, are_pairs=second is not None)
    model = source.load_encoder()
    tokenizer = source.tokenizer()
    check_vocabulary_fits(tokenizer, model.config, run)
    layers = _chosen("layer", layer, model.config.num_hidden_layers)
    heads = _chosen("head", head, model.config.num_attention_heads)
    whole = attention_weights(model, tokenizer, first, second)
    drawn = AttentionWeights(whole.tokens, whole.weights[layers][:, heads])
    with atomic_file(output) as file:
        _draw(drawn, [number + 1 for number in layers], [number + 1 for number in heads], file)
    return drawn


@torch.inference_mode()
def attention_weights(
    model: BertModel, tokenizer: Tokenizer, first: str, second: str | None = None
) -> AttentionWeights:
    """The weights of all layers and heads. Raises an InputError if the text is too long for the model."""
    encoding, longest = tokenizer(first, second), model.config.max_position_embeddings
    if len(encoding) > longest:
        raise InputError(f"the text is {len(encoding):,} tokens long, and this model reads {longest:,}; shorten it")
    model.eval()
    input_ids, token_type_ids = (torch.tensor([ids]) for ids in (encoding.input_ids, encoding.token_type_ids))
    attentions = model(input_ids, token_type_ids, return_attention=True).attentions
    return AttentionWeights(encoding.tokens, torch.stack([layer[0] for layer in attentions]))


def _chosen(name: str, number: int | None, count: int) -> list[int]:
    """The indices, from 0, of a number counted from 1; of all if none is given."""
    if number is not None and not 1 <= number <= count:
        raise InputError(f"--{name} is {number}, but the model's {name}s are 1 to {count}; give one of these")
    return list(range(count)) if number is None else [number - 1]


def _draw(drawn: AttentionWeights, layers: list[int], heads: list[int], file: IO[bytes]) -> None:
    """A matrix for each layer (a row of the picture) and head (a column), each shaded up to its largest weight."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("a picture needs the package matplotlib, which is missing; pip install matplotlib") from None
    names = [printable(token) for token in drawn.tokens]
    is_single = len(layers) == len(heads) == 1
    if is_single:
        side = 2.5 + 0.24 * min(len(names), MOST_LABELS)  # inches
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    else:
        figure = Figure(figsize=(1 + 1.1 * len(heads), 1 + 1.1 * len(layers)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            axes = figure.add_subplot(len(layers), len(heads), row * len(heads) + column + 1)
            image = axes.imshow(drawn.weights[row, column].numpy(), cmap="Blues", vmin=0, interpolation="nearest")
            if not is_single:
                axes.set(xticks=[], yticks=[])
                if row == 0:
                    axes.set_title(f"head {head}", fontsize=8)
                if column == 0:
                    axes.set_ylabel(f"layer {layer}", fontsize=8)
                continue
            if len(names) <= MOST_LABELS:  # a $ in a name would begin a formula
                axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
                axes.set_yticks(range(len(names)), names, parse_math=False)
            axes.set(title=f"layer {layer}, head {head}", xlabel="to", ylabel="from")
            figure.colorbar(image, label="weight", shrink=0.8)
    if not is_single:
        figure.suptitle(f"Attention of {len(names)} tokens: from (down) and to (across)", fontsize=10)
    figure.savefig(file, format="png", dpi=100)
