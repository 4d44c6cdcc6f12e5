"""Our tokenizers beside the libraries': speed, memory, and how many texts have different ids.

    BERT_DATA=path/to/the/data python -m benchmarks.tokenization                # everything, about ten minutes
    BERT_DATA=path/to/the/data python -m benchmarks.tokenization --only speed   # or ids, or trainer

Needs requirements-dev.txt, and the text folder in the environment variable BERT_DATA. Speed is measured on the 16.5 MB
of positive IMDb training reviews: lists of strings in, lists of ids out. Cold is the first time in a new process, warm
the second, each the best of three processes. (Our workers live for one call. So with two processes, the second time is
nearly as cold as the first.) Memory is the peak of the whole process: interpreter, texts, ids and workers.
"""

import argparse
import json
import lzma
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.trials import in_a_process_of_its_own
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece

Encode = Callable[[list[str]], list[list[int]]]

MODEL_TYPES = ("unigram", "bpe")
TEXT_COLUMNS = {  # of the GLUE files
    "SST-2": (0,),
    "MRPC": (3, 4),
    "STS-B": (7, 8),
    "RTE": (1, 2),
    "CoLA": (3,),
}


# ---- the texts --------------------------------------------------------------------------------------------


def reviews(data: Path, labels: str = "01") -> Iterator[str]:
    """The IMDb training reviews with these labels."""
    with lzma.open(data / "imdb" / "train.tsv.xz", "rt", encoding="utf-8", newline="\n") as file:
        next(file)  # the header
        for line in file:
            label, text = line.rstrip("\n").split("\t", 1)
            if label in labels:
                yield text


def corpora(data: Path) -> dict[str, list[str]]:
    """The texts of every data set, by its name: the sentences, paragraphs or reviews of its lines."""

    def lines(*parts: str) -> list[str]:
        return [line for line in (data.joinpath(*parts)).read_text(encoding="utf-8").split("\n") if line]

    texts = {"imdb/train": list(reviews(data))}
    with lzma.open(data / "imdb" / "unsup.txt.xz", "rt", encoding="utf-8", newline="\n") as file:
        texts["imdb/unsup"] = file.read().removesuffix("\n").split("\n")
    for name, columns in TEXT_COLUMNS.items():
        rows = [line.split("\t") for path in ("train.tsv", "dev.tsv") for line in lines("glue", name, path)]
        texts[f"glue/{name}"] = [row[column] for row in rows for column in columns if column < len(row)]
    texts["conll2003"] = lines("conll2003", "train.txt") + lines("conll2003", "valid.txt")
    texts["semeval2010-task8"] = lines("semeval2010-task8", "train.txt")
    for language in ("en", "zh"):
        articles = json.loads((data / "xquad" / f"{language}.train.json").read_text(encoding="utf-8"))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        texts[f"xquad/{language}"] = [paragraph["context"] for paragraph in paragraphs]
        texts[f"xquad/{language}"] += [question["question"] for each in paragraphs for question in each["qas"]]
    for language in ("en", "de"):
        texts[f"multi30k/{language}"] = lines("multi30k", f"train.{language}") + lines("multi30k", f"val.{language}")
    texts["wikitext-2"] = lines("wikitext-2", "valid.txt")
    return texts


# ---- the tokenizers: each function makes a function that encodes a batch ----------------------------------


def our_wordpiece(vocabulary: Path, processes: int, lowercase: bool = True) -> Encode:
    tokenizer = WordPieceTokenizer.from_file(vocabulary, lowercase=lowercase)
    return lambda texts: tokenizer.encode_batch(texts, processes=processes)


def rust_wordpiece(vocabulary: Path, processes: int, lowercase: bool = True) -> Encode:
    os.environ["RAYON_NUM_THREADS"] = str(processes)  # read when the library starts its threads
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=lowercase)
    return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


def transformers_wordpiece(vocabulary: Path, processes: int) -> Encode:
    os.environ["RAYON_NUM_THREADS"] = str(processes)
    import transformers

    transformers.logging.set_verbosity_error()  # it warns of texts over 512 pieces
    tokenizer = transformers.BertTokenizer(str(vocabulary))
    return lambda texts: tokenizer(texts, add_special_tokens=False)["input_ids"]


def our_sentencepiece(model: Path, processes: int) -> Encode:
    tokenizer = SentencePieceTokenizer.from_file(model)
    return lambda texts: tokenizer.encode_batch(texts, processes=processes)


def their_sentencepiece(model: Path, processes: int) -> Encode:
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(model))
    return lambda texts: processor.encode(texts, num_threads=processes)


# ---- measuring --------------------------------------------------------------------------------------------


def measure(make: Callable[[Path, int], Encode], model: Path, processes: int, data: Path) -> tuple[float, float, float]:
    """Encoding the positive reviews: MB/s cold and warm, and peak memory in MB."""
    texts = list(reviews(data, labels="1"))
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    encode = make(model, processes)
    speeds = []
    for _ in range(2):
        start = time.perf_counter()
        ids = encode(texts)
        speeds.append(megabytes / (time.perf_counter() - start))
        assert len(ids) == len(texts)
        del ids
    return (*speeds, peak_memory(workers=processes))


def peak_memory(workers: int = 0) -> float:
    """The peak memory of this process in MB. For each worker, it adds the peak of the largest."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    largest_worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit + workers * largest_worker


# ---- the three tables -------------------------------------------------------------------------------------


def speed_table(data: Path, vocabulary: Path, models: dict[str, Path]) -> None:
    rows: list[tuple[str, Callable, Path, tuple[int, ...]]] = [
        ("WordPiece, ours", our_wordpiece, vocabulary, (1, 2)),
        ("WordPiece, tokenizers", rust_wordpiece, vocabulary, (1, 2)),
        ("WordPiece, transformers' call", transformers_wordpiece, vocabulary, (1, 2)),
    ]
    for model_type, model in models.items():
        rows.append((f"SentencePiece {model_type}, ours", our_sentencepiece, model, (1, 2)))
        rows.append((f"SentencePiece {model_type}, sentencepiece", their_sentencepiece, model, (1, 2)))
    print(f"{'MB/s':44}{'processes':>10}{'cold':>8}{'warm':>8}{'peak MB':>9}")
    for name, make, model, numbers in rows:
        for processes in numbers:
            runs = [in_a_process_of_its_own(measure, make, model, processes, data) for _ in range(3)]
            cold, warm, memory = map(max, zip(*runs))
            print(f"{name:44}{processes:10}{cold:8.1f}{warm:8.1f}{memory:9.0f}", flush=True)


def ids_table(data: Path, vocabulary: Path, models: dict[str, Path]) -> None:
    pairs: dict[str, tuple[Encode, Encode]] = {
        "uncased": (our_wordpiece(vocabulary, 1), rust_wordpiece(vocabulary, 2)),
        "cased": (our_wordpiece(vocabulary, 1, lowercase=False), rust_wordpiece(vocabulary, 2, lowercase=False)),
    }
    for model_type, model in models.items():
        pairs[model_type] = (our_sentencepiece(model, 1), their_sentencepiece(model, 2))
    print(f"{'texts whose ids differ':24}{'texts':>10}" + "".join(f"{name:>12}" for name in pairs))
    for name, texts in corpora(data).items():
        different = []
        for ours, theirs in pairs.values():
            different.append(sum(our_ids != their_ids for our_ids, their_ids in zip(ours(texts), theirs(texts))))
        print(f"{name:24}{len(texts):10,}" + "".join(f"{number:12}" for number in different), flush=True)


def train_ours(data: Path, size: int) -> tuple[list[str], float, float]:
    """A vocabulary learned from the reviews, the seconds that it took, and peak memory."""
    start = time.perf_counter()
    vocabulary = train_wordpiece(reviews(data), size)
    return vocabulary, time.perf_counter() - start, peak_memory()


def train_rust(data: Path, size: int) -> tuple[list[str], float, float]:
    """The same by the Rust library, on one thread."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    from tokenizers import BertWordPieceTokenizer

    start = time.perf_counter()
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(reviews(data), vocab_size=size, min_frequency=2, show_progress=False)
    seconds = time.perf_counter() - start
    vocabulary = [tokenizer.id_to_token(token_id) for token_id in range(tokenizer.get_vocab_size())]
    return vocabulary, seconds, peak_memory()


def pieces_per_character(data: Path, vocabulary: list[str]) -> float:
    """How well the vocabulary compresses 5,000 unlabelled reviews, from which it was not learned."""
    texts = corpora(data)["imdb/unsup"][:5000]
    return sum(map(len, WordPieceTokenizer(vocabulary).encode_batch(texts))) / sum(map(len, texts))


def trainer_table(data: Path) -> None:
    # Each in a process of its own; a new process starts from its parent's peak memory.
    print(f"{'learned from 32 MB of reviews':32}{'size':>8}{'seconds':>9}{'peak MB':>9}{'pieces/character':>18}")
    for size in (8000, 30522):
        for name, train in (("ours", train_ours), ("tokenizers", train_rust)):
            vocabulary, seconds, memory = in_a_process_of_its_own(train, data, size)
            compression = in_a_process_of_its_own(pieces_per_character, data, vocabulary)
            print(f"{name:32}{len(vocabulary):8}{seconds:9.1f}{memory:9.0f}{compression:18.5f}", flush=True)


def write_models(data: Path, directory: str) -> None:
    """SentencePiece models of 8,000 pieces, from English reviews, German captions and Chinese paragraphs."""
    texts = corpora(data)
    mixture = [*texts["imdb/train"][:4000], *texts["multi30k/de"], *texts["xquad/zh"]]
    for model_type in MODEL_TYPES:
        content = train_sentencepiece(iter(mixture), 8000, model_type=model_type)
        Path(directory, f"{model_type}.model").write_bytes(content)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=["speed", "ids", "trainer"], help="one table instead of all three")
    options = parser.parse_args(arguments)
    if "BERT_DATA" not in os.environ:
        parser.error("the environment variable BERT_DATA is not set; it names the folder with the real text")
    data = Path(os.environ["BERT_DATA"])
    vocabulary = data / "vocab" / "bert-base-uncased.txt"
    with tempfile.TemporaryDirectory() as directory:
        models = {model_type: Path(directory, f"{model_type}.model") for model_type in MODEL_TYPES}
        if options.only != "trainer":
            in_a_process_of_its_own(write_models, data, directory)
        if options.only in (None, "speed"):
            speed_table(data, vocabulary, models)
            print()
        if options.only in (None, "ids"):
            in_a_process_of_its_own(ids_table, data, vocabulary, models)
            print()
    if options.only in (None, "trainer"):
        trainer_table(data)


if __name__ == "__main__":
    main()
