"""A right solution passes, however it is written."""

import pytest

from bert.exercises.checking import check
from bert.exercises.results import PASSED, Result
from tests.bert.exercises.copies import BY_NAME, with_body, write

BODIES = {
    "wordpiece": """
        if len(word) > MAX_WORD_LENGTH:
            return [self.unk_token_id]
        pieces, rest = [], word
        while rest:
            mark = "##" if pieces or continues_word else ""
            ends = [end for end in range(len(rest), 0, -1) if mark + rest[:end] in self.vocabulary]
            if not ends:
                return [self.unk_token_id]
            pieces.append(mark + rest[: ends[0]])
            rest = rest[ends[0] :]
        return [self.vocabulary.index(piece) for piece in pieces]
    """,
    "sentence_pairs": """
        starts, documents = corpus.sentence_starts, corpus.document_starts
        examples, following = np.zeros(len(sentence), EXAMPLE), []
        for row, (first, end) in enumerate(zip(sentence, chunk_end)):
            generator = np.random.default_rng([*name, int(starts[first])])
            cut = first + 1 if end - first == 1 else int(generator.integers(first + 1, end))
            if end - first == 1 or generator.random() < 0.5:
                b = last = int(generator.integers(documents[other[row]], documents[other[row] + 1]))
                length = starts[cut] - starts[first]
                ends = documents[other[row] + 1]
                while last == b or (length + starts[last] - starts[b] < target[row] and last < ends):
                    last += 1
                examples[row] = starts[first], starts[first], starts[cut], starts[b], starts[last], 1
                following.append(cut)
            else:
                examples[row] = starts[first], starts[first], starts[cut], starts[cut], starts[end], 0
                following.append(end)
        return examples, np.array(following)
    """,
    "masking": """
        masked = np.array(input_ids)
        for row, position in zip(*np.nonzero(selected)):
            generator = np.random.default_rng([seed, epoch, int(examples[row]), int(position)])
            chance = generator.random()
            if chance < 0.8:
                masked[row, position] = mask_token_id
            elif chance < 0.9:
                masked[row, position] = generator.integers(vocab_size)
        return masked
    """,
    "embeddings": """
        states = self.position_embeddings.weight[positions]
        states = states + self.token_type_embeddings.weight[token_type_ids] + self.word_embeddings.weight[input_ids]
        return self.dropout(self.layer_norm(states))
    """,
    "layer_norm": """
        mean = states.mean(-1, keepdim=True)
        return (states - mean) * (states.var(-1, unbiased=False, keepdim=True) + eps).rsqrt() * weight + bias
    """,
    "attention": """
        scores = torch.einsum("hqd,hkd->hqk", query, key) * query.size(-1) ** -0.5
        if causal:
            allowed = torch.ones(scores.shape[1:], dtype=torch.bool).tril(scores.size(2) - scores.size(1))
            scores = scores + torch.where(allowed, 0.0, -1e9)
        weights = torch.exp(scores - scores.logsumexp(-1, keepdim=True))
        return torch.nn.functional.dropout(weights, dropout_probability).matmul(value), weights
    """,
    "heads": """
        def split(states):
            return states.view(len(states), self.num_attention_heads, -1)
        rate = self.dropout_probability * self.training
        heads, weights = attend(
            query=split(self.query(from_states)), key=split(self.key(to_states)), value=split(self.value(to_states)),
            from_sequences=from_sequences, to_sequences=to_sequences, dropout_probability=rate,
            return_attention=return_attention, causal=causal,
        )
        return self.output(heads.flatten(1)), weights
    """,
    "gelu": "    return torch.distributions.Normal(0, 1).cdf(x) * x",
    "encoder_layer": """
        a, weights = self.attention(
            from_states=from_states, to_states=to_states, from_sequences=from_sequences, to_sequences=to_sequences,
            return_attention=return_attention,
        )
        a = self.attention_norm(self.dropout(a) + from_states)
        return self.feed_forward_norm(self.dropout(self.feed_forward(a)) + a), weights
    """,
    "loss": """
        rows = labels != IGNORE_INDEX
        logs = torch.log_softmax(logits.float(), dim=-1)[rows]
        losses = -logs.gather(1, labels[rows, None])[:, 0]
        if class_weights is not None:
            losses = losses * class_weights[labels[rows]]
        return Loss(losses.sum(), rows.sum(), (logits[rows].argmax(-1) == labels[rows]).sum())
    """,
    "adamw": """
        for p, g, average, square in zip(parameters, gradients, m, v):
            average.copy_(group["betas"][0] * average + (1 - group["betas"][0]) * g)
            square.copy_(group["betas"][1] * square + (1 - group["betas"][1]) * g**2)
            p -= group["lr"] * (average / (square**0.5 + group["eps"]) + group["weight_decay"] * p)
    """,
    "weight_decay": """
        yes, no = [], []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                (no if name.endswith("bias") or "norm" in name else yes).append(parameter)
        return [{"params": no, "weight_decay": 0}, {"params": yes, "weight_decay": weight_decay}]
    """,
    "schedule": """
        up = (step + 1) / warmup_steps if warmup_steps else 1
        return peak * up if step < warmup_steps else max(peak - peak * step / max_steps, 0)
    """,
    "checkpoint_names": """
        name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
        for ours, theirs in _OTHER_PARTS:
            name = name.replace(theirs.removeprefix("bert."), ours.removeprefix("bert."))
        if name.split(".")[0] in ("embeddings", "encoder", "pooler"):
            name = "bert." + name
        parts = name.split(".")
        if parts[1:3] != ["encoder", "layer"]:
            return name
        inner = _exchange(".".join(parts[4:]), [pair[::-1] for pair in _LAYER_PARTS])
        return f"bert.encoder.layers.{parts[3]}.{inner}"
    """,
    "entities": """
        found, current = [], None
        for place, tag in enumerate([*tags, OUTSIDE]):
            goes_on = current and tag[0] in (scheme.inside, scheme.end) and tag[2:] == current[0]
            if current and not goes_on:
                found.append((current[0], current[1], place))
                current = None
            if tag != OUTSIDE and not goes_on:
                current = (tag[2:], place)
            if current and tag[0] in {scheme.end, scheme.single} - {scheme.begin, scheme.inside}:
                found.append((current[0], current[1], place + 1))
                current = None
        return found
    """,
    "best_span": """
        best = -math.inf, 0, 0
        for start in range(len(start_logits)):
            for end in range(start, min(start + LONGEST_ANSWER, len(end_logits))):
                if window.offsets[start][0] >= 0 and window.offsets[end][0] >= 0 and window.is_max_context[start]:
                    best = max(best, (start_logits[start] + end_logits[end], start, end))
        return best
    """,
}


@pytest.mark.parametrize("name", BY_NAME)
def test_another_right_solution_passes(name, tmp_path):
    exercise = BY_NAME[name]
    indent = 8 if "." in exercise.function else 4
    lines = BODIES[name].strip("\n").split("\n")
    shift = indent - (len(lines[0]) - len(lines[0].lstrip()))
    body = "\n".join(" " * (shift + len(line) - len(line.lstrip())) + line.strip() for line in lines)
    write(tmp_path, exercise.file, with_body(exercise, body.strip()))
    assert check(exercise, tmp_path) == Result(name, PASSED)
