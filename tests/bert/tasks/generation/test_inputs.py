"""Sources and targets become ids: special pieces around them, and what is too long is cut at the right end."""

import pytest

from bert.errors import InputError
from bert.generation.decoding import Decoding
from bert.tasks.generation.inputs import source_inputs, target_ids
from bert.tasks.generation.read import Pair
from bert.tasks.options import Options, Writing
from bert.tokenization.wordpiece import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = WordPieceTokenizer([*SPECIAL, *"abcdefghij"])
TARGETS = WordPieceTokenizer([*SPECIAL, *"zyx"])


def sources(*texts, max_length=8, **options):
    """The inputs of dialogues (tuples) and texts, as strings, and how many of them were cut."""
    pairs = [Pair(line, text if isinstance(text, tuple) else (text,), None) for line, text in enumerate(texts, start=1)]
    inputs = source_inputs(TOKENIZER, pairs, Options(max_length, **options))
    assert all(set(window.token_type_ids.tolist()) == {0} for (window,) in inputs.windows)
    return [" ".join(map(TOKENIZER.id_to_token, window.input_ids.tolist())) for (window,) in inputs.windows], (
        inputs.too_long
    )


def targets(*texts, max_length=6):
    pairs = [Pair(line, ("a",), text) for line, text in enumerate(texts, start=4)]
    found, cut = target_ids(Writing(TARGETS, max_length, Decoding()), pairs, "a.tsv")
    return [" ".join(map(TARGETS.id_to_token, ids.tolist())) for ids in found], cut


def test_a_source_stands_between_cls_and_sep_and_so_do_the_turns_of_a_dialogue():
    assert sources("a b", ("a", "b c", "d"), "") == (
        ["[CLS] a b [SEP]", "[CLS] a [SEP] b c [SEP] d [SEP]", "[CLS] [SEP]"], 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("long_texts", "expected"), [("head", "a b c d"), ("tail", "g h i j"), ("head+tail", "a h i j")]
)
def test_a_long_source_is_cut_as_the_options_say_and_counted(long_texts, expected):
    texts = "a b c d e f g h i j", "a b c d", "a"
    assert sources(*texts, max_length=6, long_texts=long_texts) == (
        [f"[CLS] {expected} [SEP]", "[CLS] a b c d [SEP]", "[CLS] a [SEP]"], 1,
    )  # fmt: skip


@pytest.mark.parametrize("long_texts", ["head", "tail", "head+tail"])
def test_a_long_dialogue_loses_its_oldest_part_whatever_the_options_say(long_texts):
    dialogue = ("a b c", "d e", "f")
    assert sources(dialogue, max_length=10, long_texts=long_texts) == (["[CLS] a b c [SEP] d e [SEP] f [SEP]"], 0)
    assert sources(dialogue, max_length=8, long_texts=long_texts) == (["[CLS] c [SEP] d e [SEP] f [SEP]"], 1)
    assert sources(("a", "\x01"), max_length=4, long_texts=long_texts) == (["[CLS] a [SEP]"], 0)
    assert sources(("a b c", "\x01"), max_length=4, long_texts=long_texts) == (["[CLS] b c [SEP]"], 1)


def test_what_is_left_of_a_dialogue_begins_with_a_turn():
    dialogue = ("a b", "c", "d e f")
    begins = {length: sources(dialogue, max_length=length)[0][0].removesuffix(" [SEP]") for length in range(4, 11)}
    assert begins == {
        4: "[CLS] e f", 5: "[CLS] d e f", 6: "[CLS] d e f", 7: "[CLS] c [SEP] d e f", 8: "[CLS] c [SEP] d e f",
        9: "[CLS] b [SEP] c [SEP] d e f", 10: "[CLS] a b [SEP] c [SEP] d e f",
    }  # fmt: skip
    assert sources(("\x01", "a", "\x01", "b"), ("\x01", "\x01")) == (["[CLS] a [SEP] b [SEP]", "[CLS] [SEP]"], 0)


def test_the_turns_of_each_dialogue_stay_its_own():
    dialogues = [("a", "b"), ("c",), ("d", "e", "f"), ("g",)]
    together, _ = sources(*dialogues)
    assert together == [sources(dialogue)[0][0] for dialogue in dialogues]
    assert len(set(together)) == 4


def test_the_name_of_a_window_is_its_line():
    pairs = [Pair(7, ("a",), None), Pair(3, ("b", "c"), None)]
    assert [window.name for (window,) in source_inputs(TOKENIZER, pairs, Options(8)).windows] == [7, 3]


def test_windows_over_a_long_source_are_refused():
    with pytest.raises(InputError, match=r"--long-texts windows: .* use head, tail or head"):
        sources("a", long_texts="windows")


def test_a_target_ends_with_sep_unless_it_was_cut():
    assert targets("z y", "z y x z", "z y x z y", "z") == (
        ["[CLS] z y [SEP]", "[CLS] z y x z [SEP]", "[CLS] z y x z y", "[CLS] z [SEP]"], 1,
    )  # fmt: skip


def test_a_target_without_a_piece_is_named_with_its_line():
    with pytest.raises(InputError, match=r"a\.tsv: line 5: no piece is left of the target .*leave the row out"):
        targets("z", "\x01")
