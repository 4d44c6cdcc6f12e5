"""What a batch needs, and next-sentence prediction of a corpus; if it is lacking, in a sentence."""

from bert.errors import InputError
from data.corpus.tokenized import TokenizedCorpus


def check_batch_size(batch_size: int, processes: int, accumulate: int, joined: int = 1) -> None:
    """Raises an InputError if the micro-batches of all processes cannot have equally many, and whole, sequences."""
    share = accumulate * processes * joined
    if batch_size < 1 or batch_size % share:
        sequences = "" if joined == 1 else f", each of whole sequences of {joined} examples (--join-examples)"
        raise InputError(
            f"--batch-size {batch_size} cannot be shared evenly among {processes} processes with {accumulate} "
            f"micro-batches each{sequences}: use a multiple of {share}, such as "
            f"{max(1, -(-batch_size // share)) * share}"
        )


def require_pairs(corpus: TokenizedCorpus, training_documents: int) -> None:
    """Raises an InputError if no sentence pairs can be made: a single document, or of single sentences."""
    if training_documents < 2:
        raise InputError(
            "the corpus has a single document to train on, and next-sentence prediction takes its random sentences "
            "from another one: use more text, separate documents by blank lines, or train without that task: --no-nsp"
        )
    if len(corpus.sentence_starts) == len(corpus.document_starts):
        raise InputError(
            f"each of the corpus's {corpus.number_of_documents:,} documents is a single sentence, so that no sentence "
            "ever follows another: separate documents, not sentences, by blank lines, or train without next-sentence "
            "prediction: --no-nsp"
        )
