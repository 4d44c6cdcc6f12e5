"""Running text to sentences, by rule.

A stop is one or more of ``. ! ?`` or an ellipsis, with the quotes and brackets that close after it. It ends a sentence
if white space follows and the next word may begin a sentence. The rules list stops that do *not* end a sentence:

    Mr. Smith    e.g. this        an abbreviation that another word always follows
    No. 5        pp. 3-4          an abbreviation before a number
    J. R. R. Tolkien              an initial: one capital letter alone (but "It was I. Then ...")
    the U.S. Army                 letters with stops between, unless a word like "The" or "He" follows
    "Stop!" he said               the next word is in lower case
    Well . . . maybe              the next character is another stop
    3.14         numpy.array      no white space follows

The stops of Chinese and Japanese (``。 ！ ？``) end a sentence without white space.
"""

import re

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st gen col capt lt sgt cmdr rev hon gov sen rep pres mt messrs mme mlle "
    "e.g i.e cf viz vs v approx ca resp incl esp".split()
)
_ABBREVIATIONS_BEFORE_NUMBERS = frozenset(
    "no nos p pp vol vols fig figs sec secs ch eq eqs jan feb mar apr jun jul aug sep sept oct nov dec".split()
)  # but not elsewhere: "She said no. He left."
_SENTENCE_STARTERS = frozenset(
    "a after all although an and as at but by for from he her his how however i if in it its my no on "
    "one or our she so that the their then there these they this those to we what when while who you".split()
)
_WIDE_STOPS = "。！？｡"
_STOPS = ".!?…" + _WIDE_STOPS
_CLOSING = "\"'”’»›)]}」』）】〉》"
_OPENING = "\"'“‘«‹([{¿¡「『（【〈《`*_–—-"
# A run of stops matches from its first stop only, so that a long run is scanned once. And the pattern begins with a
# set of characters, which makes the search for the next stop fast.
_BOUNDARY = re.compile(
    rf"[{_STOPS}](?<![{_STOPS}][{_STOPS}])"
    rf"(?:[{_STOPS}]*+(?<=[{_WIDE_STOPS}])[{re.escape(_CLOSING)}]*+\s*+"  # wide stops and what closes after them
    rf"|[.!?…]*+[{re.escape(_CLOSING)}]*+(?P<space>\s++))"  # or others, then white space
)
_NEXT_WORD = re.compile(rf"[{re.escape(_OPENING)}]*+(\w*+)")
_LETTERS_WITH_STOPS = re.compile(r"(?:\w\.)+\w\Z")
_LONGEST_ABBREVIATION = 20  # characters before a stop that are read


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text``, in order, stripped of white space. No sentence is empty.

    >>> split_sentences('Mr. J. Smith paid $3.50. "Too much!" he said. Was it?')
    ['Mr. J. Smith paid $3.50.', '"Too much!" he said.', 'Was it?']
    """
    sentences = []
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if boundary["space"] is None or _ends_a_sentence(text, start, boundary):
            sentences.append(text[start : boundary.end()].strip())
            start = boundary.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _ends_a_sentence(text: str, start: int, boundary: re.Match) -> bool:
    """Whether the stop and white space of ``boundary`` end the sentence that began at ``start``."""
    found = _NEXT_WORD.match(text, boundary.end())
    assert found is not None  # the pattern matches the empty string too
    next_word = found[1]
    if next_word[:1].islower() or (not next_word and text[boundary.end() : boundary.end() + 1] in _STOPS):
        return False
    stop = boundary.start()
    if text[stop] != "." or not text[stop + 1].isspace():
        return True  # only a single full stop can belong to an abbreviation
    last_word = text[max(start, stop - _LONGEST_ABBREVIATION) : stop].rpartition(" ")[2].lstrip(_OPENING)
    if len(last_word) == 1 and last_word.isupper():
        return last_word == "I"
    last_word = last_word.lower()
    if last_word in _ABBREVIATIONS:
        return False
    if last_word in _ABBREVIATIONS_BEFORE_NUMBERS:
        return not next_word[:1].isdigit()
    if "." in last_word and _LETTERS_WITH_STOPS.match(last_word):
        return next_word.lower() in _SENTENCE_STARTERS
    return True
