"""Fine-tuning on cloze questions: rows, batches with unlabelled texts, and the losses of an evaluation."""

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.heads.cloze import BertForCloze
from bert.tasks.classification.read import Example
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.cloze.task import MaskedWindow
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, losses_of_head, make_task
from tests.conftest import make_documents

PATTERNS = ["{text} near the [MASK].", "[MASK] . {text}"]
SHORT = {"wet": ["ship", "song"], "dry": ["road"]}
LONG = {"wet": ["ships", "song"], "dry": ["road"]}


def examples(seed=0) -> list[Example]:
    texts = [document[0].lower() for document in make_documents(23, seed)]
    return [Example(n, text, None, "wet" if "river" in text else "dry") for n, text in enumerate(texts, start=1)]


def cloze_task(patterns=PATTERNS, words=SHORT, **options):
    found = patterns_of({"patterns": patterns, "words": words}, "p.toml")
    sets = {name: (f"{name}.tsv", examples()) for name in ("train", "dev")}
    return make_task("cloze", sets, list(words), max_length=32, patterns=found, **options)


def texts(count):
    """Unlabelled texts of two tokens between [CLS] and [SEP], the second one masked. The first one is the number."""
    return [
        MaskedWindow(
            input_ids=np.array([2, 10 + number, 4, 3], np.int32), token_type_ids=np.zeros(4, np.int8), selected=[2],
            masked_labels=[11],
        )
        for number in range(count)
    ]  # fmt: skip


def make_model(task):
    torch.manual_seed(0)
    return BertForCloze(CONFIG, **task.model_arguments)


def test_each_pattern_of_an_example_is_a_row_with_the_longest_blank():
    for words, masks in ((SHORT, 1), (LONG, 2)):
        task = cloze_task(words=words)
        assert len(task.rows) == 2 * 23
        assert {len(row.windows[0].selected) for row in task.rows} == {masks}
        assert [row.target for row in task.rows[::2]] == [row.target for row in task.rows[1::2]]


def test_the_losses_of_an_evaluation_are_those_of_the_head_in_batches():
    task = cloze_task(PATTERNS[:1])
    model = make_model(task)
    losses = task.evaluate(model, "dev", FULL, ALONE).losses
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-4)
    with torch.no_grad():
        model.masked_language_model.bias.add_(torch.randn(CONFIG.vocab_size))
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-4)


def test_three_unlabelled_texts_stand_by_each_row_until_each_had_its_turn():
    for count in (5, 138, 200):
        task = cloze_task()
        labelled = list(task.rows)
        task.add_unlabelled(texts(count))
        assert len(task.rows) == max(46, -(-count // 3))
        assert all(len(row.windows) == 4 for row in task.rows)
        shown = {int(window.input_ids[1]) - 10 for row in task.rows for window in row.windows[1:]}
        assert shown == set(range(count))
        for number, row in enumerate(task.rows):
            assert row.windows[0] is labelled[number % 46].windows[0]
            assert row.target == labelled[number % 46].target


@pytest.mark.parametrize("words", [SHORT, LONG])
def test_a_batch_tells_blanks_from_masked_tokens(words):
    task = cloze_task(words=words)
    task.add_unlabelled(texts(200))
    batch = task.make_batch(np.array([4, 0, 7]))
    blanks = batch.labels["blanks"]
    masks = 1 if words is SHORT else 2
    assert blanks.shape == (3, masks)
    assert (batch.input_ids[batch.selected] == 4).all()
    others = torch.ones(len(batch.selected), dtype=torch.bool)
    others[blanks.flatten()] = False
    assert batch.labels["masked_labels"][others].tolist() == [11] * 9
    assert (batch.labels["masked_labels"][~others] == -100).all()
    assert BertForCloze.label_counts(batch) == {"cloze": 3, "masked_lm": 9}
    # The tokens of unlabelled texts are alone with their [CLS], number and [SEP].
    of_text = torch.repeat_interleave(torch.arange(12), batch.sequences.lengths)[batch.selected]
    assert of_text[blanks[:, 0]].tolist() == [0, 4, 8]


def test_a_run_of_other_patterns_words_or_texts_is_another_run():
    task = cloze_task()
    task.add_unlabelled(texts(4))
    others = [cloze_task(PATTERNS[:1]), cloze_task(words={"dry": ["road"], "wet": ["ship", "song"]}), cloze_task()]
    for other in others[:2]:
        other.add_unlabelled(texts(4))
    others.append(cloze_task())
    others[-1].add_unlabelled(texts(5))
    same = cloze_task()
    same.add_unlabelled(texts(4))
    assert task.identity == same.identity
    assert all(task.identity != other.identity for other in others)


def test_a_label_without_words_is_named_with_its_line():
    found = patterns_of({"patterns": PATTERNS, "words": SHORT}, "p.toml")
    rows = [*examples()[:3], Example(4, "a king", None, "damp")]
    with pytest.raises(InputError, match=r"a.tsv: line 4: the label 'damp' .* give each label its words in p.toml"):
        make_task("cloze", {"train": ("a.tsv", rows)}, list(SHORT), max_length=32, patterns=found)
