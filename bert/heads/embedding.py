"""A vector for each text. Texts that mean the same should have vectors of nearly the same direction.

    [CLS] how to sort a list [SEP]     -> encoder -> pooling -> (hidden_size,)  \\
                                                                                  cosine
    [CLS] return a sorted copy [SEP]   -> encoder -> pooling -> (hidden_size,)  /

Both texts go through the same encoder, each alone. So the vectors of a million texts can be computed once, and a query
is compared with all of them. Source: Reimers & Gurevych 2019, "Sentence-BERT".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import Batch
from bert.heads.gathering import Gathered, gathered
from bert.heads.loss import Loss, cross_entropy, squared_error
from bert.heads.pooling import VECTOR_POOLS, pooled_states
from bert.model.bert import BertModel, BertOutput

TEMPERATURE = 0.05  # Gao et al. 2021 (SimCSE), section 3


@dataclass(frozen=True)
class EmbeddingOutput:
    """
    Attributes:
        vectors: (sequences, hidden_size) float32, a vector of each text, of any length.
        encoder: what BertModel gave.
    """

    vectors: Tensor
    encoder: BertOutput


class SentenceEncoder(nn.Module):
    """The encoder and a pooling. No weight is new.

    Args:
        pool: "mean" of all tokens' last states with [CLS] and [SEP], the state of [CLS] ("cls"), or "max".
            ``config.json`` says so as classifier_pooling.

    Raises:
        InputError: if there is no such pooling.
    """

    def __init__(self, config: BertConfig, pool: str = "mean"):
        super().__init__()
        if pool not in VECTOR_POOLS:
            raise InputError(f"pool is {pool!r}; one of {', '.join(VECTOR_POOLS)} was expected")
        self.config = config
        self.pool = pool
        self.bert = BertModel(config, with_pooler=False)

    def forward(
        self, input_ids: Tensor, token_type_ids: Tensor | None = None, attention_mask: Tensor | None = None, **options
    ) -> EmbeddingOutput:
        """Takes what BertModel takes, ``options`` such as ``sequences`` included."""
        options["selected"] = None  # pooling reads all tokens
        encoder = self.bert(input_ids, token_type_ids, attention_mask, **options)
        sequences = options.get("sequences")
        pooled = pooled_states(encoder.last_hidden_state, input_ids, attention_mask, sequences, self.pool)
        return EmbeddingOutput(pooled, encoder)


class BertForSimilarity(SentenceEncoder):
    """Learns scored pairs: the cosine of two vectors should be the score, from 0 to 1.

    Source: Reimers & Gurevych 2019, section 3, "Regression Objective Function".
    """

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch of pairs, one text after the other, with "labels" (pairs,) from 0 to 1."""
        vectors = self(**batch.inputs).vectors
        return {"similarity": self.loss(vectors[0::2], vectors[1::2], batch.labels["labels"])}

    @staticmethod
    def loss(first: Tensor, second: Tensor, scores: Tensor) -> Loss:
        """The squared error of cosines; first, second: (pairs, hidden_size); scores: (pairs,)."""
        return squared_error(F.cosine_similarity(first, second, dim=-1), scores)

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"similarity": batch.labels["labels"].numel()}


class BertForRetrieval(SentenceEncoder):
    """Learns queries and their texts: each query should find its own text among those of the whole batch.

    The other queries' texts are its negatives. Texts that only resemble the right one ("hard negatives") are further
    columns:

                 text 0   text 1   text 2   negative of 0 ...
        query 0    X                                           X: the class that is right in a cross-entropy
        query 1             X                                  over cosine / temperature
        query 2                      X

    A text that answers another query in the batch equally well is no negative. Such texts are recognised if they are
    equal, and left out. With several processes the columns are those of all.

    Sources: Henderson et al. 2017, "Efficient Natural Language Response Suggestion", section 4.4; Gao et al. 2021,
    "SimCSE", sections 3 and 4; van den Oord et al. 2018 (InfoNCE).

    Args:
        temperature: by which cosines are divided. The lower it is, the more the nearest negatives count.
    """

    def __init__(self, config: BertConfig, pool: str = "mean", temperature: float = TEMPERATURE):
        super().__init__(config, pool)
        self.temperature = temperature

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch, in which the texts of all processes stand. Its labels are as ``loss`` takes them."""
        return {"retrieval": self.loss(self(**batch.inputs).vectors, batch.labels, gathered)}

    def loss(
        self, vectors: Tensor, labels: Mapping[str, Tensor], gather: Callable[[Tensor], Gathered] = Gathered.alone
    ) -> Loss:
        """The cross-entropy of each query's own text among all.

        Args:
            vectors: (sequences, hidden_size), of queries and texts in any order.
            labels:
                queries, texts: (rows,) the indices of the vectors of each row's query and its own text.
                negatives: (negatives,) the indices of all hard negatives.
                query_ids, text_ids, negative_ids: for each of these a number; equal texts have the same.
            gather: gives the rows of all processes.
        """
        texts, negatives = gather(vectors[labels["texts"]]), gather(vectors[labels["negatives"]])
        ids = [gather(labels[f"{name}_ids"]).values for name in ("query", "text", "negative")]
        columns = torch.cat([texts.values, negatives.values])
        own = texts.begin + torch.arange(len(labels["texts"]), device=vectors.device)
        is_own = own[:, None] == torch.arange(len(columns), device=vectors.device)  # (rows, columns)
        left_out = is_relevant(labels["query_ids"], *ids) & ~is_own
        scores = cosines(vectors[labels["queries"]], columns) / self.temperature
        return cross_entropy(scores.masked_fill(left_out, -torch.inf), own)

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many labels the loss of ``batch`` will count, known before the forward pass."""
        return {"retrieval": batch.labels["texts"].numel()}


def cosines(rows: Tensor, columns: Tensor) -> Tensor:
    """The cosine of each row's vector and each column's: (rows, size), (columns, size) -> (rows, columns) float32."""
    with torch.autocast(rows.device.type, enabled=False):  # 16 bits would round cosines / temperature by 0.1
        return F.normalize(rows.float(), dim=-1) @ F.normalize(columns.float(), dim=-1).mT


def is_relevant(query_ids: Tensor, all_query_ids: Tensor, text_ids: Tensor, negative_ids: Tensor) -> Tensor:
    """Whether each column answers each query: (rows, texts + negatives) bool.

    It does if any row has this query, or an equal one, and this text, or an equal one.

    Args:
        query_ids: (rows,) of the queries here.
        all_query_ids, text_ids: (texts,) of all rows, in all processes.
        negative_ids: (negatives,) likewise.
    """
    same_query = query_ids[:, None] == all_query_ids  # (rows, texts)
    same_text = text_ids[:, None] == torch.cat([text_ids, negative_ids])  # (texts, columns)
    return (same_query.float() @ same_text.float()) > 0
