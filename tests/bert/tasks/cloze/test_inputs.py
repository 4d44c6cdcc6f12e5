"""Windows of patterns: written as by hand, cut as brute force cuts, and never within the pattern."""

import itertools

import pytest

from bert.errors import InputError
from bert.tasks.classification.read import Example
from bert.tasks.cloze.inputs import cloze_inputs
from bert.tasks.cloze.patterns import patterns_of
from bert.tasks.options import Options
from tests.bert.tasks.conftest import TOKENIZER

TEXT = "the small bird sings and the old king waits over a bright river"


def inputs(patterns, examples, max_length=40, words=(("few", "bird"), ("many", "king")), **options):
    found = patterns_of({"patterns": patterns, "words": dict(words)}, "p.toml")
    return cloze_inputs(TOKENIZER, examples, Options(max_length, patterns=found, **options), "train.tsv")


def shown(window) -> str:
    return " ".join(TOKENIZER.id_to_token(index) for index in window.input_ids)


def test_the_text_and_the_masks_stand_in_their_places():
    words = (("few", ["bird", "birds"]), ("many", "king"))
    (windows,), too_long = inputs(["{text} near the [MASK].", "[MASK] . {text}"], [Example(1, "A king", None, "few")],
                                  words=words)  # fmt: skip
    assert list(map(shown, windows)) == [
        "[CLS] a king near the [MASK] . [SEP]",
        "[CLS] a king near the [MASK] [MASK] . [SEP]",
        "[CLS] [MASK] . a king [SEP]",
        "[CLS] [MASK] [MASK] . a king [SEP]",
    ]
    assert [list(window.selected) for window in windows] == [[5], [5, 6], [1], [1, 2]]
    assert all(not window.token_type_ids.any() for window in windows)
    assert too_long == 0


def test_sep_ends_the_first_segment():
    (windows,), _ = inputs("{text} [SEP] [MASK] {text_pair}", [Example(1, "A king", "the road", "few")])
    assert shown(windows[0]) == "[CLS] a king [SEP] [MASK] the road [SEP]"
    assert windows[0].token_type_ids.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_mask_in_the_text_is_not_the_blank():
    (windows,), _ = inputs("{text} [MASK]", [Example(1, "a [MASK] king", None, "few")])
    assert list(windows[0].selected) == [4]


@pytest.mark.parametrize("long_texts", ["head", "tail", "head+tail"])
@pytest.mark.parametrize("pattern", ["{text} near the [MASK].", "[MASK] . {text}", "near {text} [SEP] the [MASK] ."])
def test_only_the_text_is_cut_and_no_more_than_it_must(pattern, long_texts):
    ids = TOKENIZER.encode(TEXT)
    before, after = (
        TOKENIZER.encode(part.replace("[SEP]", "").replace("[MASK]", "")) for part in pattern.split("{text}")
    )
    own = len(before) + len(after) + pattern.count("[MASK]") + pattern.count("[SEP]") + 2
    for max_length in range(own + 1, own + len(ids) + 3):
        (windows,), too_long = inputs(pattern, [Example(1, TEXT, None, "few")], max_length, long_texts=long_texts)
        room = min(max_length - own, len(ids))
        head = {"head": room, "tail": 0, "head+tail": round(room / 4)}[long_texts] if room < len(ids) else room
        kept = ids[:head] + ids[len(ids) - (room - head) :]
        expected = pattern.replace("{text}", " ".join(TOKENIZER.id_to_token(index) for index in kept))
        assert shown(windows[0]).replace(" ", "") == f"[CLS]{expected}[SEP]".replace(" ", "")
        assert len(windows[0]) <= max_length
        assert too_long == (room < len(ids))


def test_of_a_pair_the_longer_text_is_cut_first():
    (windows,), _ = inputs("{text} ? [MASK] {text_pair}", [Example(1, TEXT, "a king waits", "few")], 13)
    assert shown(windows[0]).endswith("[MASK] a king waits [SEP]")
    assert len(windows[0]) == 13


def test_long_texts_go_in_windows_each_with_the_pattern():
    (windows,), too_long = inputs("{text} [MASK] .", [Example(1, TEXT, None, "few")], 9, long_texts="windows")
    assert len(windows) > 2
    assert too_long == 1
    texts = [shown(window).removeprefix("[CLS] ").removesuffix(" [MASK] . [SEP]").split() for window in windows]
    assert set(itertools.chain(*texts)) == set(TEXT.split())
    assert all(len(text) <= 5 for text in texts)


def test_what_does_not_fit_together_is_refused():
    single, pair = Example(1, "a king", None, "few"), Example(1, "a king", "the road", "few")
    with pytest.raises(InputError, match=r"p.toml: train.tsv has pairs, and its patterns have no {text_pair}"):
        inputs("{text} [MASK]", [pair])
    with pytest.raises(InputError, match=r"p.toml: train.tsv has single texts, and its patterns have {text_pair}"):
        inputs("{text} [MASK] {text_pair}", [single])
    with pytest.raises(InputError, match=r"p.toml: pattern 2 takes 6 tokens, and --max-length 6 leaves no room"):
        inputs(["{text} [MASK]", "{text} near the [MASK] ."], [single], 6)
    assert inputs(["{text} [MASK]", "{text} near the [MASK] ."], [single], 7)
    with pytest.raises(InputError, match="the run has none"):
        cloze_inputs(TOKENIZER, [single], Options(20))


def test_a_file_of_texts_and_pairs_is_refused():
    mixed = [Example(1, TEXT, None, "few"), Example(2, TEXT, TEXT, "few")]
    with pytest.raises(InputError, match="holds texts and pairs, and a pattern is for one of them"):
        inputs("{text} [MASK] .", mixed, 12)
