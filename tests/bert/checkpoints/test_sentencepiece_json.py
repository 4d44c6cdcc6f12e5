"""A SentencePiece run in transformers: the same ids, or no file and a sentence."""

import io
import random
import re
import warnings
from functools import cache

import pytest
import sentencepiece

from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.sentencepiece_json import sentencepiece_json
from bert.checkpoints.vocabulary import load_tokenizer, save_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import BertModel
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from tests.bert.tokenization.sentencepiece.test_tokenizer import CHINESE, GERMAN, PARTS, english

# In these parts the library differs, as the docstring of sentencepiece_json.py says.
DIFFER = {"[CLS]", "▁", "▁the", "\u0301", "\x85"}
SAME = [part for part in PARTS if part not in DIFFER]
MASKED = ["I love [MASK].", "[MASK] is  here [MASK] [MASK]", " a[MASK]b ", "a [MASK] ", "[MASK][MASK]a", "  [MASK]"]
ODD = {
    "bytes": {"byte_fallback": True},
    "no dummy prefix": {"add_dummy_prefix": False},
    "extra white space": {"remove_extra_whitespaces": False},
    "suffix": {"treat_whitespace_as_suffix": True},
    "another symbol": {"user_defined_symbols": ["[MASK]", "York"]},
    "no mask": {"user_defined_symbols": []},
    "another name": {"pad_piece": "<pad>"},
    "pieces over spaces": {"user_defined_symbols": ["[MASK]", "a▁b"]},
}


@cache
def tokenizer_of(model_type: str, normalization: str) -> SentencePieceTokenizer:
    corpus = english()[:900] + 20 * GERMAN + 20 * CHINESE
    return SentencePieceTokenizer(train_sentencepiece(corpus, 1000, model_type, normalization))


def with_setting(**settings) -> SentencePieceTokenizer:
    """A model as train_sentencepiece makes it, but for a setting."""
    written = io.BytesIO()
    usual = {
        "pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "pad_piece": "[PAD]", "unk_piece": "[UNK]",
        "bos_piece": "[CLS]", "eos_piece": "[SEP]", "user_defined_symbols": ["[MASK]"], "minloglevel": 2,
    }  # fmt: skip
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(english()[:200]), model_writer=written, vocab_size=400, **(usual | settings)
    )
    return SentencePieceTokenizer(written.getvalue())


@pytest.mark.peers
@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
@pytest.mark.parametrize("normalization", ["nmt_nfkc", "nmt_nfkc_cf", "identity"])
def test_transformers_reads_a_run_and_gives_the_same_ids(tmp_path, model_type, normalization):
    transformers = pytest.importorskip("transformers")
    ours = tokenizer_of(model_type, normalization)
    save_checkpoint(tmp_path, BertModel(BertConfig(ours.vocab_size, 8, 1, 2, 8)), ours)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    chance = random.Random(3)
    texts = ["", " ", "\t", *english()[900:1400], *GERMAN, *CHINESE, " ".join(GERMAN * 3), *MASKED]
    texts = [text for text in texts if "-" * 20 not in text]  # cuts of the same probability
    texts += ["".join(chance.choices(SAME, k=chance.randint(0, 12))) for _ in range(500)]
    if normalization == "identity":  # white space that is no space, just before [MASK]
        texts = [text for text in texts if not re.search(r"[^\S ]\s*\[MASK\]", text)]
    for text in texts:
        assert theirs(text)["input_ids"] == ours(text).input_ids, text
    batch, pairs = ours.batch(texts[:50], texts[50:100], 30), (texts[:50], texts[50:100])
    peer = theirs(*pairs, max_length=30, truncation=True, padding=True, return_tensors="pt")
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        name: tensor.tolist() for name, tensor in peer.items()
    }
    assert theirs.decode(ours(GERMAN[0]).input_ids, skip_special_tokens=True) == ours.decode(ours.encode(GERMAN[0]))
    assert theirs.mask_token_id == ours.mask_token_id


@pytest.mark.peers
@pytest.mark.parametrize("text", ["a[CLS]b", "ab▁\u0301", "ﬁ\u0301", "\x85[MASK]", "-" * 26])
def test_what_the_docstring_says_differs_does(tmp_path, text):
    transformers = pytest.importorskip("transformers")
    ours = tokenizer_of("unigram", "nmt_nfkc")
    save_checkpoint(tmp_path, BertModel(BertConfig(ours.vocab_size, 8, 1, 2, 8)), ours)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs(text)["input_ids"] != ours(text).input_ids


def test_our_loader_reads_the_model_and_not_the_file_for_others(tmp_path):
    saved = tokenizer_of("bpe", "nmt_nfkc")
    save_tokenizer(tmp_path, saved)
    assert load_tokenizer(tmp_path).fingerprint == saved.fingerprint
    (tmp_path / "spm.model").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json: the type of its model is 'BPE'"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("setting", ODD)
def test_a_model_that_the_format_cannot_say_gets_no_file_and_a_sentence(tmp_path, setting):
    tokenizer = with_setting(**ODD[setting])
    with pytest.warns(UserWarning, match="AutoTokenizer does not load it; use bert.load_tokenizer"):
        save_tokenizer(tmp_path, tokenizer)
    assert [path.name for path in tmp_path.iterdir()] == ["spm.model"]


def test_the_usual_model_gets_its_file_without_a_word(tmp_path):
    tokenizer = with_setting()  # the control of the test above
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_tokenizer(tmp_path, tokenizer)
    assert (tmp_path / "tokenizer.json").exists()
    assert sentencepiece_json(tokenizer) is not None
