"""Learns a SentencePiece model from text, with the sentencepiece library.

Kudo 2018, section 3.2: a unigram model starts with very many pieces. The pieces that the corpus's likelihood needs
least are dropped, until few enough remain. Sennrich et al. 2016: a byte-pair model starts with characters. The most
frequent pair of pieces becomes a piece, until there are enough.
"""

import io
import re
import warnings
from collections.abc import Iterable, Iterator

from bert.errors import InputError
from bert.tokenization.special_tokens import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK

# Longer texts are cut, at a space if there is one. The library would leave them out.
_LONGEST_TEXT = 4000  # characters
_MODEL_TYPES = ("unigram", "bpe")


def train_sentencepiece(
    texts: Iterable[str],
    vocab_size: int,
    model_type: str = "unigram",
    normalization: str = "nmt_nfkc",
    max_texts: int = 1_000_000,
    character_coverage: float = 0.9995,
) -> bytes:
    """A model of ``vocab_size`` pieces: ``[PAD] [UNK] [CLS] [SEP] [MASK]``, then the learned ones.

    The first four are control symbols, which no text can spell. ``[MASK]`` is a user-defined symbol: a user may type
    it, and it is one piece anywhere. The library runs on one thread, without sampling: the same texts give the same
    model.

    Args:
        texts: read once, one at a time; the library holds them in memory.
        vocab_size: how many pieces to learn, special tokens included. A corpus too small gives fewer, and a warning.
        model_type: "unigram" or "bpe".
        normalization: rules of the library: "nmt_nfkc", "nfkc", "nmt_nfkc_cf" and "nfkc_cf" (these two also
            lower-case), or "identity".
        max_texts: learn from the first ``max_texts`` texts.
        character_coverage: the share of the text's characters that have pieces; the rarest ones become ``[UNK]``.
            The library's default leaves out one character in 2,000.

    Returns:
        the content of a ``.model`` file.

    Raises:
        InputError: if there is no text, or ``vocab_size`` is too small for the special tokens and characters.
    """
    import sentencepiece  # only training needs it, and it takes long to load

    if model_type not in _MODEL_TYPES:
        raise ValueError(f"model_type is {model_type!r}; it must be one of {', '.join(_MODEL_TYPES)}")
    if vocab_size <= len(SPECIAL_TOKENS):
        raise InputError(f"{vocab_size} pieces are too few: the special tokens alone are {len(SPECIAL_TOKENS)}")
    kept = [part for _, text in zip(range(max_texts), texts) for part in _parts(text)]
    if not kept:
        raise InputError("no text to learn pieces from: every text is empty; give a corpus with text in it")

    def train(size: int) -> bytes:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(kept),
            model_writer=model,
            vocab_size=size,
            model_type=model_type,
            normalization_rule_name=normalization,
            character_coverage=character_coverage,
            pad_id=SPECIAL_TOKENS.index(PAD),
            unk_id=SPECIAL_TOKENS.index(UNK),
            bos_id=SPECIAL_TOKENS.index(CLS),
            eos_id=SPECIAL_TOKENS.index(SEP),
            pad_piece=PAD,
            unk_piece=UNK,
            bos_piece=CLS,
            eos_piece=SEP,
            user_defined_symbols=[MASK],
            max_sentence_length=_LONGEST_TEXT * 4,  # bytes
            num_threads=1,
            minloglevel=2,
        )
        return model.getvalue()

    try:
        return train(vocab_size)
    except RuntimeError as error:
        least = re.search(r"smaller than required_chars. \d+ vs (\d+)", str(error))
        if least is not None:
            raise InputError(
                f"{vocab_size} pieces are too few: the special tokens and the corpus's characters alone are "
                f"{least.group(1)}; ask for more"
            ) from None
        most = re.search(r"Please set it to a value <= (\d+)", str(error))
        if most is None:
            raise InputError(f"SentencePiece cannot learn {vocab_size} pieces from this corpus: {error}") from None
    reachable = int(most.group(1))
    warnings.warn(
        f"the corpus is too small for {vocab_size} pieces; {reachable} are learned, the most it gives", stacklevel=2
    )
    return train(reachable)


def _parts(text: str) -> Iterator[str]:
    """The lines of a text, long ones in parts, without characters that the library cannot read."""
    for line in text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").splitlines():
        while len(line) > _LONGEST_TEXT:
            end = line.rfind(" ", 1, _LONGEST_TEXT)
            end = end if end > 0 else _LONGEST_TEXT
            yield line[:end]
            line = line[end:]
        if line.strip():
            yield line
