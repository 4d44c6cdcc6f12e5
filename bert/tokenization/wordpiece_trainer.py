"""Learns a WordPiece vocabulary from text.

We start with single characters. Again and again we join the pair of neighbouring pieces that is most worth joining.
We join it in every word at once, and stop when the vocabulary is full:

    h ##u ##g ##s,  h ##u ##g,  b ##u ##n     ##u ##g is in two words:  join
    h ##ug ##s,     h ##ug,     b ##u ##n     h ##ug is in two words:   join
    hug ##s,        hug,        b ##u ##n

Two methods differ in "most worth joining".

- **Likelihood** (Schuster and Nakajima 2012, the first WordPiece): the pair that raises the corpus's likelihood most.
  The likelihood is a unigram model's: roughly count(ab) * log(count(ab) * total / (count(a) * count(b))). It is often
  taught as the ratio count(ab) / (count(a) * count(b)). But the ratio prefers the rarest pairs.
- **Frequency** (Sennrich et al. 2016, byte-pair encoding): the most frequent pair.

Google never published the trainer of BERT's vocabulary. Like the Rust library ``tokenizers``, we go by frequency.
Each join then saves as many pieces as one join can. That is a vocabulary's purpose: text in few pieces.

Then comes one more step. The tokenizer takes the longest piece first and does not follow the joins. Many pieces that
were only steps to longer ones are never used: 1,574 of 30,522 for 32 MB of film reviews. Each would be a row of the
embeddings without any gradient. So we join a fifth more pieces than were asked for. We tokenize the corpus with all,
and drop the least used. Other reviews then need fewer pieces than with frequency alone: 0.4 % fewer for 30,522
pieces, 1 % fewer for 8,000.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from itertools import pairwise

from bert.errors import InputError
from bert.tokenization.normalization import SPLIT_IN_PYTHON_ALONE, Normalizer
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH, WordPieceTokenizer

# Most distinct chunks and words that are counted before rare ones are dropped; about 150 bytes each.
_MOST_CHUNKS = 1_000_000
_MOST_WORDS = 2_000_000
# A vocabulary may always have this many pieces of one character, first in a word or later. More may fill at most half
# of it. Rare characters of a noisy corpus must leave room for words.
_ALPHABET = 1000
# How many pieces are joined per piece kept. On film reviews 1.2 compressed best of 1.05 to 1.5.
_SURPLUS = 1.2

Pair = tuple[str, str]


def train_wordpiece(
    texts: Iterable[str],
    vocab_size: int,
    lowercase: bool = True,
    min_frequency: int = 2,
    strip_accents: bool | None = None,
    split_chinese: bool = True,
    reached: Callable[[int, int], None] | None = None,
) -> list[str]:
    """A vocabulary of ``vocab_size`` pieces: ``[PAD] [UNK] [CLS] [SEP] [MASK]``, characters, joined pieces.

    The result depends only on the words and their counts: no order of texts or dictionaries changes it. (If a corpus
    has more than two million distinct words, its rarest are dropped on the way.)

    Args:
        texts: read once, one at a time.
        vocab_size: how many pieces to learn, special tokens included. A corpus too small gives fewer, and a warning.
        lowercase, strip_accents, split_chinese: the settings of the tokenizer that will use the vocabulary.
        min_frequency: a rarer character or pair becomes no piece.
        reached: is told after each join how many pieces there are, and how many there will be.

    Raises:
        InputError: if there are no words to learn from, or no room for any piece.
    """
    if vocab_size <= len(SPECIAL_TOKENS):
        raise InputError(
            f"a vocabulary of {vocab_size} pieces was asked for, but the special tokens alone are "
            f"{len(SPECIAL_TOKENS)}; ask for more"
        )
    strip_accents = lowercase if strip_accents is None else strip_accents
    words = count_words(texts, Normalizer(lowercase, strip_accents, split_chinese))
    size = vocab_size - len(SPECIAL_TOKENS)
    alphabet = choose_alphabet(words, min(size, max(_ALPHABET, size // 2)), min_frequency)
    if not alphabet:
        raise InputError(f"no character occurs {min_frequency} times in the corpus; a vocabulary needs more text")
    pieces = join_pairs(words, alphabet, round(_SURPLUS * size), min_frequency, reached=reached)
    pieces = keep_most_used(words, pieces, alphabet, size)
    if len(SPECIAL_TOKENS) + len(pieces) < vocab_size:
        warnings.warn(
            f"the corpus is too small for a vocabulary of {vocab_size} pieces: no other pair of pieces occurs "
            f"{min_frequency} times; this vocabulary has {len(SPECIAL_TOKENS) + len(pieces)}",
            stacklevel=2,
        )
    return [*SPECIAL_TOKENS, *pieces]


def count_words(texts: Iterable[str], normalizer: Normalizer) -> Counter[str]:
    """The count of each normalized word in ``texts``. Words so long that they are always ``[UNK]`` are left out."""
    chunks: Counter[str] = Counter()  # between white space; each distinct one is normalized once
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
    """The pieces that a word starts as.

    >>> split_into_characters("hug")
    ['h', '##u', '##g']
    """
    return [word[0], *(CONTINUATION + character for character in word[1:])]


def choose_alphabet(words: Counter[str], limit: int, min_frequency: int) -> list[str]:
    """The ``limit`` most frequent characters, sorted. A word's first character and later ones are different pieces."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for piece in split_into_characters(word):
            counts[piece] += count
    frequent = [piece for piece, count in counts.items() if count >= min_frequency]
    frequent.sort(key=lambda piece: (-counts[piece], piece))
    return sorted(frequent[:limit])


def join_pairs(
    words: Counter[str],
    alphabet: list[str],
    size: int,
    min_frequency: int,
    spell: Callable[[str], list[str]] = split_into_characters,
    reached: Callable[[int, int], None] | None = None,
) -> list[str]:
    """``alphabet``, then the pieces that joining the most frequent pairs makes, up to ``size`` pieces.

    ``spell`` gives the pieces that a word starts as.

    Counts are updated, not made anew: a join changes only the words that hold the pair. A heap entry keeps the count of
    its time. If the count has changed since, the entry is put back with the new one. Of equally frequent pairs, the
    first in alphabetical order is joined.
    """
    known = set(alphabet)
    spelled: list[list[str]] = []
    counts: list[int] = []
    pair_counts: Counter[Pair] = Counter()
    words_with: defaultdict[Pair, set[int]] = defaultdict(set)
    for word, count in words.items():
        pieces = spell(word)
        if not known.issuperset(pieces):
            continue  # the tokenizer makes it [UNK], whatever is joined
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
        if reached:
            reached(len(vocabulary), size)
    return list(vocabulary)


def keep_most_used(words: Counter[str], pieces: list[str], alphabet: list[str], size: int) -> list[str]:
    """``size`` pieces in the given order: all of ``alphabet``, and those most used in tokenizing the words."""
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
