"""The five pieces that do not stand for text.

``[CLS]`` opens every input. ``[SEP]`` closes every segment. ``[MASK]`` hides a word. ``[PAD]`` fills up short rows.
``[UNK]`` is a word that the vocabulary cannot spell. Source: Devlin et al. 2018, section 3.
"""

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"

# A learned vocabulary starts in this order, so padding is id 0.
SPECIAL_TOKENS = (PAD, UNK, CLS, SEP, MASK)
