"""Learns a WordPiece vocabulary from text.

It starts with single characters, and again and again joins the two neighbouring pieces that are most
worth joining, in every word of the corpus at once, until the vocabulary is full:

    h ##u ##g ##s,  h ##u ##g,  b ##u ##n     ##u ##g is in two words:  join
    h ##ug ##s,     h ##ug,     b ##u ##n     h ##ug is in two words:   join
    hug ##s,        hug,        b ##u ##n

What "most worth" means is where two methods part.

- **Likelihood** (Schuster and Nakajima 2012, the first WordPiece): the pair whose joining raises the
  likelihood of the corpus most under a unigram model of the pieces, roughly count(ab) * log(count(ab) *
  total / (count(a) * count(b))). Often taught as the ratio count(ab) / (count(a) * count(b)), which
  is something else: it prefers the rarest pairs there are.
- **Frequency** (Sennrich et al. 2016, byte-pair encoding): the pair that is there most often.

Google never published the trainer of BERT's vocabulary. This one goes by frequency, as the Rust library
``tokenizers`` does: each join then saves the most pieces that one join can, and what a vocabulary is for
is to write text in few pieces.

And one step more. The tokenizer takes the longest piece first and does not go the way of the joins, so many
pieces that were steps on that way are never used: 1,574 of 30,522 for 32 MB of film reviews, each a row of
the embeddings that no gradient ever reaches. Therefore a fifth more pieces are joined than were asked for,
the corpus is tokenized with them, and those used least are dropped: 0.4 % fewer pieces for held-out reviews
at 30,522, and 1 % fewer at 8,000, than by frequency alone.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import pairwise

from bert.errors import InputError
from bert.tokenization.normalization import SPLIT_IN_PYTHON_ALONE, Normalizer
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH, WordPieceTokenizer

# Distinct chunks and words that are counted before room is made, about 150 bytes each.
_MOST_CHUNKS = 1_000_000
_MOST_WORDS = 2_000_000
# Pieces of a single character (a word's first, or a later one) that a vocabulary may always have; beyond these, they
# are at most a half of it, so that rare characters of a noisy corpus leave room for words.
_ALPHABET = 1000
# How many pieces are joined for each that is kept. On film reviews 1.2 compressed best of 1.05 to 1.5.
_SURPLUS = 1.2

Pair = tuple[str, str]


def train_wordpiece(
    texts: Iterable[str],
    vocab_size: int,
    lowercase: bool = True,
    min_frequency: int = 2,
    strip_accents: bool | None = None,
    split_chinese: bool = True,
) -> list[str]:
    """A vocabulary of ``vocab_size`` pieces: ``[PAD] [UNK] [CLS] [SEP] [MASK]``, characters, joined pieces.

    Args:
        texts: read once, one at a time; they are never held together.
        vocab_size: how many pieces to learn, special tokens included. A corpus too small for as many
            gives as many as it can, and a warning.
        lowercase, strip_accents, split_chinese: as the tokenizer that will use the vocabulary has them.
        min_frequency: a character or a pair that is there less often becomes no piece.

    The result is a function of the words and how often each is there: neither the order of the texts nor
    that of any dictionary changes it. (But for corpora of more than two million distinct words, whose
    rarest are forgotten on the way.)

    Raises:
        InputError: where there are no words to learn from, or no room for any piece.
    """
    if vocab_size <= len(SPECIAL_TOKENS):
        raise InputError(
            f"a vocabulary of {vocab_size} pieces was asked for, and the special tokens alone are "
            f"{len(SPECIAL_TOKENS)}; ask for more"
        )
    strip_accents = lowercase if strip_accents is None else strip_accents
    words = count_words(texts, Normalizer(lowercase, strip_accents, split_chinese))
    size = vocab_size - len(SPECIAL_TOKENS)
    alphabet = choose_alphabet(words, min(size, max(_ALPHABET, size // 2)), min_frequency)
    if not alphabet:
        raise InputError(
            f"no character is there {min_frequency} times in the corpus; a vocabulary needs more text than that"
        )
    pieces = join_pairs(words, alphabet, round(_SURPLUS * size), min_frequency)
    pieces = keep_most_used(words, pieces, alphabet, size)
    if len(SPECIAL_TOKENS) + len(pieces) < vocab_size:
        warnings.warn(
            f"the corpus is too small for a vocabulary of {vocab_size} pieces: no other pair of pieces is there "
            f"{min_frequency} times; this vocabulary has {len(SPECIAL_TOKENS) + len(pieces)}",
            stacklevel=2,
        )
    return [*SPECIAL_TOKENS, *pieces]


def count_words(texts: Iterable[str], normalizer: Normalizer) -> Counter[str]:
    """How often each normalized word is in ``texts``; without those so long that they can only be ``[UNK]``."""
    chunks: Counter[str] = Counter()  # separated by white space; each distinct one is normalized once
    words: Counter[str] = Counter()

    def normalize_chunks() -> None:
        for chunk, count in chunks.items():
            for word in normalizer.words(chunk):
                if len(word) <= MAX_WORD_LENGTH:
                    words[word] += count
        chunks.clear()
        threshold = 1
        while len(words) > _MOST_WORDS:
            for word in [word for word, count in words.items() if count <= threshold]:
                del words[word]
            threshold *= 2

    for text in texts:
        if any(map(text.__contains__, SPLIT_IN_PYTHON_ALONE)):
            chunks.update(normalizer.words(text))
        else:
            chunks.update(text.split())
        if len(chunks) > _MOST_CHUNKS:
            normalize_chunks()
    normalize_chunks()
    return words


def split_into_characters(word: str) -> list[str]:
    """The pieces that every word starts as.

    >>> split_into_characters("hug")
    ['h', '##u', '##g']
    """
    return [word[0], *(CONTINUATION + character for character in word[1:])]


def choose_alphabet(words: Counter[str], limit: int, min_frequency: int) -> list[str]:
    """The ``limit`` most frequent single characters, as a word's first and as a later one, in order."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for piece in split_into_characters(word):
            counts[piece] += count
    frequent = [piece for piece, count in counts.items() if count >= min_frequency]
    frequent.sort(key=lambda piece: (-counts[piece], piece))
    return sorted(frequent[:limit])


def join_pairs(words: Counter[str], alphabet: list[str], size: int, min_frequency: int) -> list[str]:
    """``alphabet``, and after it what joining the most frequent pair again and again makes, up to ``size`` pieces.

    Counts are kept up to date rather than made anew: a join changes only the words that hold the pair. The
    heap holds counts as they were when an entry was made; one that comes up with another count than its
    pair has by now is put back with the new one. Of pairs as frequent as each other the first in the
    alphabet is joined.
    """
    known = set(alphabet)
    spelled: list[list[str]] = []
    counts: list[int] = []
    pair_counts: Counter[Pair] = Counter()
    words_with: defaultdict[Pair, set[int]] = defaultdict(set)
    for word, count in words.items():
        pieces = split_into_characters(word)
        if not known.issuperset(pieces):
            continue  # the tokenizer will make it [UNK], whatever is joined
        for pair in pairwise(pieces):
            pair_counts[pair] += count
            words_with[pair].add(len(spelled))
        spelled.append(pieces)
        counts.append(count)

    heap = [(-count, pair) for pair, count in pair_counts.items()]
    heapify(heap)
    vocabulary = dict.fromkeys(alphabet)
    while heap and len(vocabulary) < size:
        negative_count, pair = heappop(heap)
        count = pair_counts[pair]
        if count < min_frequency:
            continue
        if count != -negative_count:
            heappush(heap, (-count, pair))
            continue
        joined = pair[0] + pair[1].removeprefix(CONTINUATION)
        vocabulary[joined] = None
        new_pairs = set()
        for index in words_with.pop(pair):
            before = spelled[index]
            after = join_in_word(before, pair, joined)
            spelled[index] = after
            for old in pairwise(before):
                pair_counts[old] -= counts[index]
            for new in pairwise(after):
                pair_counts[new] += counts[index]
                words_with[new].add(index)
                if joined in new:
                    new_pairs.add(new)
        for new in new_pairs:
            heappush(heap, (-pair_counts[new], new))
    return list(vocabulary)


def keep_most_used(words: Counter[str], pieces: list[str], alphabet: list[str], size: int) -> list[str]:
    """The ``size`` of ``pieces`` that tokenizing the words uses most, and all of ``alphabet``; in the order given."""
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *pieces])
    uses: Counter[str] = Counter()
    for word, count in words.items():
        for token_id in tokenizer.match_longest_first(word):
            uses[tokenizer.vocabulary[token_id]] += count
    kept = set(alphabet)
    others = sorted((piece for piece in pieces if piece not in kept), key=lambda piece: -uses[piece])
    kept.update(others[: size - len(alphabet)])
    return [piece for piece in pieces if piece in kept]


def join_in_word(pieces: list[str], pair: Pair, joined: str) -> list[str]:
    """``pieces`` with ``joined`` in place of each ``pair``, from the left.

    >>> join_in_word(["b", "##a", "##n", "##a", "##n", "##a"], ("##a", "##n"), "##an")
    ['b', '##an', '##an', '##a']
    """
    after, index = [], 0
    while index < len(pieces):
        if pieces[index] == pair[0] and pieces[index + 1 : index + 2] == [pair[1]]:
            after.append(joined)
            index += 2
        else:
            after.append(pieces[index])
            index += 1
    return after
