"""``python -m bert chat``: a dialogue with a model, in a terminal or through a pipe.

The source of a reply is the last turns, the person's and the model's, as in training:

    [CLS] Hello! [SEP] Hi, how are you? [SEP] Fine, and you? [SEP]
"""

import secrets
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch

from bert.commands.generate import Writer, generation_run
from bert.commands.reading import reading_of
from bert.errors import InputError
from bert.files.terminal import print_error, print_line
from bert.tasks.generation.predict import writing_of
from bert.tasks.generation.read import Pair

QUIT, RESET = "/quit", "/reset"  # lines that are commands
TOP_P = 0.9
SEEDS = 10_000  # so few that a person can type one again

Log = Callable[[str], None]  # takes a line for the user


class Dialogue:
    """A dialogue with a model.

    Args:
        history: the most turns that a reply sees.
        log: takes a note, once, if not all of them fit into an input.
    """

    def __init__(self, writer: Writer, history: int, log: Log):
        self.writer, self.log = writer, log
        self.turns: deque[str] = deque(maxlen=history)
        self.replies = 0  # so many; a reply's number names the random numbers that it is drawn with
        self.has_been_cut = False

    def reply(self, text: str) -> str:
        """The model's reply to a turn, which it remembers with the turn."""
        self.turns.append(text)
        self.replies += 1
        (output,), cut = self.writer.write([Pair(self.replies, tuple(self.turns), None)])
        if cut and not self.has_been_cut:
            self.has_been_cut = True
            self.log(
                f"Note: the last turns are longer than {self.writer.options.max_length} tokens, so their oldest part "
                f"is lost; see --max-length, --history and {RESET}."
            )
        if output:
            self.turns.append(output)
        return output

    def forget(self) -> None:
        """Forgets all turns."""
        self.turns.clear()


def start_dialogue(run: str | Path, given: dict[str, Any], log: Log, device: str | torch.device = "cpu") -> Dialogue:
    """Loads a run's model for a dialogue, and says how it will answer.

    Replies are drawn at random, from the most probable pieces that together have the probability ``TOP_P``; unless
    ``greedy`` or ``beams`` is given. A reply sees as many turns as the sources in training had.

    Args:
        given: the flags' values; None: it was not given.

    Raises:
        InputError: if it is no generation run, or two flags contradict each other.
    """
    source = generation_run(run)
    columns, options, _ = reading_of(source, "", _decoding_flags(given))
    writer = Writer.of(source, replace(options, long_texts="tail"), device)
    if columns.history == 1:
        log(f"Note: {run} was trained on sources of one turn; of a dialogue of several it knows nothing.")
    if (seed := writing_of(options).decoding.seed) is not None:
        log(f"Replies are drawn at random. The same ones come again with --seed {seed}.")
    return Dialogue(writer, given.get("history") or columns.history, log)


def _decoding_flags(given: dict[str, Any]) -> dict[str, Any]:
    """The flags of decoding, with those that a dialogue usually has."""
    given = dict(given)
    greedy, beams = given.pop("greedy", None), given.get("beams")
    if greedy and beams is not None:
        raise InputError("--greedy takes the most probable piece each time, and --beams compares outputs; give one")
    if greedy or beams is not None:
        for name in ("temperature", "top_p", "seed"):
            if given.get(name) is not None:
                flag = "--greedy" if greedy else "--beams"
                raise InputError(f"--{name.replace('_', '-')} is about random replies, and {flag} draws none; give one")
        return given | {"beams": 1 if greedy else beams}
    usual = {"sample": True, "top_p": TOP_P, "seed": secrets.randbelow(SEEDS)}
    return given | {name: value for name, value in usual.items() if given.get(name) is None}


def talk(dialogue: Dialogue, lines: Iterable[str], say: Log = print_line) -> None:
    """Answers each line, up to ``/quit`` or the end. An empty line has no answer."""
    for line in lines:
        text = line.strip()
        if text == QUIT:
            return
        if text == RESET:
            dialogue.forget()
        elif text:
            say(dialogue.reply(text))


def typed_lines(prompt: str = "> ") -> Iterator[str]:
    """The lines of standard input. In a terminal each is asked for with a prompt, and can be edited.

    Raises an InputError if a line is not UTF-8.
    """
    if sys.stdin is None:  # the shell closed it, as with <&-
        return
    ask = sys.stdin.isatty() and sys.stdout.isatty()
    if ask:
        with suppress(ImportError):  # Windows has none
            import readline  # noqa: F401 (with it, input() has arrow keys and earlier lines)
    for number in count(1):
        try:
            line = input(prompt) if ask else sys.stdin.buffer.readline().decode("utf-8")
        except EOFError:
            print_error("")  # the shell's prompt begins a new line
            return
        except UnicodeDecodeError as error:
            place = f"standard input: line {number}"
            raise InputError(f"{place}: is not UTF-8 ({error.reason}); convert it to UTF-8") from None
        if not ask and not line:
            return
        yield line


def chat(run: str | Path, given: dict[str, Any], device: str | torch.device = "cpu") -> None:
    """A dialogue on standard input and output, up to ``/quit``, the input's end or an interrupt."""
    dialogue = start_dialogue(run, given, print_error, device)
    if sys.stdin is not None and sys.stdin.isatty():
        print_error(f"Type a turn. {RESET} forgets the turns so far; {QUIT} ends.")
    try:
        talk(dialogue, typed_lines())
    except KeyboardInterrupt:
        print_error("")
