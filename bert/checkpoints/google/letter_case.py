"""Whether a model reads capitals, if no file says so. Google's archives have no ``tokenizer_config.json``.

google-research/bert asks the user (``--do_lower_case``), and warns if the folder's name says something else. A folder
may be renamed. The vocabulary knows it too: it was learned from texts as the model read them.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

_SHARE = 0.01  # of pieces with capitals. Google's cased vocabularies have 20 % and more, the others none or a few added


def is_lowercased(vocabulary: Sequence[str], directory: Path) -> bool:
    """Whether texts are to be lower-cased for a vocabulary. A warning says what was decided, and why."""
    capitals = sum(piece != piece.lower() for piece in vocabulary if not piece.startswith("["))  # [CLS]
    lowercased = capitals <= _SHARE * len(vocabulary)
    are, opposite = ("are", "false") if lowercased else ("are not", "true")
    warnings.warn(
        f"{directory}: texts {are} lower-cased, since {capitals:,} of its {len(vocabulary):,} pieces have capitals; if "
        f'that is wrong, write a tokenizer_config.json there: {{"do_lower_case": {opposite}}}',
        stacklevel=3,
    )
    return lowercased
