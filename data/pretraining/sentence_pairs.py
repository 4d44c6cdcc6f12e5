"""Documents to examples: which sentences stand together in one input of BERT.

Devlin et al. 2018, appendix A.2; google-research/bert, ``create_pretraining_data.py``. A pass over a document takes its
sentences in order. They make a chunk when there are ``target`` tokens or the document ends. We cut the chunk at a
random sentence into A and the rest. B is then

    the rest                                                (label 0: B follows A)
    or, in half of the cases, sentences of another document (label 1: B is random); the rest then begins the
                                                            next chunk. A chunk of one sentence has no rest:
                                                            its B is always random

In the end we drop tokens from the ends of A and B until both fit. Nothing is copied: an example is two ranges of the
corpus's tokens. We plan all documents of a window at once, one example of each at a time.

The distributions are the same as the reference's, but other numbers are drawn. Each is a function of the seed, the
epoch, and the start of the document or chunk in the corpus.
"""

from enum import IntEnum

import numpy as np

from bert.errors import InputError
from bert.randomness import fair_coins, random_bits, random_fractions, random_integers
from data.corpus.held_out import HeldOutDocuments, TrainingDocuments
from data.corpus.tokenized import TokenizedCorpus

SHORTEST_MAX_LENGTH = 8
_SHORT_SEQUENCE_PROBABILITY = 0.1

EXAMPLE = np.dtype([
    ("chunk", np.int64),  # the first token of the example's chunk; it names the example within an epoch
    ("a_start", np.int64),  # A is tokens[a_start:a_end] of the corpus
    ("a_end", np.int64),
    ("b_start", np.int64),  # likewise B; it is empty without next-sentence prediction
    ("b_end", np.int64),
    ("is_random", np.int64),  # the label
])  # fmt: skip

Documents = TrainingDocuments | HeldOutDocuments
Name = tuple[int, int]  # seed and epoch: the first parts of the names of all random numbers


def check_max_length(max_length: int, flag: str | None = None) -> None:
    """Raises an InputError, which names the flag, if inputs of this length have no room for text."""
    if max_length < SHORTEST_MAX_LENGTH:
        raise InputError(
            f"{flag or f'--max-length {max_length}'}: an input has two or three special tokens, and "
            f"{SHORTEST_MAX_LENGTH} positions are the fewest that leave room for text; name a larger one"
        )


class _Draw(IntEnum):
    """What a random number is for: part of its name."""

    IS_SHORT = 100
    SHORT_LENGTH = 101
    A_SENTENCES = 102
    IS_RANDOM = 103
    OTHER_DOCUMENT = 104
    OTHER_SENTENCE = 105
    A_FROM_FRONT = 106
    B_FROM_FRONT = 107
    ORDER = 108


def plan_examples(
    corpus: TokenizedCorpus,
    documents: np.ndarray,
    others: Documents,
    max_length: int,
    seed: int,
    epoch: int,
    next_sentence_prediction: bool = True,
    copy: int | None = None,
) -> np.ndarray:
    """The examples of one pass over ``documents``, in random order: (examples,) of type ``EXAMPLE``.

    Args:
        documents: (n,) indices of the documents to pass over.
        others: the documents that random sentences come from.
        max_length: the most positions of an input, special tokens included.
        seed, epoch: name the random numbers.
        next_sentence_prediction: makes pairs. Without it, an example is whole sentences of one document.
        copy: names the random numbers in place of the epoch, but for those of the order. So epochs of one copy have the
            same examples in different orders.

    Raises:
        InputError: if max_length is too small.
    """
    check_max_length(max_length)
    name = (seed, epoch if copy is None else copy)
    if next_sentence_prediction:
        examples = _plan_pairs(corpus, documents, others, max_length - 3, name)
    else:
        examples = _plan_single_segments(corpus, documents, max_length - 2, name)
    return examples[np.argsort(random_bits(seed, epoch, _Draw.ORDER, examples["chunk"]))]


def _plan_pairs(
    corpus: TokenizedCorpus, documents: np.ndarray, others: Documents, longest: int, name: Name
) -> np.ndarray:
    token_at, sentence_at = corpus.sentence_starts, corpus.document_starts
    target = _target_lengths(documents, longest, name)
    sentence = sentence_at[documents]  # the next one of each document
    document_end = sentence_at[documents + 1]
    planned = [np.zeros(0, EXAMPLE)]
    while len(documents):
        chunk = token_at[sentence]
        chunk_end = np.minimum(np.searchsorted(token_at, chunk + target), document_end)
        # The reference draws up to ten times until the document is another one. Ours always is another.
        other = _other_documents(others, documents, name, chunk)
        examples, sentence = make_pairs(corpus, sentence, chunk_end, target, other, name)
        _truncate(examples, longest, name)
        planned.append(examples)
        unfinished = sentence < document_end
        documents, target = documents[unfinished], target[unfinished]
        sentence, document_end = sentence[unfinished], document_end[unfinished]
    return np.concatenate(planned)


def make_pairs(
    corpus: TokenizedCorpus,
    sentence: np.ndarray,
    chunk_end: np.ndarray,
    target: np.ndarray,
    other: np.ndarray,
    name: Name,
) -> tuple[np.ndarray, np.ndarray]:
    """A pair of each chunk: A, and a B that follows it or is random. Tokens too many are not dropped yet.

    A is the first sentences of the chunk. Their number is random, but one at least stays for the rest. A chunk of one
    sentence is all A. A random B begins at a random sentence of the other document. It ends with the sentence that
    fills the target, or with its document. It has one sentence at least.

    Args:
        corpus: sentence i is the tokens from ``sentence_starts[i]`` up to the next start. Document d is the sentences
            from ``document_starts[d]`` up to the next start.
        sentence, chunk_end: (chunks,) the first sentence of each chunk, and the first one after it.
        target: (chunks,) the length of A and B together to aim at, in tokens.
        other: (chunks,) a document for the random B.
        name: of the random numbers. Each has the chunk's first token as its last part.

    Returns:
        (chunks,) of type ``EXAMPLE``; and (chunks,) the sentence with which the next chunk begins. That is the rest's
        first if B is random.
    """
    token_at, sentence_at = corpus.sentence_starts, corpus.document_starts
    chunk, sentences = token_at[sentence], chunk_end - sentence
    a_end = sentence + random_integers(1, np.maximum(sentences - 1, 1), *name, _Draw.A_SENTENCES, chunk)
    is_random = (sentences == 1) | (random_fractions(*name, _Draw.IS_RANDOM, chunk) < 0.5)

    other_end = sentence_at[other + 1]
    random_first = random_integers(sentence_at[other], other_end - 1, *name, _Draw.OTHER_SENTENCE, chunk)
    random_target = token_at[random_first] + target - (token_at[a_end] - chunk)
    random_end = np.clip(np.searchsorted(token_at, random_target), random_first + 1, other_end)

    examples = np.zeros(len(chunk), EXAMPLE)
    examples["chunk"] = examples["a_start"] = chunk
    examples["a_end"] = token_at[a_end]
    examples["b_start"] = token_at[np.where(is_random, random_first, a_end)]
    examples["b_end"] = token_at[np.where(is_random, random_end, chunk_end)]
    examples["is_random"] = is_random
    return examples, np.where(is_random, a_end, chunk_end)


def _plan_single_segments(corpus: TokenizedCorpus, documents: np.ndarray, longest: int, name: Name) -> np.ndarray:
    """As many whole sentences as fit into the target length. A longer sentence is cut.

    The rest of a cut sentence begins the next example, so that an epoch has every token once. Source: Liu et al. 2019
    (RoBERTa), section 4.2, "DOC-SENTENCES"; but our batch size stays the same.
    """
    token_at, sentence_at = corpus.sentence_starts, corpus.document_starts
    target = _target_lengths(documents, longest, name)
    token = token_at[sentence_at[documents]]  # the next one of each document
    document_end = token_at[sentence_at[documents + 1]]
    planned = [np.zeros(0, EXAMPLE)]
    while len(token):
        sentence_end = token_at[np.searchsorted(token_at, token + target, side="right") - 1]
        end = np.where(sentence_end > token, np.minimum(sentence_end, document_end), token + target)
        examples = np.zeros(len(token), EXAMPLE)
        examples["chunk"] = examples["a_start"] = token
        examples["a_end"] = end
        planned.append(examples)
        unfinished = end < document_end
        token, document_end, target = end[unfinished], document_end[unfinished], target[unfinished]
    return np.concatenate(planned)


def _target_lengths(documents: np.ndarray, longest: int, name: Name) -> np.ndarray:
    """The length to aim at, one for each pass over a document. One pass in ten aims at a shorter one."""
    short = random_integers(2, longest, *name, _Draw.SHORT_LENGTH, documents)
    is_short = random_fractions(*name, _Draw.IS_SHORT, documents) < _SHORT_SEQUENCE_PROBABILITY
    return np.where(is_short, short, longest)


def _other_documents(others: Documents, documents: np.ndarray, name: Name, chunk: np.ndarray) -> np.ndarray:
    """A random document of ``others`` for each of ``documents``, never the document itself."""
    own_index = others.own_indices(documents)
    other_index = random_integers(0, others.count - 2, *name, _Draw.OTHER_DOCUMENT, chunk)
    return others.corpus_indices(other_index + (other_index >= own_index))  # skips the document itself


def _truncate(examples: np.ndarray, longest: int, name: Name) -> None:
    """Drops tokens, one at a time, from a random end of the longer side (of B, if they are equal).

    Each side's loss is certain: first the longer side loses its surplus, then B and A lose one in turn. Only the end is
    random: we toss a coin for each lost token, and each head drops one from the front.
    """
    a_length = examples["a_end"] - examples["a_start"]
    b_length = examples["b_end"] - examples["b_start"]
    excess = np.maximum(a_length + b_length - longest, 0)
    from_longer = np.minimum(excess, np.abs(a_length - b_length))
    in_turn = excess - from_longer
    for side, lost, draw in (
        ("a", in_turn // 2 + np.where(a_length > b_length, from_longer, 0), _Draw.A_FROM_FRONT),
        ("b", (in_turn + 1) // 2 + np.where(a_length > b_length, 0, from_longer), _Draw.B_FROM_FRONT),
    ):
        from_front = fair_coins(lost, *name, draw, examples["chunk"])
        examples[f"{side}_start"] += from_front
        examples[f"{side}_end"] -= lost - from_front
