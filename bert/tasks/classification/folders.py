"""A folder of texts for each label, as IMDb's reviews were published (Maas et al. 2011).

aclImdb/train/neg/0_3.txt
aclImdb/train/pos/0_9.txt
aclImdb/train/unsup/0_0.txt     a review without a label: it is passed over
"""

from collections.abc import Iterator
from pathlib import Path

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.lines import read_lines

UNLABELLED = "unsup"


def read_folders(path: str | Path, bad: BadRows) -> Iterator[tuple[int, tuple[str, str]]]:
    """The texts of a directory: (number of the text, (text, label)). They are ordered by label and name.

    Args:
        bad: takes texts that are empty or not UTF-8.

    Raises:
        InputError: if no folder has texts, or a file cannot be read.
    """
    files = sorted(Path(path).glob("*/*.txt"), key=lambda file: (file.parent.name, file.name))
    files = [file for file in files if file.parent.name != UNLABELLED]
    if not files:
        raise InputError(f"{path}: is a directory without texts; a folder of .txt files for each label was expected")
    for number, file in enumerate(files, start=1):
        before = bad.count
        text = "\n".join(line for _, line in read_lines(file, bad))
        if bad.count > before:
            continue
        if text.strip():
            yield number, (text, file.parent.name)
        else:
            bad.add(f"{file}: is empty")
