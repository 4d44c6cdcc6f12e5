"""How fast texts become vectors, ours beside transformers': same weights, same texts, same precision, in one run.

    python -m benchmarks.inference
    python -m benchmarks.inference --cases mini --json results.json

Each side starts from the texts: film reviews of the folder that the environment variable BERT_DATA names, cut to 256
tokens, and ends with the mean of each text's last states. Ours is ``bert.embed.embed``, as ``python -m bert embed``
calls it. Theirs is the tokenizer and model of transformers in batches of 32, once in the order of the texts, as its
documentation does it, and once sorted by length, as sentence-transformers does it; with the better of its attentions.
"""

import os
import statistics
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import matrix_product_rate, options, row, run_cases, take_turns
from benchmarks.operations import encoder_operations
from benchmarks.training_step import ATTENTIONS, their_model
from bert.config import BertConfig
from bert.embed import embed
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer
from data.corpora import read_documents

MAX_LENGTH, BATCH_SIZE = 256, 32
TEXTS = {"mini": 256, "base": 32}


def main(arguments: list[str] | None = None) -> None:
    given = options(__doc__).parse_args(arguments)
    torch.set_num_threads(given.threads)
    folder = os.environ.get("BERT_DATA")
    if folder is None:
        raise SystemExit("the environment variable BERT_DATA names no folder; the reviews in it are what is embedded")
    cases = {
        f"{size}, embedding reviews, up to {MAX_LENGTH} tokens": lambda case, size=size: _embedding(
            case, size, Path(folder), torch.device(given.device), given.seconds
        )
        for size in TEXTS
    }
    run_cases(cases, given)


def _embedding(case: str, size: str, folder: Path, device: torch.device, seconds: float) -> list[dict]:
    vocabulary = folder / "vocab" / "bert-base-uncased.txt"
    documents = read_documents([folder / "imdb" / "unsup.txt.xz"], document_per_line=True)
    texts = [" ".join(document) for document in islice(documents, TEXTS[size])]
    tokenizer = WordPieceTokenizer.from_file(vocabulary)
    torch.manual_seed(0)
    model = BertModel(getattr(BertConfig, size)()).to(device).eval()
    works: dict[str, Callable[[], np.ndarray]] = {
        "ours": lambda: np.stack(list(embed(model, tokenizer, ((text, None) for text in texts), MAX_LENGTH)))
    }
    for attention in ATTENTIONS:
        peer = their_model("BertModel", model, attention).to(device).eval()
        for order in ("as they come", "sorted"):
            works[f"{attention}, {order}"] = _their_embed(peer, vocabulary, texts, order == "sorted", device)
    results = {name: work() for name, work in works.items()}
    for name, vectors in results.items():
        np.testing.assert_allclose(vectors, results["ours"], atol=1e-4, err_msg=name)

    lengths = [min(len(ids) + 2, MAX_LENGTH) for ids in tokenizer.encode_batch(texts)]
    times = take_turns(works, device, seconds)
    medians = {name: statistics.median(each) for name, each in times.items()}
    rows, rate = [], matrix_product_rate(device, torch.float32)
    for order in ("as they come", "sorted"):
        best = min((name for name in works if name.endswith(order)), key=medians.__getitem__)
        rows.append(row(
            f"{case}; theirs {best}", "fp32", "real tokens/s", times["ours"], times[best], sum(lengths),
            medians=medians, mfu=encoder_operations(model.config, lengths) / medians["ours"] / rate,
        ))  # fmt: skip
    return rows


def _their_embed(
    model: torch.nn.Module, vocabulary: Path, texts: list[str], is_sorted: bool, device: torch.device
) -> Callable[[], np.ndarray]:
    import transformers  # only here: it takes seconds

    tokenizer = transformers.BertTokenizer(str(vocabulary))

    @torch.inference_mode()
    def work() -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda place: len(texts[place])) if is_sorted else range(len(texts))
        vectors = torch.zeros(len(texts), model.config.hidden_size)
        for first in range(0, len(texts), BATCH_SIZE):
            places = list(order[first : first + BATCH_SIZE])
            batch = tokenizer(
                [texts[place] for place in places], padding=True, truncation=True, max_length=MAX_LENGTH,
                return_tensors="pt",
            ).to(device)  # fmt: skip
            states, mask = model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
            vectors[places] = ((states * mask).sum(1) / mask.sum(1)).cpu()
        return vectors.numpy()

    return work


if __name__ == "__main__":
    main()
