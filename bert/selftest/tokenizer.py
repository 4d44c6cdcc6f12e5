"""The tokenizer against its rules, on texts that tokenizers get wrong."""

from collections.abc import Iterator

from bert.selftest.equations.unigram import best_score
from bert.selftest.equations.wordpiece import SPECIAL, model_input, pieces
from bert.selftest.rows import EXACT, Row, check, not_tried
from bert.selftest.samples import ASCII, OTHERS, PAIRS, SHORT_WORDS
from bert.tokenization.sentencepiece.model_file import Kind, parse_model
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import CONTINUATION, WordPieceTokenizer

NEAR_TIE = 1e-3  # the library adds up scores in float32, and its rounding may choose
WORDPIECE, ENCODING = "bert/tokenization/wordpiece.py", "bert/tokenization/encoding.py"


def tokenizer_rows(tokenizer: Tokenizer) -> Iterator[Row]:
    """The rows of a tokenizer. Errors are counts of texts."""
    file = WORDPIECE
    if isinstance(tokenizer, WordPieceTokenizer):
        known = frozenset(tokenizer.vocabulary[: tokenizer.pieces_in_words])
        own = [token.content for token in tokenizer.added_tokens if token.content not in SPECIAL]
        if own:
            yield not_tried("pieces (texts)", file, f"{len(own)} tokens were added, such as {own[0]}")
        else:
            yield check("pieces (texts)", file, EXACT, lambda: float(len(wrong_texts(tokenizer, known))))
        yield check("offsets (texts)", file, EXACT, lambda: float(sum(map(has_wrong_offsets(tokenizer), ASCII))))
    else:
        file = "bert/tokenization/sentencepiece/tokenizer.py"
        if isinstance(tokenizer, SentencePieceTokenizer):
            yield cuts_row(tokenizer)
    yield check("the fast way and the slow one (texts)", file, EXACT, lambda: two_ways_error(tokenizer))
    yield check("[CLS] first [SEP] second [SEP] (texts)", ENCODING, EXACT, lambda: inputs_error(tokenizer))


def wrong_texts(tokenizer: WordPieceTokenizer, known: frozenset[str]) -> list[str]:
    """The texts whose pieces are not those of the rules."""
    switches = tokenizer.lowercase, tokenizer.strip_accents, tokenizer.split_chinese
    return [text for text in ASCII + OTHERS if tokenizer.tokenize(text) != pieces(text, known, *switches)]


def has_wrong_offsets(tokenizer: WordPieceTokenizer):
    """A function: whether a piece of an ASCII text is not the part of the text that its offsets name."""

    def is_wrong(text: str) -> bool:
        found = tokenizer.pieces(text)
        for token_id, (start, end) in zip(found.ids, found.offsets, strict=True):
            piece, part = tokenizer.id_to_token(token_id), text[start:end]
            part = part.lower() if tokenizer.lowercase and piece not in SPECIAL else part
            if piece != "[UNK]" and part not in (piece, piece.removeprefix(CONTINUATION)):
                readable = "".join(filter(str.isprintable, part))  # a control character may stand within a word
                if readable not in (piece, piece.removeprefix(CONTINUATION)):
                    return True
        return False

    return is_wrong


def cuts_row(tokenizer: SentencePieceTokenizer) -> Row:
    """The row of a unigram model's cuts: how many short words have a better one. All cuts of a word are tried."""
    name, file = "the most probable cut (words)", "bert/tokenization/sentencepiece/unigram.py"
    model = parse_model(tokenizer.model_bytes)
    if not model.is_unigram:
        return not_tried(name, "bert/tokenization/sentencepiece/byte_pair.py", "byte pairs: the tests compare them")
    scores = {
        piece: score for piece, score, kind in zip(model.pieces, model.scores, model.kinds) if kind == Kind.NORMAL
    }
    found = [(word, tokenizer.tokenize(word)) for word in SHORT_WORDS]
    plain = [(word, pieces) for word, pieces in found if set(pieces) <= scores.keys()]  # every character has a piece
    if not plain:
        return not_tried(name, file, "this vocabulary has no piece for a letter of each sample word")

    def worse() -> float:
        sums = [(sum(scores[piece] for piece in pieces), best_score("".join(pieces), scores)) for _, pieces in plain]
        return float(sum(found < best - NEAR_TIE for found, best in sums))

    return check(name, file, EXACT, worse, f"{len(plain)} words")


def two_ways_error(tokenizer: Tokenizer) -> float:
    """How many texts have other ids in the way that is made for speed."""
    return float(sum(tokenizer.encode(text) != tokenizer.pieces(text).ids for text in ASCII + OTHERS))


def inputs_error(tokenizer: Tokenizer) -> float:
    """How many inputs are laid out wrongly."""
    names = dict(zip(("[CLS]", "[SEP]"), (tokenizer.cls_token_id, tokenizer.sep_token_id)))
    wrong = 0
    for first, second in PAIRS:
        found = tokenizer(first, second)
        ids_of_first = list(map(str, tokenizer.encode(first)))  # ids as texts stand for pieces
        ids_of_second = None if second is None else list(map(str, tokenizer.encode(second)))
        expected, segments = model_input(ids_of_first, ids_of_second)
        ids = [names[piece] if piece in names else int(piece) for piece in expected]
        wrong += (found.input_ids, found.token_type_ids) != (ids, segments)
    return float(wrong)
