"""Checks of a checkpoint's names: beside a table that is written out."""

from types import ModuleType

from bert.exercises.checks.compare import require

IN_A_LAYER = {
    "attention.self.query.weight": "attention.query.weight",
    "attention.self.key.bias": "attention.key.bias",
    "attention.self.value.weight": "attention.value.weight",
    "attention.output.dense.weight": "attention.output.weight",
    "attention.output.LayerNorm.bias": "attention_norm.bias",
    "intermediate.dense.weight": "feed_forward.intermediate.weight",
    "output.dense.bias": "feed_forward.output.bias",
    "output.LayerNorm.weight": "feed_forward_norm.weight",
    "crossattention.self.key.weight": "cross_attention.key.weight",
    "crossattention.output.LayerNorm.weight": "cross_attention_norm.weight",
}
OUTSIDE_OF_LAYERS = {
    "bert.embeddings.LayerNorm.weight": "bert.embeddings.layer_norm.weight",
    "bert.embeddings.word_embeddings.weight": "bert.embeddings.word_embeddings.weight",
    "bert.pooler.dense.bias": "bert.pooler.dense.bias",
    "cls.predictions.transform.dense.weight": "masked_language_model.dense.weight",
    "cls.predictions.transform.LayerNorm.bias": "masked_language_model.layer_norm.bias",
    "cls.predictions.bias": "masked_language_model.bias",
    "cls.seq_relationship.weight": "next_sentence.classifier.weight",
    "classifier.weight": "classifier.weight",
}


def check_the_parts_of_a_layer(module: ModuleType) -> None:
    _check(
        module,
        {f"bert.encoder.layer.3.{theirs}": f"bert.encoder.layers.3.{ours}" for theirs, ours in IN_A_LAYER.items()},
    )


def check_the_number_of_a_layer(module: ModuleType) -> None:
    names = {
        f"bert.encoder.layer.{n}.output.dense.bias": f"bert.encoder.layers.{n}.feed_forward.output.bias"
        for n in (0, 11)
    }
    _check(module, names, "; a layer's number can have several digits, and must be kept")


def check_names_outside_of_layers(module: ModuleType) -> None:
    _check(module, OUTSIDE_OF_LAYERS)


def check_a_bare_model(module: ModuleType) -> None:
    names = {
        **OUTSIDE_OF_LAYERS,
        "bert.encoder.layer.0.output.dense.bias": "bert.encoder.layers.0.feed_forward.output.bias",
    }
    bare = {theirs.removeprefix("bert."): ours for theirs, ours in names.items() if theirs.startswith("bert.")}
    _check(module, bare, "; a bare BertModel saves its names without the prefix bert.")


def check_the_names_of_2018(module: ModuleType) -> None:
    _check(module, {
        "bert.embeddings.LayerNorm.gamma": "bert.embeddings.layer_norm.weight",
        "bert.encoder.layer.2.output.LayerNorm.beta": "bert.encoder.layers.2.feed_forward_norm.bias",
        "encoder.layer.2.attention.output.LayerNorm.gamma": "bert.encoder.layers.2.attention_norm.weight",
    }, "; files of 2018 call a LayerNorm's weight gamma and its bias beta")  # fmt: skip


def _check(module: ModuleType, names: dict[str, str], reason: str = "") -> None:
    for theirs, ours in names.items():
        found = module.from_huggingface_name(theirs)
        require(found == ours, f'"{theirs}" becomes "{found}", but our name is "{ours}"{reason}')
