import gzip
import hashlib
import json
import os
import tracemalloc

import pytest

import data.text.corpora
import data.text.lines
from bert.errors import InputError
from data.text.corpora import corpus_fingerprint, read_documents, require_sentence_pairs

TEXT = "First one.\nSecond one.\n\nThird: näïve 你好.\n"
DOCUMENTS = [["First one.", "Second one."], ["Third: näïve 你好."]]


def test_blank_lines_separate_documents_and_lines_are_sentences(write):
    assert list(read_documents([write(TEXT)])) == DOCUMENTS
    assert list(read_documents([write("\n \n\t\na\n\n\n\nb\nc")])) == [["a"], ["b", "c"]]


def test_a_line_can_be_a_document_that_is_split_into_sentences(write):
    path = write("One. Two.\n\n   \nThree? Yes.")
    assert list(read_documents([path], document_per_line=True)) == [["One.", "Two."], ["Three?", "Yes."]]


def test_the_end_of_a_file_ends_its_last_document(write):
    paths = [write("a\nb", "1.txt"), write("c\n", "2.txt")]
    assert list(read_documents(paths)) == [["a", "b"], ["c"]]


def test_files_are_streamed(write):
    path = write(b"good\n\n" + b"\xff\n", "late.txt")
    documents = read_documents([path])
    assert next(documents) == ["good"]  # the damage comes later
    with pytest.raises(InputError):
        next(documents)


@pytest.mark.parametrize("document_per_line", [False, True])
def test_an_endless_line_is_cut_at_spaces_and_takes_bounded_memory(tmp_path, monkeypatch, document_per_line):
    monkeypatch.setattr(data.text.lines, "LONGEST_LINE", 1 << 13)
    monkeypatch.setattr(data.text.corpora, "LONGEST_SENTENCE", 1 << 10)
    monkeypatch.setattr(data.text.corpora, "LONGEST_DOCUMENT", 1 << 16)
    words = 120_000
    path = tmp_path / "line.txt.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"\n")  # a blank line: the format is right
        for _ in range(words // 1000):
            file.write("naïve ".encode() * 1000)
    tracemalloc.start()
    seen = longest = 0
    for document in read_documents([path], document_per_line):
        for sentence in document:
            longest = max(longest, len(sentence))
            assert set(sentence.split()) == {"naïve"}
            seen += len(sentence.split())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == words
    assert longest <= 1 << 10
    assert peak < 600_000  # the line has 840,000 bytes


def test_an_endless_document_is_cut_into_several(write, monkeypatch):
    monkeypatch.setattr(data.text.corpora, "LONGEST_DOCUMENT", 100)
    documents = list(read_documents([write("intro\n\n" + "ten letters\n" * 50 + "\nthe next one\nis whole\n")]))
    assert documents[0] == ["intro"]
    assert [len(document) for document in documents[1:-1]] == [10] * 5  # a line has 11 characters
    assert documents[-1] == ["the next one", "is whole"]


def test_a_long_file_without_a_blank_line_is_in_the_wrong_format(write, monkeypatch):
    monkeypatch.setattr(data.text.corpora, "LONGEST_DOCUMENT", 1000)
    path = write("a whole document. on a line.\n" * 100)
    with pytest.raises(InputError, match=r"corpus.txt: no blank line .* --document-per-line"):
        list(read_documents([path]))
    assert len(list(read_documents([path], document_per_line=True))) == 100


def test_a_missing_file_and_a_directory_are_refused_before_anything_is_read(write, tmp_path):
    good = write(TEXT)
    with pytest.raises(InputError, match=r"missing.txt: no such file"):
        read_documents([good, tmp_path / "missing.txt"])
    with pytest.raises(InputError, match="is a directory"):
        read_documents([tmp_path])
    with pytest.raises(InputError, match="no corpus file"):
        read_documents([])


@pytest.mark.parametrize("content", ["", "\n\n \n", "\ufeff"])
def test_an_empty_corpus_is_refused(write, content):
    with pytest.raises(InputError, match=r"corpus.txt: the corpus is empty"):
        list(read_documents([write(content)]))


def test_a_single_document_is_refused_if_pairs_are_wanted(write):
    documents = read_documents([write("One.\nTwo.\nThree.\n")])
    with pytest.raises(InputError, match=r"a single document.*--no-nsp"):
        list(require_sentence_pairs(documents))


def test_documents_of_single_sentences_are_refused_if_pairs_are_wanted(write):
    documents = read_documents([write("One.\n\nTwo.\n\nThree.\n")])
    with pytest.raises(InputError, match=r"3 documents is a single sentence.*--document-per-line.*--no-nsp"):
        list(require_sentence_pairs(documents))


def test_documents_with_pairs_pass_through_unchanged(write):
    assert list(require_sentence_pairs(read_documents([write(TEXT)]))) == DOCUMENTS


def test_the_fingerprint_tells_corpora_and_ways_of_reading_apart(write):
    path = write(TEXT)
    fingerprint = corpus_fingerprint([path], False, "strict")
    assert fingerprint == corpus_fingerprint([str(path)], False, "strict")
    other_ways = {corpus_fingerprint([path], True, "strict"), corpus_fingerprint([path], False, "replace")}
    write(TEXT + "more")
    assert len({fingerprint, corpus_fingerprint([path], False, "strict")} | other_ways) == 4


def test_encoding_errors_and_reports_are_passed_on(write):
    reports = []
    documents = read_documents([write(b"\xe9t\xe9\n\nfine\n")], encoding_errors="replace", report=reports.append)
    assert list(documents) == [["\ufffdt\ufffd"], ["fine"]]
    assert len(reports) == 1
    with pytest.raises(InputError, match="line 1"):
        list(read_documents([write(b"\xe9t\xe9\n")]))


def test_an_unknown_way_with_encoding_errors_is_refused(write):
    with pytest.raises(InputError, match="'strict' or 'replace'"):
        read_documents([write(TEXT)], encoding_errors="ignore")


# ---- WikiExtractor's articles ----

ARTICLES = """<doc id="12" url="https://en.wikipedia.org/wiki?curid=12" title="Tea > "green"">
Tea

Tea is a drink. It is hot.

It is made of leaves.

</doc>
<doc id="13" url="https://en.wikipedia.org/wiki?curid=13" title="Cup">
A cup holds tea.
</doc>
"""
ARTICLE_DOCUMENTS = [["Tea", "Tea is a drink.", "It is hot.", "It is made of leaves."], ["A cup holds tea."]]


@pytest.mark.parametrize("document_per_line", [False, True])
def test_an_article_of_wikiextractor_is_a_document_of_split_sentences(write, document_per_line):
    assert list(read_documents([write(ARTICLES)], document_per_line)) == ARTICLE_DOCUMENTS
    without_empty_lines = write("\n".join(line for line in ARTICLES.split("\n") if line), "dense")
    assert list(read_documents([without_empty_lines], document_per_line)) == ARTICLE_DOCUMENTS


def test_articles_and_other_text_can_follow_each_other(write):
    paths = [write("One.\nTwo.\n\nThree.\n" + ARTICLES + "Four. Five.\n\nSix.\n"), write(ARTICLES[:-8], "cut.txt")]
    plain = [["One.", "Two."], ["Three."]]
    assert list(read_documents(paths)) == [*plain, *ARTICLE_DOCUMENTS, ["Four. Five."], ["Six."], *ARTICLE_DOCUMENTS]


def test_what_only_resembles_a_tag_is_text(write):
    lines = ["<doc>", 'a <doc id="1"> in a line', '<docs id="1">', "< /doc>"]
    assert list(read_documents([write("\n".join(lines))])) == [lines]


def test_an_endless_article_is_cut_into_several(write, monkeypatch):
    monkeypatch.setattr(data.text.corpora, "LONGEST_DOCUMENT", 100)
    documents = list(read_documents([write('<doc id="1">\n' + "Ten letters.\n" * 50 + "</doc>\n")]))
    assert len(documents) > 5
    assert sum(map(len, documents)) == 50


# ---- what is no text ----


def test_files_without_text_are_named(write):
    reports = []
    paths = [write("\n \n", "a.txt"), write(TEXT), write("", "b.txt"), write('{"text": " "}\n', "c.jsonl")]
    assert list(read_documents(paths, report=reports.append)) == DOCUMENTS
    assert len(reports) == 2
    assert "c.jsonl: 1 JSON lines with an empty 'text' were passed over" in reports[0]
    assert reports[1].startswith("3 of the corpus's 4 files hold no text: ")
    for path in (paths[0], paths[2], paths[3]):
        assert str(path) in reports[1]


def test_a_pipe_is_refused_before_anything_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe: is a pipe or a device, and a corpus is read more than once"):
        read_documents([tmp_path / "pipe"])
    with pytest.raises(InputError, match=r"null: is a pipe or a device"):
        corpus_fingerprint([os.devnull], False, "strict")


def test_only_json_has_its_key_in_the_fingerprint(write):
    for name, matters in (("c.jsonl", True), ("c.json.gz", True), ("c.txt", False)):
        path = write(TEXT, name)
        fingerprints = {corpus_fingerprint([path], False, "strict", key) for key in ("text", "content")}
        assert len(fingerprints) == 2
        plain = hashlib.sha256(repr(metadata_of(path)).encode()).hexdigest()
        assert (plain not in fingerprints) == matters


def metadata_of(path):
    """What stands for a text file and its limits; runs of earlier versions know their tokenized corpus by it."""
    status = path.stat()
    return [1 << 20, 10_000, 1 << 22, False, "strict", str(path), status.st_size, status.st_mtime_ns]


def test_how_much_is_read_grows_to_the_bytes_of_all_files_and_never_beyond(tmp_path):
    sentences = "A sentence of a document, and the next one.\n\n" * 5000
    lines = (json.dumps({"text": "One. Two."}) + "\n") * 9000
    files = {"a.txt": sentences.encode(), "b.txt.gz": gzip.compress(sentences.encode()), "c.jsonl": lines.encode()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    total = sum(map(len, files.values()))
    told = []
    paths = [tmp_path / name for name in files]
    documents = list(read_documents(paths, reached=lambda done, all_of_it: told.append((done, all_of_it))))
    assert len(documents) == 5000 + 5000 + 9000
    assert {all_of_it for _, all_of_it in told} == {total}
    assert max(done for done, _ in told) == told[-1][0] == total
    assert len({done for done, _ in told}) > 5
