"""Sources and their targets are read from files of four forms, and what does not fit is named with its line."""

import gzip
import json

import pytest

from bert.errors import InputError
from bert.tasks.classification.read import hold_out
from bert.tasks.generation.read import Pair, has_columns, hold_out_lines, is_dialogues, read_pairs
from bert.tasks.options import Columns

PAIRS = [Pair(1, ("a b",), "c"), Pair(2, ("d",), "e f")]
DIALOGUE = ["a", "b", "c", "d"]


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def read(path, labelled=True, **columns):
    return list(read_pairs(path, Columns(**columns), labelled))


def test_the_same_pairs_are_read_from_objects_tables_and_aligned_files(tmp_path):
    rows = [(pair.source[0], pair.target) for pair in PAIRS]
    objects = write(tmp_path / "a.jsonl", *(json.dumps({"source": one, "target": two}) for one, two in rows))
    assert read(objects) == PAIRS
    moved = [pair._replace(line=pair.line + 1) for pair in PAIRS]  # the header is a line of a table
    assert read(write(tmp_path / "a.tsv", "source\ttarget", *map("\t".join, rows))) == moved
    assert read(write(tmp_path / "a.csv", "target,source", *(f"{two},{one}" for one, two in rows))) == moved
    sources, targets = (write(tmp_path / f"a.{side}", *texts) for side, texts in zip(("en", "de"), zip(*rows)))
    assert read(sources, targets=str(targets)) == PAIRS
    (tmp_path / "a.en.gz").write_bytes(gzip.compress(sources.read_bytes()))
    assert read(tmp_path / "a.en.gz", targets=str(targets)) == PAIRS


def test_columns_may_have_other_names_or_numbers_alone(tmp_path):
    table = write(tmp_path / "a.tsv", "id\ten\tde", "7\ta\tb")
    assert read(table, text="en", label="de") == [Pair(2, ("a",), "b")]
    assert read(write(tmp_path / "b.tsv", "7\ta\tb"), text="2", label="3", header=False) == [Pair(1, ("a",), "b")]
    assert read(table, labelled=False, text="en") == [Pair(2, ("a",), None)]
    with pytest.raises(InputError, match="no column 'source': its columns are id, en, de; name one of them: --text-co"):
        read(table)
    with pytest.raises(InputError, match=r"no column 'target'.* --label-column"):
        read(table, text="en")


def test_each_turn_but_the_first_is_a_target_after_the_last_turns(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps(DIALOGUE), "", json.dumps(["x", " ", "y"]))
    assert read(path, history=2) == [
        Pair(1, ("a",), "b"), Pair(1, ("a", "b"), "c"), Pair(1, ("b", "c"), "d"), Pair(3, ("x",), "y"),
    ]  # fmt: skip
    assert [pair.source for pair in read(path, history=9)][2] == ("a", "b", "c")
    assert read(path, labelled=False, history=2) == [Pair(1, ("c", "d"), None), Pair(3, ("x", "y"), None)]


def test_dialogues_are_known_by_their_first_line(tmp_path):
    assert is_dialogues(write(tmp_path / "a.jsonl", "", json.dumps(DIALOGUE)))
    assert is_dialogues(write(tmp_path / "b.json", json.dumps(DIALOGUE)))
    for number, line in enumerate(('{"source": "a"}', "[1]", "[]", '[{"source": "a"}]', "[" * 10_000, "")):
        assert not is_dialogues(write(tmp_path / f"{number}.jsonl", line))
    assert not is_dialogues(write(tmp_path / "a.txt", json.dumps(DIALOGUE)))
    assert not is_dialogues(tmp_path / "none.jsonl")


def test_only_tables_have_columns(tmp_path):
    assert has_columns(write(tmp_path / "a.tsv", "source\ttarget"))
    assert has_columns(write(tmp_path / "a.jsonl", "{}"))
    assert not has_columns(write(tmp_path / "b.jsonl", json.dumps(DIALOGUE)))
    assert not has_columns(write(tmp_path / "a.de", "source\ttarget")) and not has_columns(tmp_path / "a.txt")


def test_aligned_files_of_unequal_length_are_refused(tmp_path):
    short, long = write(tmp_path / "a.en", "a", "b"), write(tmp_path / "a.de", "c", "d", "e")
    for sources, targets in ((short, long), (long, short)):
        with pytest.raises(InputError, match=r"a\.en: has 2 lines, and .*a\.de has more"):
            read(sources, targets=str(targets))


def test_a_line_that_is_blank_in_one_of_two_files_is_an_error_and_in_both_it_is_skipped(tmp_path):
    sources, targets = write(tmp_path / "a.en", "a", " ", "b", "c"), write(tmp_path / "a.de", "d", "", "", "f")
    with pytest.raises(InputError, match=r"a\.de: line 3: the target is ''; a text that is not empty was expected"):
        read(sources, targets=str(targets))
    with pytest.warns(UserWarning, match=r"a.en: 1 row is left out \(.*a.de: line 3: the target"):
        assert [pair.line for pair in read(sources, targets=str(targets), bad_rows="skip")] == [1, 4]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": " ", "target": "b"}', "the source is ' '; a text that is not empty"),
        ('{"source": "a", "target": null}', "the target is None; a text"),
        ('{"source": "a", "target": ["b"]}', r"the target is \['b'\]; a text"),
        ('{"source": "a"}', "has no key 'target'"),
        ('{"source": ', "is not JSON"),
    ],
)
def test_bad_rows_are_named_together_or_left_out(tmp_path, line, message):
    good = [json.dumps({"source": pair.source[0], "target": pair.target}) for pair in PAIRS]
    path = write(tmp_path / "a.jsonl", good[0], line, good[1])
    with pytest.raises(InputError, match=rf"a\.jsonl: line 2: {message}.*--bad-rows skip"):
        read(path)
    with pytest.warns(UserWarning, match=rf"a\.jsonl: 1 row is left out .line 2: {message}"):
        assert read(path, bad_rows="skip") == [PAIRS[0], PAIRS[1]._replace(line=3)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["a", 3]', r"is \['a', 3\]; a list of texts"),
        ('"a"', "is 'a'; a list of texts"),
        ('["", " "]', "no turn of the dialogue has a text"),
        ("[", "is not JSON"),
    ],
)
def test_bad_dialogues_are_named_or_left_out(tmp_path, line, message):
    path = write(tmp_path / "a.jsonl", json.dumps(DIALOGUE), line)
    with pytest.raises(InputError, match=rf"a\.jsonl: line 2: {message}"):
        read(path)
    with pytest.warns(UserWarning, match=rf"line 2: {message}"):
        assert len(read(path, bad_rows="skip")) == 3


def test_a_dialogue_of_one_turn_has_no_reply_to_learn(tmp_path):
    path = write(tmp_path / "a.jsonl", '["a"]')
    assert read(path, labelled=False) == [Pair(1, ("a",), None)]
    with pytest.raises(InputError, match="no dialogue has two turns"):
        read(path)
    assert len(read(write(tmp_path / "b.jsonl", '["a"]', json.dumps(DIALOGUE)))) == 3


@pytest.mark.parametrize("name", ["a.txt", "a.en", "a.jsonl", "a.tsv"])
def test_an_empty_file_holds_no_sources(tmp_path, name):
    targets = None if has_columns(tmp_path / name) else str(write(tmp_path / "a.de"))
    for labelled in (True, False):
        with pytest.raises(InputError, match=f"{name}: (holds no|is empty)"):
            read(write(tmp_path / name), labelled, targets=targets)


def test_each_line_of_a_plain_file_is_a_source_and_a_blank_line_too(tmp_path):
    for name in ("a.txt", "a.en", "nothing"):
        path = write(tmp_path / name, "a\tb", "", "c")
        assert read(path, labelled=False) == [Pair(1, ("a\tb",), None), Pair(2, ("",), None), Pair(3, ("c",), None)]
    table = write(tmp_path / "a.csv", "source,n", "a,1", ",2")
    assert read(table, labelled=False) == [Pair(2, ("a",), None), Pair(3, ("",), None)]


def test_a_plain_file_without_its_targets_is_no_training_file(tmp_path):
    for name in ("a.en", "a.txt"):
        with pytest.raises(InputError, match=rf"{name}: is no table, .* name the file of their targets behind it"):
            read(write(tmp_path / name, "a", "b"))


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "a.en").write_bytes(b"a\nb\xff\n")
    with pytest.raises(InputError, match=r"a\.en: line 2, byte 1 of the line: 0xff is not UTF-8"):
        read(tmp_path / "a.en", targets=str(write(tmp_path / "a.de", "c", "d")))


def test_no_dialogue_is_on_both_sides_of_what_is_held_out(tmp_path):
    file = write(tmp_path / "a.jsonl", *[json.dumps(DIALOGUE)] * 30)
    training, dev = hold_out_lines(read(file))
    lines = [{pair.line for pair in part} for part in (training, dev)]
    assert lines[0].isdisjoint(lines[1])
    assert len(dev) == 3 * len(lines[1]) == 9
    assert sorted([*training, *dev]) == sorted(read(file))
    single = [Pair(line, ("a",), "b") for line in range(1, 31)]
    assert hold_out_lines(single) == hold_out(single)
    with pytest.raises(InputError, match="too few"):
        hold_out_lines(read(write(tmp_path / "few.jsonl", *[json.dumps(DIALOGUE)] * 9)))


def test_a_table_beside_a_file_of_targets_is_refused(tmp_path):
    table = write(tmp_path / "a.tsv", "source\ttarget", "a\tb")
    with pytest.raises(InputError, match=r"a\.tsv: is a table, which has its own targets; leave .*a\.de out"):
        read(table, targets=str(write(tmp_path / "a.de", "b", "c")))
    assert read(write(tmp_path / "a.txt", "a"), targets=str(write(tmp_path / "b.txt", "b"))) == [Pair(1, ("a",), "b")]
