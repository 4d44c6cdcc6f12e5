"""Running text to sentences, by rule.

A stop is one or more of ``. ! ?`` or an ellipsis, with the quotes and brackets that close after it. It ends a sentence
if white space follows and the next word may begin a sentence. The rules list stops that do *not* end a sentence:

    Mr. Smith    e.g. this        an abbreviation that another word always follows
    No. 5        pp. 3-4          an abbreviation before a number
    J. R. R. Tolkien              an initial: one capital letter alone (but "It was I. Then ...")
    the U.S. Army                 letters with stops between, unless a word like "The" or "He" follows
    "Stop!" he said               the next word is in lower case (of a script that has capitals)
    Well . . . maybe              the next character is another stop
    3.14         numpy.array      no white space follows

The marks of other scripts (``_MARKS``) always end a sentence, even without white space. Two more rules are for habits:
``:`` after an Armenian letter and ``;`` after a Greek letter are stops, as ``.`` is.

Thai and Lao have no mark, but a space between clauses. There a sentence is as many clauses as make _SHORTEST_THAI
characters. For BERT a sentence is any stretch of text (paper, section 3), so this will do.
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
# Unicode gives these the property Sentence_Terminal, but not the marks of Tibetan. Not here: the little section of
# Burmese (၊), which Unicode counts too. It is a comma.
_MARKS = "".join((
    "。！？｡．﹒﹖﹗",  # Chinese, Japanese: wide, halfwidth and small forms
    "।॥",  # Hindi, Bengali, Nepali, Punjabi and others of India
    "۔؟؞",  # Urdu, Arabic and others of that script
    "።፧፨፡",  # Amharic, Tigrinya; the last, a space between words, is a full stop if it stands twice
    "։",  # Armenian
    "။",  # Burmese
    "។៕",  # Khmer
    "།༎",  # Tibetan, Dzongkha
    "᠃᠉",  # Mongolian, Manchu
    "܀܁܂",  # Syriac
    "߹",  # N'Ko
    "᱾᱿",  # Santali
    "꯫꫰꫱",  # Meitei
    "꓿",  # Lisu
    "꘎꘏",  # Vai
    "꧉",  # Javanese
))  # fmt: skip
_STOPS = ".!?…‼⁇⁈⁉" + _MARKS
_SHORTEST_THAI = 60  # characters, about as many as in a short English sentence
_CLOSING = "\"'”’»›)]}」』）】〉》"
_OPENING = "\"'“‘«‹([{¿¡「『（【〈《`*_–—-"
# A run of stops matches from its first stop only, so that a long run is scanned once. And the pattern begins with a
# set of characters, which makes the search for the next stop fast.
_BOUNDARY = re.compile(
    rf"[{_STOPS}:;\u037e]"
    rf"(?:(?<=[{_STOPS}])(?<![{_STOPS}][{_STOPS}])|(?<=[Ա-և]:)|(?<=[Ͱ-Ͽἀ-῿][;\u037e]))"
    rf"(?!(?<=\d[．۔])\d|(?<=፡)(?!፡))"  # 3．14; a single space of Amharic
    rf"(?:[{_STOPS}]*+(?<=[{_MARKS}])[{re.escape(_CLOSING)}]*+\s*+"  # marks and what closes after them
    rf"(?:[{_MARKS}]++[{re.escape(_CLOSING)}]*+\s*+)*+"  # the mark again, as in Tibetan: "། །"
    rf"|[{_STOPS}]*+[{re.escape(_CLOSING)}]*+(?P<space>\s++))"  # or others, then white space
)
# White space of Thai or Lao between two clauses. A clause begins with a letter: not with a number, or ๆ (repetition).
_CLAUSE_END = re.compile("[\u0e01-\u0eff]\\s++(?=[ก-ฮเ-ไກ-ຮເ-ໄ])")
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
    if not text.isascii() and _CLAUSE_END.search(text):
        sentences = [part for sentence in sentences for part in _split_at_clauses(sentence)]
    return [sentence for sentence in sentences if sentence]


def _split_at_clauses(sentence: str) -> list[str]:
    """Cuts a sentence of Thai or Lao at white space. Other sentences stay whole."""
    parts = []
    start = 0
    for clause_end in _CLAUSE_END.finditer(sentence):
        if clause_end.end() - start > _SHORTEST_THAI:
            parts.append(sentence[start : clause_end.end()].rstrip())
            start = clause_end.end()
    return [*parts, sentence[start:]]


def _ends_a_sentence(text: str, start: int, boundary: re.Match) -> bool:
    """Whether the stop and white space of ``boundary`` end the sentence that began at ``start``."""
    found = _NEXT_WORD.match(text, boundary.end())
    assert found is not None  # the pattern matches the empty string too
    next_word = found[1]
    in_lower_case = next_word[:1].islower() and not "ა" <= next_word[:1] <= "ჿ"  # Georgian has no capitals
    if in_lower_case or (not next_word and text[boundary.end() : boundary.end() + 1] in _STOPS):
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
