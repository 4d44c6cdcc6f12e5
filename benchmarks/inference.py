"""How fast texts become vectors, ours beside transformers: same weights, texts and precision, in one run.

    python -m benchmarks.inference
    python -m benchmarks.inference --cases mini --json results.json

The texts are film reviews in the folder that the environment variable BERT_DATA names, cut to 256 tokens. Each side
starts from the texts and ends with the mean of each text's last states. Ours is ``bert.commands.embed.embed``, as in
``python -m bert embed``. Theirs is the tokenizer and model of transformers in batches of 32, with the better of its
attentions. They run in the order of the texts, as in its documentation, and sorted by length, as in
sentence-transformers. Sorted, they also run with ``torch.compile``.
"""

import os
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import PRODUCT, MatrixProduct, Work, memory_row, options, run_cases, speed_row, take_turns
from benchmarks.operations import encoder_operations
from benchmarks.training_step import PEERS, TRANSFORMERS, their_model
from bert.commands.embed import embed
from bert.config import BertConfig
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer
from data.text.corpora import read_documents

MAX_LENGTH, BATCH_SIZE = 256, 32
TEXTS = {"mini": 256, "base": 48}
GPU_TIMES = 32  # as many texts on a GPU
ORDERS = ("as they come", "sorted")


def main(arguments: list[str] | None = None) -> None:
    given = options(__doc__).parse_args(arguments)
    torch.set_num_threads(given.threads)
    folder = os.environ.get("BERT_DATA")
    if folder is None:
        raise SystemExit("the environment variable BERT_DATA names no folder; this benchmark embeds the reviews in it")
    cases = {
        f"{size}, embedding reviews, up to {MAX_LENGTH} tokens": partial(
            _embedding, size=size, folder=Path(folder), device=torch.device(given.device), seconds=given.seconds
        )
        for size in TEXTS
    }
    run_cases(cases, given)


def _embedding(case: str, size: str, folder: Path, device: torch.device, seconds: float) -> list[dict]:
    vocabulary = folder / "vocab" / "bert-base-uncased.txt"
    documents = read_documents([folder / "imdb" / "unsup.txt.xz"], document_per_line=True)
    number = TEXTS[size] * (GPU_TIMES if device.type == "cuda" else 1)
    texts = [" ".join(document) for document in islice(documents, number)]
    makers: dict[str, Callable[[], Work]] = {"ours": partial(make_ours, size, vocabulary, texts, device)}
    makers |= {
        f"{peer}, {order}": partial(make_theirs, peer, order, size, vocabulary, texts, device)
        for peer in PEERS
        for order in ORDERS
        if (peer, order) != ("compiled", "as they come")
    }
    product = MatrixProduct(device, torch.float32)
    turns = take_turns(makers | {PRODUCT: product}, device, seconds, TRANSFORMERS)
    ours = turns["ours"]
    for name in makers:
        np.testing.assert_allclose(turns[name].result, ours.result, atol=1e-4, err_msg=name)

    tokenizer = WordPieceTokenizer.from_file(vocabulary)
    lengths = [min(len(ids) + 2, MAX_LENGTH) for ids in tokenizer.encode_batch(texts)]
    operations = encoder_operations(getattr(BertConfig, size)(), lengths)
    mfu = operations / ours.median / (product.operations / turns[PRODUCT].median)
    uncompiled = {order: [f"{peer}, {order}" for peer in PEERS if peer != "compiled"] for order in ORDERS}
    best = [min(names, key=lambda name: turns[name].median) for names in uncompiled.values()]
    rows = [
        speed_row(
            f"{case}; theirs {name}", "fp32", "real tokens/s", ours, turns[name], sum(lengths), mfu=mfu,
            medians={each: turn.median for each, turn in turns.items()},
        )
        for name in (*best, "compiled, sorted")
    ]  # fmt: skip
    theirs = min(turns[name].peak for names in uncompiled.values() for name in names)
    return [*rows, memory_row(case, "fp32", ours.peak, theirs)]


def new_model(size: str, device: torch.device) -> BertModel:
    torch.manual_seed(0)
    return BertModel(getattr(BertConfig, size)()).to(device).eval()


def make_ours(size: str, vocabulary: Path, texts: list[str], device: torch.device) -> Work:
    """Embeds the texts: (texts, hidden_size)."""
    model, tokenizer = new_model(size, device), WordPieceTokenizer.from_file(vocabulary)
    return lambda: np.stack(list(embed(model, tokenizer, ((text, None) for text in texts), MAX_LENGTH)))


def make_theirs(peer: str, order: str, size: str, vocabulary: Path, texts: list[str], device: torch.device) -> Work:
    """The same with transformers: one of PEERS, in one of ORDERS."""
    import transformers  # only here: it takes seconds

    model = their_model("BertModel", new_model(size, device), peer).eval()
    tokenizer = transformers.BertTokenizer(str(vocabulary))
    hidden_size = model.config.hidden_size

    @torch.inference_mode()
    def work() -> np.ndarray:
        indices = list(range(len(texts)))
        if order == "sorted":
            indices.sort(key=lambda index: len(texts[index]))
        vectors = torch.zeros(len(texts), hidden_size)
        for first in range(0, len(texts), BATCH_SIZE):
            chosen = indices[first : first + BATCH_SIZE]
            batch = tokenizer(
                [texts[index] for index in chosen], padding=True, truncation=True, max_length=MAX_LENGTH,
                return_tensors="pt",
            ).to(device)  # fmt: skip
            states, mask = model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
            vectors[chosen] = ((states * mask).sum(1) / mask.sum(1)).cpu()
        return vectors.numpy()

    return work


if __name__ == "__main__":
    main()
