"""TensorFlow writes checkpoints, and reads them, for the tests. It needs tensorflow-cpu, in whatever environment.

    python tests/bert/checkpoints/google/tensorflow_writes.py write DIRECTORY     (the frozen files: frozen/)
    python tests/bert/checkpoints/google/tensorflow_writes.py read PREFIX FILE.npz PREFIX FILE.npz ...

``uncased/`` is a small BERT under the names of google-research/bert, of v1's Saver, with the optimizer's variables.
``formats/`` has what else such a checkpoint may hold: several data files, formats of numbers, partitioned variables.
``values.npz`` has what TensorFlow reads from both.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

SIZES = {
    "vocab_size": 29, "hidden_size": 10, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 14,
    "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 17, "type_vocab_size": 2, "initializer_range": 0.02,
}  # fmt: skip
VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] . , the a cat dog sat on mat ##s ##t".split()
VOCABULARY += [f"[unused{number}]" for number in range(SIZES["vocab_size"] - len(VOCABULARY))]


def shapes() -> dict[str, tuple[int, ...]]:
    """The variables of google-research/bert's BERT with its pretraining heads (modeling.py, run_pretraining.py)."""
    vocabulary, hidden, inner = SIZES["vocab_size"], SIZES["hidden_size"], SIZES["intermediate_size"]
    found = {
        "bert/embeddings/word_embeddings": (vocabulary, hidden),
        "bert/embeddings/token_type_embeddings": (SIZES["type_vocab_size"], hidden),
        "bert/embeddings/position_embeddings": (SIZES["max_position_embeddings"], hidden),
        "cls/predictions/output_bias": (vocabulary,),
        "cls/seq_relationship/output_weights": (2, hidden),
        "cls/seq_relationship/output_bias": (2,),
    }
    dense = {"bert/pooler/dense": (hidden, hidden), "cls/predictions/transform/dense": (hidden, hidden)}
    norms = ["bert/embeddings/LayerNorm", "cls/predictions/transform/LayerNorm"]
    for layer in (f"bert/encoder/layer_{number}" for number in range(SIZES["num_hidden_layers"])):
        dense |= {f"{layer}/attention/self/{name}": (hidden, hidden) for name in ("query", "key", "value")}
        dense |= {f"{layer}/attention/output/dense": (hidden, hidden), f"{layer}/output/dense": (inner, hidden)}
        dense |= {f"{layer}/intermediate/dense": (hidden, inner)}
        norms += [f"{layer}/attention/output/LayerNorm", f"{layer}/output/LayerNorm"]
    for name, shape in dense.items():
        found |= {f"{name}/kernel": shape, f"{name}/bias": shape[1:]}
    for name in norms:
        found |= {f"{name}/gamma": (hidden,), f"{name}/beta": (hidden,)}
    return found


def write_bert(directory: Path, seed: int) -> Path:
    """A pretraining checkpoint with bert_config.json and vocab.txt; its prefix."""
    import tensorflow as tf

    v1, random = tf.compat.v1, np.random.RandomState(seed)
    directory.mkdir(parents=True)
    (directory / "bert_config.json").write_text(json.dumps(SIZES, indent=2))
    (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in VOCABULARY))
    with v1.Graph().as_default(), v1.Session() as session:
        for name, shape in shapes().items():
            scale = 1.0 if name.endswith(("gamma", "beta")) else 0.4
            for slot in ("", "/adam_m", "/adam_v"):
                v1.get_variable(name + slot, initializer=np.float32(scale * random.standard_normal(shape)))
        v1.train.get_or_create_global_step()
        v1.get_variable("signal_early_stopping/STOP", initializer=False)
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(directory / "bert_model.ckpt"), write_meta_graph=False)
    (directory / "checkpoint").unlink()  # the published archives have none
    return directory / "bert_model.ckpt"


def write_formats(directory: Path, seed: int) -> Path:
    """A checkpoint in three data files with all formats and with partitioned variables; its prefix."""
    import tensorflow as tf

    random, prefix = np.random.RandomState(seed), directory / "model.ckpt-7"
    directory.mkdir(parents=True)
    formats = [tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int32, tf.int64, tf.int8, tf.uint8, tf.bool]
    shards: list[dict[str, tuple]] = [{}, {}, {}]  # name and slice: a tensor
    for number, dtype in enumerate(formats):
        shards[number % 3][f"formats/{dtype.name}", ""] = tf.cast(7 * random.random_sample((3, 5 + number)), dtype)
    shards[2]["scalar", ""] = tf.constant(2.5)
    shards[1]["texts", ""] = tf.constant(["one", "two"])
    rows, columns, both = (np.float32(random.standard_normal(shape)) for shape in ((130, 3), (2, 300), (4, 6)))
    for number, (start, length) in enumerate([(0, 63), (63, 66), (129, 1)]):
        shards[number]["rows", f"130 3 {start},{length}:0,3"] = tf.constant(rows[start : start + length])
    for number, (start, length) in enumerate([(0, 64), (64, 236)]):
        shards[number]["columns", f"2 300 -:{start},{length}"] = tf.constant(columns[:, start : start + length])
    for number, (row, column) in enumerate([(0, 0), (0, 3), (2, 0), (2, 3)]):
        part = both[row : row + 2, column : column + 3]
        shards[number % 3]["both", f"4 6 {row},2:{column},3"] = tf.constant(part)
    parts = [str(directory / f"part-{number}") for number in range(3)]
    for part, tensors in zip(parts, shards):
        names, slices = zip(*tensors)
        tf.raw_ops.SaveV2(prefix=part, tensor_names=names, shape_and_slices=slices, tensors=list(tensors.values()))
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(prefix), delete_old_dirs=False)
    return prefix


def read(prefix: Path) -> dict[str, np.ndarray]:
    """What TensorFlow reads: each variable but texts, bfloat16 as float32."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    values = {}
    for name, dtype in reader.get_variable_to_dtype_map().items():
        if dtype != tf.string:
            value = reader.get_tensor(name)
            values[name] = value.astype(np.float32) if dtype == tf.bfloat16 else value
    return values


def main() -> None:
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    command, path, *others = sys.argv[1:]
    if command == "read":
        for prefix, file in zip([path, *others[1::2]], others[::2]):
            np.savez(file, **read(Path(prefix)))
        return
    for name, write in (("uncased", write_bert), ("formats", write_formats)):
        values = read(write(Path(path) / name, seed=int(others[0]) if others else 0))
        kept = {name: value for name, value in values.items() if "adam" not in name}
        np.savez_compressed(Path(path) / name / "values.npz", **kept)


if __name__ == "__main__":
    main()
