"""Checks of pairs: what must be true of each, and how often, on chunks of a corpus whose tokens are their indices."""

from types import ModuleType, SimpleNamespace

import numpy as np

from bert.exercises.checks.compare import require, require_tuple

DOCUMENTS, SENTENCES = 200, 12  # documents, and sentences in each
IN_CHUNK = (1, 2, 5)  # sentences of a chunk
TARGET = 60


def check_a_and_the_rest(module: ModuleType) -> None:
    chunks, pairs, _ = _pairs(module)
    starts = chunks.starts
    for field in ("chunk", "a_start"):
        require((pairs[field] == starts[chunks.first]).all(), f"{field} must be the chunk's first token")
    end = pairs["a_end"]
    require((end > pairs["a_start"]).all(), "A is empty in some pairs; it has one sentence at least")
    require(np.isin(end, starts).all(), "A ends inside a sentence; it is whole sentences")
    require((end <= starts[chunks.end]).all(), "A goes beyond the end of its chunk")
    several = chunks.end - chunks.first > 1
    require((end < starts[chunks.end])[several].all(), "A is the whole chunk in some pairs; a sentence must stay for B")
    of_five = chunks.end - chunks.first == 5
    lengths = np.searchsorted(starts, end[of_five]) - chunks.first[of_five]
    require(
        len(np.unique(lengths)) == 4,
        f"of five sentences A has {sorted(set(lengths.tolist()))}; it must have 1, 2, 3 or 4, at random",
    )


def check_the_labels(module: ModuleType) -> None:
    chunks, pairs, _ = _pairs(module)
    is_random = pairs["is_random"] == 1
    require(np.isin(pairs["is_random"], (0, 1)).all(), "is_random must be 0 or 1")
    follows = pairs["b_start"] == pairs["a_end"]
    require(
        not (follows == is_random).all(),
        "the labels are turned round: is_random is 1 if B is from another document, and 0 if it follows A",
    )
    several = chunks.end - chunks.first > 1
    require(
        is_random[~several].all(),
        "a chunk of one sentence has no rest, so its B is always random; some have the label 0",
    )
    require(follows[~is_random].all(), "the label is 0, but B does not begin at the end of A")
    rest = pairs["b_end"] == chunks.starts[chunks.end]
    require(rest[~is_random].all(), "the label is 0, but B does not end with its chunk")
    require((~follows[is_random]).all(), "the label is 1, but B follows A")
    share = is_random[several].mean()
    allowed = 5 * 0.5 / np.sqrt(several.sum())
    require(
        abs(share - 0.5) < allowed, f"B is random in {share:.0%} of the chunks of several sentences, instead of half"
    )


def check_a_random_b(module: ModuleType) -> None:
    chunks, pairs, _ = _pairs(module)
    of_random = pairs["is_random"] == 1
    other = chunks.other[of_random]
    first, end = (np.searchsorted(chunks.starts, pairs[field][of_random]) for field in ("b_start", "b_end"))
    for field in ("b_start", "b_end"):
        require(
            np.isin(pairs[field][of_random], chunks.starts).all(),
            "a random B has a part of a sentence; it is whole ones",
        )
    in_other = (first >= SENTENCES * other) & (first < SENTENCES * (other + 1))
    require(in_other.all(), "a random B does not begin in the document that is given for it (other)")
    require((end <= SENTENCES * (other + 1)).all(), "a random B goes on into the next document; it ends with its own")
    require((end > first).all(), "a random B is empty; it has one sentence at least")
    places = np.unique(first - SENTENCES * other)
    require(len(places) > 1, "a random B always begins with the same sentence of its document; draw one")
    require(len(places) == SENTENCES, f"a random B can begin with {len(places)} of {SENTENCES} sentences, not with all")
    in_a = (pairs["a_end"] - pairs["a_start"])[of_random]
    b_lengths = chunks.starts[end] - chunks.starts[first]
    shorter = chunks.starts[end - 1] - chunks.starts[first]  # without the last sentence
    too_long = (in_a + shorter >= TARGET) & (end - first > 1)
    require(not too_long.any(), "a random B goes on although A and B have the target's length: A's length counts, too")
    too_short = (in_a + b_lengths < TARGET) & (end < SENTENCES * (other + 1))
    require(not too_short.any(), "a random B ends before A and B have the target's length")


def check_the_next_chunk(module: ModuleType) -> None:
    chunks, pairs, following = _pairs(module)
    after_a = np.searchsorted(chunks.starts, pairs["a_end"])
    is_random = pairs["is_random"] == 1
    several = chunks.end - chunks.first > 1
    require(
        not (following == chunks.end)[is_random & several].all(),
        "after a random B the rest of the chunk is lost; the next chunk must begin with it",
    )
    expected = np.where(is_random, after_a, chunks.end)
    require(
        not (following == np.where(is_random, chunks.end, after_a)).all(),
        "the next chunk is the wrong way round: it begins with the rest if B is random, and after the chunk if not",
    )
    require((following == expected).all(), "the second result must be the sentence with which the next chunk begins")


def check_the_names_of_random_numbers(module: ModuleType) -> None:
    _, pairs, _ = _pairs(module)
    require((_pairs(module)[1] == pairs).all(), "a second call with the same name gives other pairs")
    for name in ((2, 0), (1, 1)):
        other = _pairs(module, name)[1]
        for field, what in (("is_random", "B is random in the same chunks"), ("a_end", "A has the same sentences")):
            same = (other[field] == pairs[field])[np.arange(len(pairs)) % 3 == 2].mean()
            require(same < 0.9, f"with another seed or epoch {what}: name is part of a random number's name")


def _pairs(module: ModuleType, name: tuple[int, int] = (1, 0)) -> tuple[SimpleNamespace, np.ndarray, np.ndarray]:
    """Chunks of 1, 2 and 5 sentences from each document, their pairs, and the sentences of the next chunks."""
    lengths = np.random.default_rng(5).integers(3, 20, DOCUMENTS * SENTENCES)
    starts = np.append(0, np.cumsum(lengths))
    documents = np.repeat(np.arange(DOCUMENTS), len(IN_CHUNK))
    first = SENTENCES * documents + np.tile([0, 3, 6], DOCUMENTS)
    chunks = SimpleNamespace(
        starts=starts, first=first, end=first + np.tile(IN_CHUNK, DOCUMENTS), other=(documents * 7 + 3) % DOCUMENTS
    )
    corpus = SimpleNamespace(sentence_starts=starts, document_starts=np.arange(DOCUMENTS + 1) * SENTENCES)
    target = np.full(len(first), TARGET)
    result = module.make_pairs(corpus, chunks.first, chunks.end, target, chunks.other, name)
    pairs, following = require_tuple(result, 2, "make_pairs")
    has_fields = isinstance(pairs, np.ndarray) and pairs.dtype == module.EXAMPLE and pairs.shape == first.shape
    require(has_fields, "the first result must be an array of the type EXAMPLE, with an entry for each chunk")
    require(np.shape(following) == first.shape, "the second result must be an array with a sentence for each chunk")
    return chunks, pairs, np.asarray(following)
