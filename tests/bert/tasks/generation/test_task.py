"""Fine-tuning on pairs: rows, batches, and the losses of an evaluation."""

import numpy as np
import pytest
import torch

from bert.generation.decoding import Decoding
from bert.tasks.generation.read import Pair
from tests.bert.tasks.conftest import ALONE, FULL, TOKENIZER, losses_of_head
from tests.bert.tasks.generation.pairs import generation_task, pairs, random_model


def test_a_row_has_the_tokens_that_encoder_and_decoder_compute():
    task = generation_task()
    batch = task.make_batch(np.arange(len(task.rows)))
    assert batch.tokens == sum(task.row_lengths())
    assert batch.target is not None
    first = task.rows[0]
    assert len(first.windows[0]) + len(first.target) - 1 == task.row_lengths()[0]


def test_the_losses_of_an_evaluation_are_those_of_the_head_in_batches():
    task, model = generation_task(), random_model()
    losses = task.evaluate(model, "dev", FULL, ALONE).losses
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-4)
    with torch.no_grad():
        model.decoder.head.bias.add_(torch.randn(TOKENIZER.vocab_size))
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-4)


def test_a_target_that_is_too_long_loses_its_end_aloud():
    task = generation_task([Pair(1, ("a river",), "the king of the road"), Pair(2, ("a",), "road")], max_length=4)
    assert task.notes == [
        "1 of the 2 targets of train.tsv are longer than 4 tokens and lose their ends; see --max-target-length.",
        "1 of the 2 targets of dev.tsv are longer than 4 tokens and lose their ends; see --max-target-length.",
    ]
    cut, whole = (row.target.tolist() for row in task.rows)
    assert len(cut) == 4
    assert TOKENIZER.sep_token_id not in cut  # it did not end there
    assert whole[-1] == TOKENIZER.sep_token_id


def test_only_the_report_asks_for_beams_other_sources_and_attention():
    task, model = generation_task(decoding=Decoding(max_length=5, beams=3, length_penalty=0.0)), random_model()
    part = task.sets["dev"]
    everything = range(len(part.examples))
    on_the_way = task.predict(model, part, everything)
    task.before_report()
    last = task.predict(model, part, everything)
    assert [each.foretold for each in on_the_way] == [each.foretold for each in last]
    assert all(each.with_other_source is None and each.attention is None for each in on_the_way)
    assert all(each.with_other_source is not None for each in last)
    assert [each.attention is not None for each in last] == [True] * 3 + [False] * (len(last) - 3)
    assert sum(each.log_probability for each in last) > sum(each.log_probability for each in on_the_way)


def test_each_share_of_a_set_gives_what_the_whole_gives():
    decoding = Decoding(max_length=6, sample=True, seed=5)
    task, model = generation_task(decoding=decoding), random_model()
    task.before_report()
    part = task.sets["dev"]
    count = len(part.examples)
    whole = task.predict(model, part, range(count))
    halves = task.predict(model, part, range(0, count, 2)), task.predict(model, part, range(1, count, 2))
    for place, written in enumerate(whole):
        other = halves[place % 2][place // 2]
        assert other.text == written.text
        assert other.foretold.loss == pytest.approx(written.foretold.loss, rel=1e-5)
        assert other.with_other_source.loss == pytest.approx(written.with_other_source.loss, rel=1e-5)


def test_another_vocabulary_of_the_target_is_another_run():
    assert set(generation_task().identity) == {"target vocabulary"}
    assert pairs(3)[0].target == " ".join(reversed(pairs(3)[0].source[0].split()))
