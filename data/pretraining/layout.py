"""Examples to tensors: where in a row each piece stands, which pieces are masked, what is padding."""

import numpy as np
import torch

from bert.errors import InputError
from data.corpus.tokenized import TokenizedCorpus
from data.packing import lay_end_to_end
from data.pretraining.masking import mask_budgets, mask_tokens

LENGTH_MULTIPLE = 8  # lengths that the matrix units of CPUs and GPUs work well with
IGNORE_INDEX = -100  # in the place of a label, as bert.heads.loss has it

Batch = dict[str, torch.Tensor]


class InputLayout:
    """Lays examples out as the model takes them: ``[CLS] A [SEP] B [SEP]``, masked and padded.

    Its arguments are those of ``PretrainingBatches``.

    Raises:
        InputError: where the shards were made with another vocabulary.
    """

    def __init__(
        self, shards: TokenizedCorpus, tokenizer, max_length: int, whole_word_masking: bool, packed: bool, nsp: bool
    ):  # fmt: skip
        if tokenizer.vocab_size != shards.vocab_size:
            raise InputError(
                f"the shards were made with a vocabulary of {shards.vocab_size:,} pieces, and this one has "
                f"{tokenizer.vocab_size:,}; use the vocabulary that they were made with, or make them anew"
            )
        self._tokens = shards.tokens
        self._vocab_size = tokenizer.vocab_size
        self._pad, self._cls, self._sep = tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id
        self._mask = tokenizer.mask_token_id
        self._continues_word = np.array(tokenizer.continues_word, bool) if whole_word_masking else None
        self._max_length, self._packed, self._nsp = max_length, packed, nsp

    def batch(self, examples: np.ndarray, seed: int, epoch: int) -> Batch:
        """The examples (of type ``EXAMPLE``) as a micro-batch of int64 tensors.

        Returns:
            input_ids, token_type_ids, attention_mask: (batch, seq).
            masked_positions: (masked,) where the masked pieces are in the flattened (batch * seq), ascending.
            masked_labels: (masked,) what they were. Where the batch is packed both are filled up to as many as full
                rows have: with the position 0, and IGNORE_INDEX.
            next_sentence_labels: (batch,) 0 where B follows A, 1 where B is random; only with nsp.
            packed_places, packed_boundaries: only where the batch is packed: see ``lay_end_to_end``.
        """
        a_lengths = examples["a_end"] - examples["a_start"]
        b_lengths = examples["b_end"] - examples["b_start"]
        lengths = a_lengths + b_lengths + (3 if self._nsp else 2)
        length = self._max_length
        if not self._packed:
            length = min(length, -(-int(lengths.max()) // LENGTH_MULTIPLE) * LENGTH_MULTIPLE)
        input_ids = np.full((len(examples), length), self._pad, np.int64)
        for row, (_, a_start, a_end, b_start, b_end, _) in zip(input_ids, examples.tolist(), strict=True):
            first_sep = 1 + a_end - a_start
            row[0] = self._cls
            row[1:first_sep] = self._tokens[a_start:a_end]
            row[first_sep] = self._sep
            if self._nsp:
                second_sep = first_sep + 1 + b_end - b_start
                row[first_sep + 1 : second_sep] = self._tokens[b_start:b_end]
                row[second_sep] = self._sep

        seq = np.arange(length)
        first_sep, last = (1 + a_lengths)[:, None], (lengths - 1)[:, None]
        real = seq <= last  # (batch, seq)
        maskable = (seq > 0) & (seq < last) & (seq != first_sep)
        masked_ids, chosen = mask_tokens(
            input_ids,
            maskable,
            mask_budgets(lengths),
            examples["chunk"],
            seed,
            epoch,
            self._mask,
            self._vocab_size,
            self._continues_word,
        )
        batch = {
            "input_ids": masked_ids,
            "token_type_ids": (real & (seq > first_sep)).astype(np.int64),
            "attention_mask": real.astype(np.int64),
            "masked_positions": np.flatnonzero(chosen),
            "masked_labels": input_ids[chosen],
        }
        if self._packed:
            batch["packed_places"], batch["packed_boundaries"] = lay_end_to_end(real)
            most = len(examples) * int(mask_budgets(np.array(length)))
            for name, filling in (("masked_positions", 0), ("masked_labels", IGNORE_INDEX)):
                batch[name] = np.pad(batch[name], (0, most - len(batch[name])), constant_values=filling)
        if self._nsp:
            batch["next_sentence_labels"] = examples["is_random"].copy()
        return {name: torch.from_numpy(values) for name, values in batch.items()}
