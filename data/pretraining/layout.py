"""Examples to batches: lays out the tokens of each example, masks some, and puts all end to end."""

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.batch import Batch, sequences_of
from bert.tokenization.tokenizer import Tokenizer
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.masking import MASKED_FRACTION, SHARES, mask_budgets, mask_tokens


class InputLayout:
    """Lays examples out as the model takes them: ``[CLS] A [SEP] B [SEP]``, masked, one after another.

    Args:
        corpus, tokenizer, whole_word_masking, nsp, joined: as ``PretrainingBatches`` takes them.
        shares: of ``[MASK]``, random and kept tokens; see ``Masking``.

    Raises:
        InputError: if the corpus was tokenized with another vocabulary.
    """

    def __init__(
        self,
        corpus: TokenizedCorpus,
        tokenizer: Tokenizer,
        whole_word_masking: bool,
        nsp: bool,
        shares: tuple[int, int, int] = SHARES,
        joined: int = 1,
    ):
        if tokenizer.vocab_size != corpus.vocab_size:
            raise InputError(
                f"the corpus was tokenized with a vocabulary of {corpus.vocab_size:,} pieces, and this one has "
                f"{tokenizer.vocab_size:,}; use the corpus's vocabulary, or tokenize it anew"
            )
        self._tokens = corpus.tokens
        self._vocab_size = tokenizer.vocab_size
        self._pad, self._cls, self._sep = tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id
        self._mask = tokenizer.mask_token_id
        self._continues_word = np.array(tokenizer.continues_word, bool) if whole_word_masking else None
        self._nsp, self._shares, self._joined = nsp, shares, joined

    def batch(self, examples: np.ndarray, seed: int, epoch: int, rate: float = MASKED_FRACTION) -> Batch:
        """The examples (of type ``EXAMPLE``) as a micro-batch.

        Args:
            seed, epoch: name the random numbers of the masks.
            rate: the share of the tokens that is masked.

        Returns:
            A batch that selects the masked tokens. Its labels are masked_labels (masked,), the ids before masking. With
            NSP it also has next_sentence_labels (sequences,): 0 if B follows A, 1 if B is random.
        """
        a_lengths = examples["a_end"] - examples["a_start"]
        b_lengths = examples["b_end"] - examples["b_start"]
        lengths = a_lengths + b_lengths + (3 if self._nsp else 2)
        # Masking works on rows of one length. Afterwards we drop the padding.
        input_ids = np.full((len(examples), int(lengths.max())), self._pad, np.int64)
        for row, (_, a_start, a_end, b_start, b_end, _) in zip(input_ids, examples.tolist(), strict=True):
            first_sep = 1 + a_end - a_start
            row[0] = self._cls
            row[1:first_sep] = self._tokens[a_start:a_end]
            row[first_sep] = self._sep
            if self._nsp:
                second_sep = first_sep + 1 + b_end - b_start
                row[first_sep + 1 : second_sep] = self._tokens[b_start:b_end]
                row[second_sep] = self._sep

        seq = np.arange(input_ids.shape[1])
        first_sep, last = (1 + a_lengths)[:, None], (lengths - 1)[:, None]
        is_token = seq <= last  # (batch, seq)
        maskable = (seq > 0) & (seq < last) & (seq != first_sep)
        masked_ids, is_masked = mask_tokens(
            input_ids, maskable, mask_budgets(lengths, rate), examples["chunk"], seed, epoch, self._mask,
            self._vocab_size, self._continues_word, self._shares,
        )  # fmt: skip
        places = np.flatnonzero(is_token)  # of the tokens in (batch * seq)
        labels = {"masked_labels": torch.from_numpy(input_ids[is_masked])}
        if self._nsp:
            labels["next_sentence_labels"] = torch.from_numpy(examples["is_random"].copy())
        return Batch(
            input_ids=torch.from_numpy(masked_ids.take(places)),
            token_type_ids=torch.from_numpy((seq > first_sep).take(places).astype(np.int64)),
            sequences=sequences_of(lengths.reshape(-1, self._joined).sum(axis=1).tolist()),
            selected=torch.from_numpy(np.flatnonzero(is_masked.take(places))),
            labels=labels,
        )
