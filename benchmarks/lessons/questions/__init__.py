"""The questions, in the order in which they are read. Each file holds a lesson."""

from benchmarks.lessons.questions import (
    average,
    batch_size,
    batch_size_warmup,
    bias_correction,
    causal_first,
    dropout,
    gated,
    initializer,
    learning_rate,
    left_to_right,
    length,
    masking_rate,
    modern,
    muon,
    muon_in_minutes,
    nsp,
    packing,
    position_start,
    pre_norm,
    pre_norm_deep,
    precision,
    replacement,
    rms_norm,
    rotary,
    sizes,
    static_masks,
    vocabulary,
    warmup,
    whole_words,
)

TASKS = (nsp, masking_rate, replacement, static_masks, whole_words, left_to_right, causal_first, packing)
TRAINING = (
    learning_rate, warmup, bias_correction, muon, muon_in_minutes, average, batch_size, batch_size_warmup, dropout,
    length, precision,
)  # fmt: skip
MODEL = (sizes, vocabulary, position_start, initializer, pre_norm, pre_norm_deep, rotary, gated, rms_norm, modern)
LESSONS = {module.__name__.split(".")[-1]: module.LESSON for module in (*TASKS, *TRAINING, *MODEL)}
