"""A replayed update as lines for a terminal, and as plain data for JSON."""

import math
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from bert.training.totals import mean_of
from pretraining.replay.replay import Replayed
from pretraining.replay.witness import Guess, Seen

MOST_EXAMPLES = 32  # without their texts
WIDEST = 16  # characters of a piece
MASKED = "masked_lm"
NAMES = {MASKED: "masked LM", "next_sentence": "next sentence"}


def lines_of(replayed: Replayed, with_texts: bool) -> Iterator[str]:
    """The update in words and tables."""
    yield from _about(replayed)
    yield ""
    yield f"  {'loss':<24} {'mean':>10}   right"
    for name, (total, count, *correct) in replayed.witness.losses.items():
        right = f"{correct[0] / max(count, 1):.1%} of {count:,.0f}" if correct else ""
        yield f"  {NAMES.get(name, name.replace('_', ' ')):<24} {total / max(count, 1):>10.4f}   {right}".rstrip()
    yield ""
    yield from _parts(replayed)
    yield ""
    yield from _examples(replayed, with_texts)
    yield ""
    yield from _checks(replayed)


def _about(replayed: Replayed) -> Iterator[str]:
    witness, start, update = replayed.witness, replayed.start, replayed.update
    begun = f"the training state of step {start:,}" if start else "the run's beginning"
    further = f", and {replayed.end - update:,} more to compare" if replayed.end > update else ""
    count = update - start
    rate = f", masking rate {replayed.masking_rate:.2%}" if MASKED in witness.losses else ""
    yield (
        f"Update {update:,} of {replayed.source.directory}: {len(replayed.examples.chunks):,} examples of epoch "
        f"{replayed.examples.epoch}, {witness.tokens:,} tokens; learning rate {witness.learning_rate:.4g}{rate}."
    )
    yield (
        f"Computed from {begun}: {count:,} update{'' if count == 1 else 's'}{further}, in {replayed.seconds:.1f} "
        f"seconds."
    )
    yield from replayed.notes


def _parts(replayed: Replayed) -> Iterator[str]:
    witness = replayed.witness
    yield f"  {'norms':<24} {'parameters':>12} {'gradient':>11} {'change':>11} {'of weights':>11}"
    for part in witness.parts:
        share = f"{part.change / part.weights:.4%}" if part.weights else ""
        yield f"  {part.name:<24} {part.parameters:>12,} {part.gradient:>11.4g} {part.change:>11.4g} {share:>11}"
    change = math.hypot(*(part.change for part in witness.parts))
    parameters = sum(part.parameters for part in witness.parts)
    yield f"  {'all':<24} {parameters:>12,} {witness.gradient_norm:>11.4g} {change:>11.4g}"
    if not math.isfinite(witness.gradient_norm):
        yield "  The gradients overflowed in fp16, so the update changed nothing."
    elif witness.gradient_norm > replayed.largest_norm:
        factor = witness.gradient_norm / replayed.largest_norm
        yield f"  The gradient's norm is above {replayed.largest_norm:g}, so it was divided by {factor:.4g}."


def _examples(replayed: Replayed, with_texts: bool) -> Iterator[str]:
    sequences = replayed.witness.sequences
    shown = sequences if with_texts else sequences[:MOST_EXAMPLES]
    yield f"  {'example':>7}  {'document':<20} {'B':<8} {'tokens':>6} {'predicted':>10} {'right':>6} {'loss':>9}   pair"
    for number, (each, documents) in enumerate(zip(shown, _documents(replayed)), start=1):
        right = sum(guess.guessed == guess.was for guess in each.guesses)
        loss = _mean(each.guesses)
        second = "" if each.pair is None else "random" if each.pair.is_random else "follows"
        pair = ""
        if each.pair is not None:
            verdict = "right" if each.pair.said_random == each.pair.is_random else "wrong"
            pair = f"{each.pair.loss:.4f}, {verdict}"
        place = ", ".join(f"{document:,}" for document in documents)
        if with_texts and number > 1:
            yield ""
        yield (
            f"  {number:>7}  {place:<20} {second:<8} {len(each.ids):>6} {len(each.guesses):>10} {right:>6} "
            f"{loss:>9.4f}   {pair}"
        ).rstrip()
        if with_texts:
            yield from _text(replayed, each)
    if len(shown) < len(sequences):
        yield f"  ... and {len(sequences) - len(shown):,} more: --text and --json have all."


def _text(replayed: Replayed, each: Seen) -> Iterator[str]:
    """The text, what the model read instead, and a row for each prediction."""
    width = max(60, min(shutil.get_terminal_size().columns, 140))
    decode, pieces = replayed.tokenizer.decode, replayed.tokenizer.vocabulary
    texts = {"text": text_ids(replayed, each), "read": each.ids}
    if texts["text"] == each.ids:
        del texts["text"]
    for name, ids in texts.items():
        indent = f"           {name}: "
        words = decode(ids, skip_special_tokens=False)
        yield from textwrap.wrap(words, width, initial_indent=indent, subsequent_indent=" " * len(indent))
    asked = "was" if MASKED in replayed.witness.losses else "next"
    names = " ".join(f"{name:<{WIDEST}}" for name in (asked, "read", "guessed"))
    yield f"           {'place':>5}  {names} {'p(guessed)':>10} {f'p({asked})':>8}"
    for guess in each.guesses:
        cells = " ".join(f"{pieces[piece][:WIDEST]:<{WIDEST}}" for piece in (guess.was, guess.seen, guess.guessed))
        mark = "  right" if guess.guessed == guess.was else ""
        yield (
            f"           {guess.place:>5}  {cells} {guess.its_probability:>10.2%} {guess.probability:>8.2%}{mark}"
        ).rstrip()


def _checks(replayed: Replayed) -> Iterator[str]:
    source, update, found = replayed.source.directory, replayed.update, replayed.proofs.found
    for damage in replayed.proofs.damaged:
        yield f"Note: {damage}; it was not compared."
    if found:
        yield "Compared with what the run has kept:"
        for proof in found:
            said = "the same bits" if proof.is_same else f"differs by up to {proof.difference:.3g}"
            yield f"  step {proof.step:,}, {proof.where}: {said} ({proof.compared})"
    later = [proof for proof in found if proof.step >= update]
    if not later:
        yield (
            f"Whether update {update:,} is the run's own was not checked: {source} has kept no report, checkpoint or "
            f"state of soon after it."
        )
    elif all(proof.is_same for proof in found):
        yield f"Update {update:,} is what the run did, as far as these show: they are the same to the last bit."
    else:
        yield f"Update {update:,} is not the run's own to the last bit."


def data_of(replayed: Replayed) -> dict[str, Any]:
    """The update as plain data. A number that is not finite is None."""
    witness, tokenizer = replayed.witness, replayed.tokenizer
    examples = []
    for each, documents in zip(witness.sequences, _documents(replayed)):
        guesses = [
            {
                "place": guess.place, "was": tokenizer.vocabulary[guess.was], "read": tokenizer.vocabulary[guess.seen],
                "guessed": tokenizer.vocabulary[guess.guessed], "its_probability": guess.its_probability,
                "probability": guess.probability, "loss": guess.loss,
            }
            for guess in each.guesses
        ]  # fmt: skip
        examples.append(
            {
                "documents": documents,
                "text": tokenizer.decode(text_ids(replayed, each), skip_special_tokens=False),
                "read": tokenizer.decode(each.ids, skip_special_tokens=False),
                "input_ids": each.ids,
                "loss": _mean(each.guesses),
                "guesses": guesses,
                "pair": None if each.pair is None else asdict(each.pair),
            }
        )
    data = {
        "run": str(replayed.source.directory),
        "update": replayed.update,
        "computed_from": replayed.start,
        "computed_to": replayed.end,
        "seconds": replayed.seconds,
        "notes": replayed.notes + replayed.proofs.damaged,
        "epoch": replayed.examples.epoch,
        "tokens": witness.tokens,
        "learning_rate": witness.learning_rate,
        "masking_rate": replayed.masking_rate if MASKED in witness.losses else None,
        "losses": {name: mean_of(name, *totals) | {"count": totals[1]} for name, totals in witness.losses.items()},
        "gradient_norm": witness.gradient_norm,
        "clipped_to": replayed.largest_norm,
        "parts": [asdict(part) for part in witness.parts],
        "examples": examples,
        "compared": [asdict(proof) | {"same_bits": proof.is_same} for proof in replayed.proofs.found],
    }
    return _finite(data)


def text_ids(replayed: Replayed, each: Seen) -> list[int]:
    """The ids of a sequence before masking. Of other objectives, as the model read them."""
    ids = list(each.ids)
    if MASKED in replayed.witness.losses:
        for guess in each.guesses:
            ids[guess.place] = guess.was
    return ids


def _documents(replayed: Replayed) -> list[list[int]]:
    """The documents of each sequence's first segment, counted from 1. Joined examples may have several."""
    corpus = replayed.corpus
    ends = corpus.sentence_starts[corpus.document_starts[1:]]
    documents = np.searchsorted(ends, np.array(replayed.examples.chunks), side="right") + 1
    return [part.tolist() for part in np.array_split(documents, len(replayed.witness.sequences))]


def _mean(guesses: list[Guess]) -> float:
    return sum(guess.loss for guess in guesses) / max(1, len(guesses))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
