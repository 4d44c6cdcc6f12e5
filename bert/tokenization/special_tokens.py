"""The five pieces that stand for something other than text.

BERT (Devlin et al. 2018, section 3) opens every input with ``[CLS]``, closes every segment with
``[SEP]``, hides words behind ``[MASK]``, fills up short rows with ``[PAD]``; ``[UNK]`` stands for a
word that the vocabulary cannot spell.
"""

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"

# The order in which a freshly learned vocabulary starts, so that padding is id 0.
SPECIAL_TOKENS = (PAD, UNK, CLS, SEP, MASK)
