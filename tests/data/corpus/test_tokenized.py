import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from bert.errors import InputError
from bert.tokenization.wordpiece import WordPieceTokenizer
from data.corpus.held_out import is_held_out
from data.corpus.tokenized import open_corpus, write_corpus
from tests.processes import workers_here

WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "abc", ".", "xyz"]


def make_documents(count=200, seed=0):
    """Documents of one to five sentences of 1 to 29 words."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield [" ".join(random.choice(WORDS, random.integers(1, 30))) for _ in range(random.integers(1, 6))]


def sentences_of(corpus):
    """Reads the corpus back, one document at a time, the slow way."""
    starts = corpus.sentence_starts
    for first, end in zip(corpus.document_starts[:-1], corpus.document_starts[1:]):
        yield [corpus.tokens[starts[s] : starts[s + 1]].tolist() for s in range(first, end)]


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_tokenized_corpus_holds_the_ids_of_every_sentence(tokenizer, tmp_path):
    corpus = write_corpus(make_documents(), tokenizer, tmp_path / "tokenized")
    assert list(sentences_of(corpus)) == [tokenizer.encode_batch(document) for document in make_documents()]
    assert corpus.number_of_documents == 200
    assert corpus.vocab_size == tokenizer.vocab_size
    assert corpus.tokens.dtype == np.uint16
    assert not corpus.tokens.flags.writeable


def test_held_out_documents_are_marked_and_not_counted(tokenizer, tmp_path):
    corpus = write_corpus(make_documents(), tokenizer, tmp_path)
    held_out = [number for number in range(200) if is_held_out(number)]
    assert len(held_out) > 2
    assert corpus.held_out.tolist() == held_out
    training = [number for number in range(200) if number not in held_out]
    documents = list(sentences_of(corpus))
    ids = [token_id for number in training for sentence in documents[number] for token_id in sentence]
    assert corpus.training_counts.tolist() == np.bincount(ids, minlength=tokenizer.vocab_size).tolist()


def test_sentences_and_documents_without_a_token_are_dropped(tokenizer, tmp_path):
    documents = [["the cat", " ", "sat"], ["\u200b"], ["\x00", ""], ["dog"], ["mat"]]
    corpus = write_corpus(documents, tokenizer, tmp_path)
    assert list(sentences_of(corpus)) == [tokenizer.encode_batch(d) for d in (["the cat", "sat"], ["dog"], ["mat"])]
    assert corpus.held_out.tolist() == []  # document 2 has no token


def test_the_index_among_all_documents_decides_which_are_held_out_however_the_corpus_is_cut(
    tokenizer, tmp_path, monkeypatch
):
    monkeypatch.setattr("data.corpus.tokenizing._CHARACTERS_PER_TASK", 500)  # many parts
    documents = list(make_documents())
    for number in (0, 7, 40, 41, 100):
        documents[number] = ["\u200b"]  # no token: it is dropped
    corpus = write_corpus(documents, tokenizer, tmp_path)
    kept = [number for number, document in enumerate(documents) if document != ["\u200b"]]
    assert corpus.held_out.tolist() == [place for place, number in enumerate(kept) if is_held_out(number)]
    training = [sentence for number in kept if not is_held_out(number) for sentence in documents[number]]
    ids = [token_id for sentence in tokenizer.encode_batch(training) for token_id in sentence]
    assert corpus.training_counts.tolist() == np.bincount(ids, minlength=tokenizer.vocab_size).tolist()


@pytest.mark.parametrize("processes", [2, 3])
def test_the_number_of_processes_does_not_change_a_byte(tokenizer, tmp_path, monkeypatch, processes):
    monkeypatch.setattr("data.corpus.tokenizing._CHARACTERS_PER_TASK", 500)
    write_corpus(make_documents(), tokenizer, tmp_path / "one", processes=1)
    write_corpus(make_documents(), tokenizer, tmp_path / "several", processes=processes)
    assert contents(tmp_path / "one") == contents(tmp_path / "several")
    assert not workers_here()
    write_corpus(make_documents(seed=1), tokenizer, tmp_path / "other", processes=processes)
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_large_vocabularies_take_four_bytes(tmp_path):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = WordPieceTokenizer([*special, *(f"w{number}" for number in range(1 << 16))])
    corpus = write_corpus([["w65535 w0"], ["w1"]], tokenizer, tmp_path)
    assert corpus.tokens.dtype == np.uint32
    assert corpus.tokens.tolist() == [5 + 65535, 5, 6]


def test_a_corpus_of_the_same_text_and_tokenizer_is_used_again(tokenizer, tmp_path):
    def read_again():
        raise AssertionError("the corpus was read again")
        yield

    first = write_corpus(make_documents(), tokenizer, tmp_path, fingerprint="corpus 1")
    again = write_corpus(read_again(), tokenizer, tmp_path, fingerprint="corpus 1")
    assert (first.tokens == again.tokens).all()
    with pytest.raises(AssertionError):
        write_corpus(read_again(), tokenizer, tmp_path, fingerprint="corpus 2")
    write_corpus(make_documents(), tokenizer, tmp_path, fingerprint="corpus 1")
    other_tokenizer = WordPieceTokenizer(tokenizer.vocabulary, lowercase=False)
    with pytest.raises(AssertionError):
        write_corpus(read_again(), other_tokenizer, tmp_path, fingerprint="corpus 1")


def test_the_fingerprint_of_a_tokenizer_is_the_same_in_another_process(tokenizer, tmp_path):
    program = f"""
    from bert.tokenization.wordpiece import WordPieceTokenizer
    from data.corpus.tokenized import write_corpus
    tokenizer = WordPieceTokenizer({tokenizer.vocabulary!r})
    tokenizer.encode("the cache is no part of it")
    write_corpus([["the cat", "sat"]], tokenizer, {str(tmp_path)!r}, fingerprint="corpus")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)
    assert len(write_corpus([], tokenizer, tmp_path, fingerprint="corpus").tokens) == 3


def test_damaged_or_missing_files_are_named_and_made_anew(tokenizer, tmp_path):
    def make():
        return write_corpus(make_documents(), tokenizer, tmp_path, fingerprint="corpus")

    whole = len(make().tokens)
    for name, damage in [
        ("tokens.bin", lambda content: content[:-1]),
        ("tokens.bin", lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:]),
        ("sentence_starts.bin", lambda content: content + b"\0" * 8),
        ("document_starts.bin", None),
        ("facts.json", lambda content: content[:100]),
        ("facts.json", lambda content: b"{}"),
        ("facts.json", None),
    ]:
        path = tmp_path / name
        if damage:
            path.write_bytes(damage(path.read_bytes()))
        else:
            path.unlink()
        with pytest.raises(InputError, match=name):
            open_corpus(tmp_path)
        assert len(make().tokens) == whole


@pytest.mark.parametrize("damage", [
    {"type": "O"}, {"type": "u1"}, {"type": "<u2,,("}, {"type": []}, {"length": "7"}, {"length": None},
    {"length": 1e400},
])  # fmt: skip
def test_damaged_metadata_is_one_sentence_and_the_corpus_is_made_anew(tokenizer, tmp_path, damage):
    write_corpus(make_documents(), tokenizer, tmp_path, fingerprint="a")
    whole = contents(tmp_path)
    metadata = json.loads(whole["facts.json"])
    metadata["files"]["tokens"] |= damage
    (tmp_path / "facts.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match=r"facts\.json"):
        open_corpus(tmp_path)
    write_corpus(make_documents(), tokenizer, tmp_path, fingerprint="a")
    assert contents(tmp_path) == whole


def test_a_file_with_the_directorys_name_is_one_sentence(tokenizer, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be written"):
        write_corpus(make_documents(), tokenizer, tmp_path / "file")
    (tmp_path / "facts.json").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_corpus(make_documents(), tokenizer, tmp_path)


def test_the_checksum_depends_on_the_text_and_the_vocabulary(tokenizer, tmp_path):
    first = write_corpus(make_documents(), tokenizer, tmp_path / "first").checksum
    assert write_corpus(make_documents(), tokenizer, tmp_path / "again", processes=2).checksum == first
    assert write_corpus(make_documents(seed=1), tokenizer, tmp_path / "other").checksum != first
    vocabulary = tokenizer.vocabulary
    swapped = WordPieceTokenizer([*vocabulary[:5], vocabulary[6], vocabulary[5], *vocabulary[7:]])
    assert write_corpus(make_documents(), swapped, tmp_path / "swapped").checksum != first


def test_an_error_on_the_way_leaves_nothing_behind(tokenizer, tmp_path):
    def documents():
        yield from make_documents()
        raise InputError("corpus.txt: line 7 is damaged")

    for processes in (1, 2):
        with pytest.raises(InputError, match="line 7"):
            write_corpus(documents(), tokenizer, tmp_path / "tokenized", processes=processes)
        assert list((tmp_path / "tokenized").iterdir()) == []
    assert not workers_here()


def test_a_corpus_without_a_token_is_refused(tokenizer, tmp_path):
    with pytest.raises(InputError, match="no text"):
        write_corpus([[" "], ["\x00"]], tokenizer, tmp_path / "tokenized")
    assert list((tmp_path / "tokenized").iterdir()) == []


def test_a_disk_that_takes_no_more_is_one_clear_sentence(tokenizer, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(InputError, match="cannot be written"):
            write_corpus(make_documents(), tokenizer, tmp_path / "tokenized")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "tokenized").iterdir()) == []


def test_a_killed_run_leaves_no_corpus_and_no_processes(tokenizer, tmp_path):
    program = f"""
    from itertools import repeat
    from bert.tokenization.wordpiece import WordPieceTokenizer
    from data.corpus.tokenized import write_corpus
    write_corpus(repeat(["the cat sat", "a dog"]), WordPieceTokenizer({tokenizer.vocabulary!r}), {str(tmp_path)!r}, 2)
    """
    run = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], start_new_session=True)
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob(".tokens*")))
    run.kill()
    run.wait()
    with pytest.raises(InputError, match=r"facts\.json"):
        open_corpus(tmp_path)
    wait_for(lambda: not processes_of_session(run.pid))
    corpus = write_corpus(make_documents(), tokenizer, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "document_starts.bin", "facts.json", "held_out.bin", "sentence_starts.bin", "tokens.bin", "training_counts.bin"
    ]  # fmt: skip
    assert corpus.number_of_documents == 200


def test_two_runs_may_write_the_same_corpus_at_the_same_time(tokenizer, tmp_path):
    def slowly():
        for number, document in enumerate(make_documents()):
            if number == 100:
                write_corpus(make_documents(), tokenizer, tmp_path, fingerprint="corpus")  # the other run
            yield document

    slow = write_corpus(slowly(), tokenizer, tmp_path, fingerprint="corpus")
    assert slow.checksum == open_corpus(tmp_path).checksum


def test_a_killed_worker_is_one_clear_sentence(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("data.corpus.tokenizing._CHARACTERS_PER_TASK", 500)

    def documents():
        yield from make_documents()
        for child in workers_here():
            os.kill(int(child), signal.SIGKILL)
        yield from make_documents()

    with pytest.raises(InputError, match="ended from outside"):
        write_corpus(documents(), tokenizer, tmp_path / "tokenized", processes=2)
    assert list((tmp_path / "tokenized").iterdir()) == []


def test_workers_need_no_torch():
    program = "import sys, data.corpus.tokenized, bert.tokenization.wordpiece; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of_session(session):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == session:
                found.append(name)
        except ProcessLookupError:
            continue
    return found
