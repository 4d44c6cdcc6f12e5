"""Errors that students make: each is found by its own exercise, with a sentence that names it."""

import pytest

from bert.exercises.checking import check
from bert.exercises.results import PASSED, WRONG
from bert.exercises.table import EXERCISES
from tests.bert.exercises.copies import BY_NAME, lines_of, source_of, write

# The exercise; the solution's lines; the student's lines; words of the sentence.
MASK = "        scores = scores.masked_fill(is_later, -math.inf)\n    weights = scores.softmax(dim=-1)"
MASK_AFTER = "    weights = scores.softmax(dim=-1)\n    if causal:\n        weights = weights.masked_fill(is_later, {})"
SUM = "self.layer_norm(words + self.position_embeddings(positions) + types)"
DECAY = '        parameter.mul_(1 - group["lr"] * group["weight_decay"])\n'
ADAM = 'its_m, its_v.sqrt() + group["eps"]'
ADAM_CORRECTED = 'its_m / (1 - beta1 ** group["n"]), (its_v / (1 - beta2 ** group["n"])).sqrt() + group["eps"]'
BETAS = '    beta1, beta2 = group["betas"]'
LAYER = (
    "        states = self.attention_norm(from_states + self.dropout(attended))\n"
    "        return self.feed_forward_norm(states + self.dropout(self.feed_forward(states))), weights"
)
PRE_LAYER_NORM = (
    "        to_states = self.attention_norm(to_states)\n"
    "        normal = self.attention_norm(from_states)\n"
    "        attended, weights = self.attention(normal, to_states, from_sequences, to_sequences)\n"
    "        states = from_states + self.dropout(attended)\n"
    "        return states + self.dropout(self.feed_forward(self.feed_forward_norm(states))), weights"
)
LONGEST_FIRST = "range(min(len(word), start + self._longest_piece), start, -1)"
ERRORS = {
    "the shortest piece first": ("wordpiece", LONGEST_FIRST, "range(start + 1, len(word) + 1)", "the longest one"),
    "a continuation without ##": (
        "wordpiece", "start, known = end, self._continuation_ids", "start = end", "starts with ##",
    ),
    "[UNK] for a part of a word": (
        "wordpiece", "                return (self.unk_token_id,)\n", "                ids.append(self.unk_token_id)\n"
        "                break\n", "the whole word is one [UNK]",
    ),
    "no limit for long words": ("wordpiece", "len(word) > MAX_WORD_LENGTH", "False", "MAX_WORD_LENGTH"),
    "labels turned round": (
        "sentence_pairs", 'examples["is_random"] = is_random', 'examples["is_random"] = ~is_random', "turned round",
    ),
    "a chunk of one sentence with the label 0": ("sentence_pairs", "(sentences == 1) | ", "", "has no rest"),
    "B is too often random": ("sentence_pairs", "chunk) < 0.5)", "chunk) < 0.8)", "instead of half"),
    "the rest is lost": (
        "sentence_pairs", "return examples, np.where(is_random, a_end, chunk_end)", "return examples, chunk_end",
        "the rest of the chunk is lost",
    ),
    "A is the whole chunk": ("sentence_pairs", "np.maximum(sentences - 1, 1)", "sentences", "must stay for B"),
    "a random B is too long": ("sentence_pairs", " - (token_at[a_end] - chunk)", "", "A's length counts, too"),
    "a random B crosses documents": (
        "sentence_pairs", "random_first + 1, other_end)", "random_first + 1, None)", "goes on",
    ),
    "80 / 10 / 10 over all tokens": (
        "masking", "np.nonzero(selected)", "np.nonzero(selected | True)", "not selected are changed",
    ),
    "[MASK] for all": ("masking", "treatment < mask / 100", "treatment < 1", "100% become [MASK], instead of 80%"),
    "no random tokens": (
        "masking", "treatment < (mask + random) / 100", "treatment < mask / 100",
        "0% become a random token, instead of 10%",
    ),
    "the input is changed": ("masking", "masked = input_ids.copy()", "masked = input_ids", "in place"),
    "one draw for an example": (
        "masking", "_Draw.TREATMENT, examples[rows], positions)", "_Draw.TREATMENT, examples[rows], 0 * positions)",
        "share one draw",
    ),
    "the epoch is forgotten": (
        "masking", "(seed, epoch, _Draw.TREATMENT", "(seed, 0, _Draw.TREATMENT", "another epoch",
    ),
    "no segments": ("embeddings", " + types)", ")", "token types"),
    "LayerNorm before the sum": (
        "embeddings", SUM, "self.layer_norm(words) + self.position_embeddings(positions) + types",
        "it belongs after the sum",
    ),
    "no LayerNorm": ("embeddings", "self.layer_norm(words", "(words", "LayerNorm after it is left out"),
    "dropout before LayerNorm": (
        "embeddings", f"self.dropout({SUM})", SUM.replace("(words", "(self.dropout(words") + ")",
        "dropout comes before LayerNorm",
    ),
    "LayerNorm over the wrong axis": ("layer_norm", "dim=-1", "dim=0", "over the tokens, the first axis"),
    "the unbiased variance": (
        "layer_norm", "centered.square().mean(dim=-1, keepdim=True)", "states.var(dim=-1, keepdim=True)",
        "hidden_size - 1",
    ),
    "eps outside of the root": ("layer_norm", "(variance + eps).sqrt()", "(variance.sqrt() + eps)", "under the root"),
    "an eps of its own": ("layer_norm", "(variance + eps)", "(variance + 1e-5)", "it is an argument"),
    "no square root": ("layer_norm", "(variance + eps).sqrt()", "(variance + eps)", "not by its square root"),
    "a detached mean": (
        "layer_norm", "states.mean(dim=-1, keepdim=True)", "states.mean(-1, True).detach()", "gradient",
    ),
    "mask after the softmax": ("attention", MASK, MASK_AFTER.format("0"), "is the mask added after the softmax?"),
    "-inf after the softmax": (
        "attention", MASK, MASK_AFTER.format("-math.inf"), "is the mask added after the softmax?",
    ),
    "hidden scores of 0": ("attention", "-math.inf", "0.0", "they must be minus infinity"),
    "scale by d": ("attention", "math.sqrt(query.shape[-1])", "query.shape[-1]", "the equation has its square root"),
    "no scale": ("attention", " / math.sqrt(query.shape[-1])", "", "not divided by sqrt(dim)"),
    "softmax over the queries": ("attention", "softmax(dim=-1)", "softmax(dim=-2)", "the softmax is over the queries"),
    "a query does not see itself": ("attention", "triu(1 + keys - queries)", "triu(keys - queries)", "own key"),
    "the mask of fewer queries": (
        "attention", "triu(1 + keys - queries)", "triu(1)", "the last query is at the last key",
    ),
    "dropout on the result": (
        "attention", "dropout(weights, dropout_probability) @ value", "dropout(weights @ value, dropout_probability)",
        "it belongs to the weights",
    ),
    "heads interleaved": ("heads", '"tokens (heads dim) ->', '"tokens (dim heads) ->', "not (dim heads)"),
    "keys of the queries": ("heads", "self.key(to_states)", "self.key(from_states)", "it comes from to_states"),
    "dropout while not training": ("heads", " if self.training else 0.0", "", "dropout is for training"),
    "no output projection": ("heads", "self.output(rearrange(", "(rearrange(", "self.output does not project"),
    "GELU by tanh": (
        "gelu", "torch.erf(x / math.sqrt(2))", "torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))",
        "the tanh approximation",
    ),
    "erf without the root": ("gelu", "x / math.sqrt(2)", "x", "erf takes x / sqrt(2)"),
    "LayerNorm before the sublayers": ("encoder_layer", LAYER, PRE_LAYER_NORM, "pre-LN"),
    "no residual sum": ("encoder_layer", "from_states + self", "self", "residual sum around attention is left out"),
    "dropout on the sum": (
        "encoder_layer", "from_states + self.dropout(attended)", "self.dropout(from_states + attended)", "dropout",
    ),
    "one LayerNorm twice": ("encoder_layer", "self.feed_forward_norm(", "self.attention_norm(", "is used twice"),
    "a mean for a sum": ("loss", 'reduction="sum"', 'reduction="mean"', "it must be their sum"),
    "loss averaged over padding": (
        "loss", 'labels, class_weights, ignore_index=IGNORE_INDEX, reduction="sum")', "labels.clamp(0), class_weights)",
        "averaged over all tokens, and those without a label are in it",
    ),
    "padding in the sum": (
        "loss", "labels, class_weights,", "labels.clamp(0), class_weights,", "as if their label were 0",
    ),
    "padding in the count": (
        "loss", "(labels != IGNORE_INDEX).sum()", "torch.tensor(len(labels))", "that of all tokens",
    ),
    "a loss in 16 bits": ("loss", "logits.float()", "logits", "16 bits"),
    "bias correction": ("adamw", (BETAS, ADAM), (
        BETAS + '\n    group["n"] = group.get("n", 0) + 1', ADAM_CORRECTED), "BERT's AdamW has no bias correction"),
    "decay in the gradient": (
        "adamw", ("        its_m.lerp_(", DECAY),
        ('        gradient = gradient + group["weight_decay"] * parameter\n        its_m.lerp_(', ""), "decoupled",
    ),
    "decay without the learning rate": (
        "adamw", '1 - group["lr"] * group["weight_decay"]', '1 - group["weight_decay"]',
        "multiplied by the learning rate",
    ),
    "up the gradient": ("adamw", 'value=-group["lr"]', 'value=group["lr"]', "up the gradient"),
    "eps under the root": ("adamw", ADAM, 'its_m, (its_v + group["eps"]).sqrt()', "eps is under the square root"),
    "betas exchanged": ("adamw", "beta1, beta2 =", "beta2, beta1 =", "m has the second beta"),
    "decay on biases": ("weight_decay", ' or name in ("bias", "ia3_l")', "", "biases do not"),
    "decay on LayerNorms": ("weight_decay", "isinstance(module, nn.LayerNorm) or ", "", "the weight of a LayerNorm"),
    "no decay on vectors": (
        "weight_decay", 'isinstance(module, nn.LayerNorm) or name in ("bias", "ia3_l")', "parameter.ndim == 1",
        "not its number of axes",
    ),
    "frozen parameters": ("weight_decay", " if parameter.requires_grad", "", "is frozen"),
    "schedule off by one": ("schedule", "(step + 1)", "step", "the first update has rate 0"),
    "a warm-up too long": ("schedule", "step < warmup_steps", "step <= warmup_steps", "an update too long"),
    "decay from the peak": (
        "schedule", "1 - step / max_steps", "(max_steps - step) / (max_steps - warmup_steps)", "span the whole run",
    ),
    "a negative rate": ("schedule", "max(0.0, 1 - step / max_steps)", "(1 - step / max_steps)", "negative"),
    "gamma and beta": ("checkpoint_names", r"LayerNorm\.gamma", r"LayerNorm\.scale", "gamma"),
    "ten layers at most": ("checkpoint_names", r"(\d+)", r"(\d)", "several digits"),
    "no bare model": ("checkpoint_names", '        name = f"bert.{name}"', "        pass", "without the prefix"),
    "I of another type": ("entities", " and kind == entities[-1].type", "", "I of another type"),
    "O ends nothing": ("entities", "            is_open = False\n", "", "O ends an entity"),
    "the end is the last word": ("entities", "Entity(kind, place, place + 1)", "Entity(kind, place, place)", "its end"),
    "a span that ends too early": (
        "best_span", "        end = int(start) + int(last.argmax())", "        end = int(ends.argmax())",
        "ends before it starts",
    ),
    "a piece too many": ("best_span", "start + LONGEST_ANSWER]", "start + LONGEST_ANSWER + 1]", "the most are 30"),
    "a span in the question": (
        "best_span", ("is_context & window.is_max_context", "np.where(is_context, end_logits"),
        ("window.is_max_context", "np.where(is_context | True, end_logits"), "in the question",
    ),
    "a start of another window": ("best_span", "is_context & window.is_max_context", "is_context", "another window"),
}  # fmt: skip


def with_error(error: str) -> str:
    """The source of the error's file, with the error in the exercise's function."""
    name, before, after, _ = ERRORS[error]
    source = source_of(BY_NAME[name])
    lines = source.split("\n")
    start, end = lines_of(source, BY_NAME[name].function)
    function = "\n".join(lines[start:end])
    pairs = [(before, after)] if isinstance(before, str) else zip(before, after)
    for right, wrong in pairs:
        assert right in function, f"{error}: the solution has no {right!r}"
        function = function.replace(right, wrong)
    return "\n".join([*lines[:start], function, *lines[end:]])


@pytest.mark.parametrize("error", ERRORS)
def test_a_typical_error_is_named_by_its_own_exercise_and_by_no_other(error, tmp_path):
    own, words = BY_NAME[ERRORS[error][0]], ERRORS[error][3]
    write(tmp_path, own.file, with_error(error))
    result = check(own, tmp_path)
    assert result.state == WRONG
    assert words in result.sentence, result.sentence
    assert len(result.sentence) < 250 and "\n" not in result.sentence
    for other in EXERCISES:
        if other.file == own.file and other != own:
            assert check(other, tmp_path).state == PASSED


def test_each_exercise_has_errors_and_there_are_more_than_sixty():
    assert {name for name, *_ in ERRORS.values()} == set(BY_NAME)
    assert len(ERRORS) > 60
