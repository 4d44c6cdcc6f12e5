"""The model on padded batches, every place computed: what an exported file holds.

Our own model drops the padding at the door. How many tokens are left depends on the data, and a graph of fixed
operations cannot follow that. So here padding is computed too, and a mask hides it from attention.

    (batch, seq)                attention_mask        keys that each token of a row attends to
    [CLS]  good  [SEP]   .      1 1 1 0               [CLS]  good  [SEP]
    [CLS]  not   bad   [SEP]    1 1 1 1               [CLS]  not   bad   [SEP]

Every real token gets the numbers of our own model. Only the arrangement is another one.
"""

import copy
from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from bert.adaptation.prefix import PrefixAttention
from bert.generation.decoder import Decoder
from bert.model.attention import MultiHeadAttention
from bert.model.bert import BertModel, BertOutput


def in_padded_form(head: nn.Module) -> Any:
    """A copy of a model, with the same parameters, whose parts take padded batches as they are.

    Args:
        head: a BertModel, or a model with one as ``bert`` and perhaps a ``decoder``.
    """
    shared = {id(tensor): tensor for tensor in (*head.parameters(), *head.buffers())}
    padded: Any = copy.deepcopy(head, shared)
    if isinstance(padded, BertModel):
        return PaddedBert(padded)
    takes_mean = getattr(padded, "pool", "cls") == "mean"
    padded.bert = PaddedBert(padded.bert, takes_mean)
    if takes_mean:
        padded.pool = "cls"  # the head then reads pooler_output, which is the mean
    if hasattr(padded, "decoder"):
        padded.decoder = PaddedDecoder(padded.decoder)
    return padded


class PaddedBert(nn.Module):
    """BertModel without unpadding.

    Args:
        takes_mean: whether ``pooler_output`` is the mean of the tokens' last states. Else it is the pooler's, if the
            model has one.
    """

    def __init__(self, bert: BertModel, takes_mean: bool = False):
        super().__init__()
        self.embeddings, self.encoder, self.pooler = bert.embeddings, bert.encoder, bert.pooler
        self.takes_mean = takes_mean
        for layer in bert.encoder.layers:
            layer.attention = PaddedAttention(layer.attention)  # pyright: ignore

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> BertOutput:
        """Three of (batch, seq), as ``BertModel`` takes them -> its output, 0 at padding."""
        is_token = real_tokens(attention_mask)
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        states, *_ = self.encoder(self.embeddings(input_ids, token_type_ids, positions), is_token)
        states = states.masked_fill(~is_token.unsqueeze(2), 0)
        pooled = None
        if self.takes_mean:
            pooled = pool(states, is_token, "mean")
        elif self.pooler is not None:
            pooled = self.pooler(states[:, 0])
        return BertOutput(states, pooled)


def pool(states: Tensor, is_token: Tensor, pooling: str) -> Tensor:
    """A vector for each row: (batch, seq, hidden_size) -> (batch, hidden_size).

    Args:
        states: 0 at padding.
        is_token: (batch, seq) bool. Padding stands behind the tokens.
        pooling: as ``bert embed`` has it (``bert.commands.embed.pool``).
    """
    lengths = is_token.sum(dim=1, keepdim=True)
    if pooling == "cls":
        return states[:, 0]
    if pooling == "lasttoken":
        return states.gather(1, (lengths - 1).unsqueeze(2).expand(-1, -1, states.shape[2])).squeeze(1)
    if pooling == "max":
        return states.masked_fill(~is_token.unsqueeze(2), -torch.inf).amax(dim=1)
    if pooling == "weightedmean":
        states = states * torch.arange(1, states.shape[1] + 1, device=states.device).unsqueeze(1)
        lengths = lengths * (lengths + 1) / 2  # the sum of the weights
    return states.sum(dim=1) / (lengths.sqrt() if pooling == "mean_sqrt_len_tokens" else lengths)


def real_tokens(attention_mask: Tensor) -> Tensor:
    """(batch, seq) bool, True at tokens. A row without any is read as its first token alone, as in ``BertModel``."""
    is_token = attention_mask != 0
    is_first = torch.arange(is_token.shape[1], device=is_token.device) == 0
    return is_token | (is_first & ~is_token.any(dim=1, keepdim=True))


class PaddedAttention(nn.Module):
    """Multi-head attention of a padded batch. The modules of ``base`` are its own.

    Instead of ``Sequences`` it takes masks of the keys. A learned prefix stands before all keys.
    """

    def __init__(self, base: MultiHeadAttention):
        super().__init__()
        self.num_attention_heads = base.num_attention_heads
        self.query, self.key, self.value, self.output = base.query, base.key, base.value, base.output
        self.prefix = (base.tables[0].of_layer, base.number) if isinstance(base, PrefixAttention) else None

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_mask: Tensor | None, to_mask: Tensor | None,
        return_attention: bool = False, causal: bool = False,
    ) -> tuple[Tensor, None]:  # fmt: skip
        """
        Args:
            from_states, to_states: (batch, queries, hidden_size) and (batch, keys, hidden_size).
            to_mask: (batch, keys) bool, which keys may be attended to. None: all.
            causal: whether a query attends to no key after its own.

        Returns:
            (batch, queries, hidden_size)
        """
        query, key, value = self.query(from_states), self.key(to_states), self.value(to_states)
        may_attend = None if to_mask is None else rearrange(to_mask, "batch keys -> batch 1 1 keys")
        if self.prefix is not None:
            of_layer, number = self.prefix
            prefixes = (
                repeat(each, "length hidden -> batch length hidden", batch=key.shape[0]) for each in of_layer(number)
            )
            key, value = (torch.cat(pair, dim=1) for pair in zip(prefixes, (key, value)))
            if may_attend is not None:
                may_attend = F.pad(may_attend, (key.shape[1] - to_states.shape[1], 0), value=True)
        query, key, value = (
            rearrange(states, "batch seq (heads dim) -> batch heads seq dim", heads=self.num_attention_heads)
            for states in (query, key, value)
        )
        attended = F.scaled_dot_product_attention(query, key, value, may_attend, is_causal=causal)
        return self.output(rearrange(attended, "batch heads seq dim -> batch seq (heads dim)")), None


class PaddedDecoder(nn.Module):
    """The decoder without unpadding. It reads the whole of what is written so far."""

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.embeddings, self.layers, self.head = decoder.embeddings, decoder.layers, decoder.head
        for layer in decoder.layers:
            layer.attention = PaddedAttention(layer.attention)  # pyright: ignore
            layer.cross_attention = PaddedAttention(layer.cross_attention)  # pyright: ignore

    def forward(self, input_ids: Tensor, memory: Tensor, attention_mask: Tensor) -> Tensor:
        """The scores of the piece after each, (batch, target, vocab_size).

        Args:
            input_ids: (batch, target), what is written so far: [CLS] first.
            memory: (batch, seq, hidden_size), the encoder's last states.
            attention_mask: (batch, seq), of the sources.
        """
        is_source = real_tokens(attention_mask)
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.embeddings(input_ids, torch.zeros_like(input_ids), positions)
        for layer in self.layers:
            states, _ = layer(states, memory, None, is_source)
        return self.head(states, self.embeddings.word_embeddings.weight)
