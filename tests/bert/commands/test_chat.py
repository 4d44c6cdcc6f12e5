"""bert chat: each turn has a reply, which sees the last turns of both."""

import io
import sys

import pytest

from bert.__main__ import main
from bert.commands import chat as command
from bert.commands.chat import start_dialogue, talk
from bert.tasks.options import Columns
from tests.bert.commands.writers import save_run

TURNS = ["a b c", "d", "e f g h", "b"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"))


def typed(monkeypatch, text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def replies(run, *turns, notes=None, **given) -> list[str]:
    found: list[str] = []
    talk(start_dialogue(run, given, (notes if notes is not None else []).append), turns, found.append)
    return found


def sources_of(monkeypatch, output: str = "Z") -> list[tuple[str, ...]]:
    """What the model is given to read. It always answers the same."""
    seen: list[tuple[str, ...]] = []

    def write(self, pairs):
        seen.extend(pair.source for pair in pairs)
        return [output] * len(pairs), 0

    monkeypatch.setattr(command.Writer, "write", write)
    return seen


def test_a_reply_sees_the_last_turns_of_both(run, monkeypatch):
    seen = sources_of(monkeypatch)
    assert replies(run, *"abc") == ["Z"] * 3
    assert seen == [("a",), ("a", "Z", "b"), ("b", "Z", "c")]
    seen.clear()
    replies(run, *"abc", history=4)
    assert seen == [("a",), ("a", "Z", "b"), ("Z", "b", "Z", "c")]
    seen.clear()
    replies(run, *"abc", history=1)
    assert seen == [("a",), ("b",), ("c",)]


def test_an_empty_reply_is_no_turn(run, monkeypatch):
    seen = sources_of(monkeypatch, "")
    assert replies(run, "a", "b") == ["", ""]
    assert seen == [("a",), ("a", "b")]


def test_empty_lines_have_no_reply_and_commands_are_no_turns(run, monkeypatch):
    seen = sources_of(monkeypatch)
    assert len(replies(run, "a\n", "\n", "  ", " /reset\n", " b \n", "/reset now", "/quit\n", "c")) == 3
    assert seen == [("a",), ("b",), ("b", "Z", "/reset now")]


def test_the_same_seed_gives_the_same_replies(run):
    first = replies(run, *TURNS, seed=5)
    assert replies(run, *TURNS, seed=5) == first and any(first)
    assert replies(run, *TURNS, seed=6) != first
    assert len(set(replies(run, *["/reset", "a"] * 4, seed=5))) > 1  # not the same one to the same turn


def test_the_seed_that_was_drawn_is_said(run):
    notes: list[str] = []
    first = replies(run, *TURNS, notes=notes, history=1)
    (note,) = notes
    assert replies(run, *TURNS, seed=int(note.split("--seed ")[1].rstrip(".")), history=1) == first
    for given in ({"greedy": True}, {"beams": 2}):
        notes.clear()
        replies(run, "a", notes=notes, **given)
        assert not notes


def test_decoding_is_the_runs_with_what_a_dialogue_usually_has(run):
    def decoding(**given):
        return vars(start_dialogue(run, given, lambda note: None).writer.options.writing.decoding)

    usual = decoding(seed=3)
    assert {"sample": True, "top_p": 0.9, "seed": 3, "beams": 1, "max_length": 12, "no_repeat_ngram": 2}.items() <= (
        usual.items()
    )
    assert decoding(seed=3, top_p=0.5, temperature=2.0) == usual | {"top_p": 0.5, "temperature": 2.0}
    assert decoding(greedy=True, max_output=4) == usual | {
        "sample": False, "top_p": None, "seed": None, "max_length": 4,
    }  # fmt: skip
    assert decoding(beams=4)["beams"] == 4


def test_turns_that_do_not_fit_lose_their_oldest_part_which_is_said_once(run, monkeypatch):
    notes: list[str] = []
    long = "a b c d e f g h i j k l m n o p q r s t u v w"
    replies(run, "a", long, long, notes=notes, greedy=True)
    (note,) = notes
    assert "the last turns are longer than 20 tokens, so their oldest part is lost" in note
    end = " ".join(long.split()[-18:])
    assert replies(run, long, greedy=True) == replies(run, end, greedy=True)


def test_a_run_that_saw_single_texts_says_so_and_sees_the_last_turn(tmp_path, monkeypatch):
    run = save_run(tmp_path / "run", columns=Columns(history=1)._asdict())
    seen, notes = sources_of(monkeypatch), []
    replies(run, "a", "b", notes=notes, greedy=True)
    assert seen == [("a",), ("b",)]
    (note,) = notes
    assert "was trained on sources of one turn; of a dialogue of several it knows nothing" in note


@pytest.mark.parametrize("content", ["a\n\nb\n/quit\nc\n", "a\nb", "a\nb\n"])
def test_through_a_pipe_each_line_has_a_line_and_nothing_else(run, monkeypatch, capsys, content):
    typed(monkeypatch, content)
    assert main(["chat", run, "--seed", "5"]) == 0
    printed = capsys.readouterr()
    assert printed.out.split("\n") == [*replies(run, "a", "b", seed=5), ""]
    assert printed.err == "Replies are drawn at random. The same ones come again with --seed 5.\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def in_terminal(monkeypatch, lines) -> list[str]:
    """Types lines (or raises exceptions) in a terminal. Returns the prompts."""
    prompts: list[str] = []
    lines = iter(lines)

    def ask(prompt):
        prompts.append(prompt)
        line = next(lines)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", ask)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    return prompts


@pytest.mark.parametrize("end", [EOFError(), KeyboardInterrupt(), "/quit"], ids=["Ctrl-D", "Ctrl-C", "quit"])
def test_a_terminal_is_asked_again_and_again_until_the_end(run, monkeypatch, capsys, end):
    prompts = in_terminal(monkeypatch, ["a", "", end, "b"])
    assert main(["chat", run, "--greedy"]) == 0
    assert prompts == ["> "] * 3
    printed = capsys.readouterr()
    assert printed.out.splitlines() == replies(run, "a", greedy=True)
    assert printed.err.startswith("Type a turn. /reset forgets the turns so far; /quit ends.\n")


def test_an_interrupt_while_the_model_writes_is_an_end_too(run, monkeypatch, capsys):
    def write(self, pairs):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.Writer, "write", write)
    typed(monkeypatch, "a\n")
    assert main(["chat", run, "--greedy"]) == 0


def test_without_standard_input_nothing_is_asked(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["chat", run, "--greedy"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--greedy", "--beams", "2"], "--greedy takes the most probable piece each time, and --beams compares"),
        (["--greedy", "--seed", "1"], "--seed is about random replies, and --greedy draws none"),
        (["--beams", "2", "--top-p", "0.5"], "--top-p is about random replies, and --beams draws none"),
        (["--length-penalty", "1"], "--length-penalty is 1.0, but one beam"),
        (["--max-output", "40"], "--max-output is 40, but the decoder has 29 positions"),
    ],
)
def test_flags_that_contradict_each_other_are_one_sentence(run, monkeypatch, capsys, flags, message):
    typed(monkeypatch, "a\n")
    assert main(["chat", run, *flags]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out


def test_bytes_that_are_no_text_end_the_dialogue_with_a_sentence(run, monkeypatch, capsys):
    typed(monkeypatch, b"a\nb\xff\n")
    assert main(["chat", run, "--greedy"]) == 2
    assert "chat: error: standard input: line 2: is not UTF-8" in capsys.readouterr().err
