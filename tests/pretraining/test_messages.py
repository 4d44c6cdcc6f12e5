import numpy as np

from data.corpus.tokenized import TokenizedCorpus
from pretraining.messages import warn_of_random_pairs


def test_a_note_names_the_share_of_random_pairs_its_cause_and_the_remedies_above_three_fifths():
    # 60 tokens in 6 sentences in 4 documents
    corpus = TokenizedCorpus(np.zeros(60), np.arange(0, 61, 10), np.array([0, 1, 2, 4, 6]), np.zeros(0), np.zeros(0))
    for share in (0.0, 0.5, 0.6):
        assert warn_of_random_pairs(share, corpus, 24) == ""
    note = warn_of_random_pairs(0.601, corpus, 24)
    assert note.startswith("Note: 60.1% of the sentence pairs are random")
    assert "a document has 1.5 sentences on average, a sentence 10 tokens, and an input 24" in note
    for remedy in ("--document-per-line", "--max-length", "--no-nsp"):
        assert remedy in note
