"""BertForConditionalGeneration: an encoder reads the source, and a decoder writes the target."""

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from bert.errors import InputError
from bert.generation.cache import Cache, Memory
from bert.generation.config import EncoderDecoderConfig
from bert.generation.decoder import Decoder
from bert.heads.batch import Batch
from bert.heads.loss import IGNORE_INDEX, Loss
from bert.model.bert import BertModel, BertOutput, initialize_weights
from bert.model.encoder import EncoderLayer
from bert.model.sequences import Padding, Sequences


@dataclass(frozen=True)
class GenerationOutput:
    """For a padded batch. For sequences end to end, (batch, target) is (tokens,) throughout.

    Attributes:
        logits: (batch, target, vocab_size), the scores of the piece after each; 0 at padding.
        encoder: what BertModel gave for the sources.
        attentions: if asked for, of each layer the decoder's weights, a list with (heads, length, length) of each
            target.
        cross_attentions: if asked for, of each layer a list with (heads, length, source length) of each target.
    """

    logits: Tensor
    encoder: BertOutput
    attentions: tuple[list[Tensor], ...] | None = None
    cross_attentions: tuple[list[Tensor], ...] | None = None


class BertForConditionalGeneration(nn.Module):
    """BERT's encoder, and a decoder whose layers attend to the encoder's last states.

    If their hidden sizes differ, a dense layer (``bridge``) turns the encoder's states into the decoder's size. The
    paper has one size; transformers has this layer too.

    Source: Rothe et al. 2020, "Leveraging Pre-trained Checkpoints for Sequence Generation Tasks", section 3.

    Args:
        label_smoothing: how much of each label's probability goes to all pieces alike while the model trains.

    Raises:
        InputError: if label_smoothing is no share.
    """

    config_class = EncoderDecoderConfig
    architecture = "EncoderDecoderModel"  # its class in transformers

    def __init__(self, config: EncoderDecoderConfig, label_smoothing: float = 0.0):
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise InputError(f"label smoothing is {label_smoothing}; a number from 0 to below 1 was expected")
        self.config, self.label_smoothing = config, label_smoothing
        self.bert = BertModel(config.encoder, with_pooler=False)
        self.decoder = Decoder(config.decoder)
        sizes = config.encoder.hidden_size, config.decoder.hidden_size
        self.bridge = nn.Identity() if sizes[0] == sizes[1] else nn.Linear(*sizes)
        initialize_weights(self.bridge, config.decoder)
        if config.shared:
            self._share()

    def _share(self) -> None:
        """Makes the encoder's weights the decoder's too, all that it has. Cross-attention and head are its own."""
        self.decoder.embeddings = self.bert.embeddings
        for own, encoders in zip(self.decoder.layers, self.bert.encoder.layers, strict=True):
            for part, module in cast(EncoderLayer, encoders).named_children():
                setattr(own, part, module)

    def forward(
        self, input_ids: Tensor, decoder_input_ids: Tensor, attention_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None,
        return_attention: bool = False, sequences: Sequences | None = None,
        decoder_sequences: Sequences | None = None,
    ) -> GenerationOutput:  # fmt: skip
        """Takes padded batches, or sequences end to end.

        Args:
            input_ids, token_type_ids, attention_mask, sequences: the sources, as BertModel takes them.
            decoder_input_ids: (batch, target) the targets without their last pieces: [CLS] first.
            decoder_attention_mask: (batch, target) 0 at padding; None: there is none. Padding after a target may pass
                as pieces, since nothing attends to what comes later.
            decoder_sequences: for sequences end to end, which tokens of (tokens,) decoder_input_ids belong together.
        """
        if (sequences is None) != (decoder_sequences is None):
            raise ValueError("sources end to end need targets end to end: sequences and decoder_sequences together")
        if sequences is None or decoder_sequences is None:
            source = Padding.of_mask(attention_mask, input_ids)
            target = Padding.of_mask(decoder_attention_mask, decoder_input_ids)
            types = None if token_type_ids is None else source.unpad(token_type_ids.expand_as(input_ids))
            output = self.forward(
                source.unpad(input_ids), target.unpad(decoder_input_ids), None, None, types, return_attention,
                source.sequences, target.sequences,
            )  # fmt: skip
            return replace(output, logits=target.pad(output.logits), encoder=output.encoder.padded(source))
        if attention_mask is not None or decoder_attention_mask is not None:
            raise ValueError("attention_mask and decoder_attention_mask are for padded batches")
        encoder, memory = self._read(input_ids, token_type_ids, sequences)
        states, weights = self.decoder(decoder_input_ids, decoder_sequences, memory, return_attention)
        attentions, cross_attentions = zip(*weights) if return_attention else (None, None)
        return GenerationOutput(
            self.decoder.head(states, self.decoder.word_embeddings), encoder, attentions, cross_attentions
        )

    def _read(
        self, input_ids: Tensor, token_type_ids: Tensor | None, sequences: Sequences
    ) -> tuple[BertOutput, Memory]:
        """What the encoder makes of sources end to end, and what the decoder sees of it."""
        encoder = self.bert(input_ids, token_type_ids, sequences=sequences)
        return encoder, Memory(self.bridge(encoder.last_hidden_state), sequences)

    # ---- training ----

    def losses(self, batch: Batch) -> dict[str, Loss]:
        """The loss of a batch, whose labels are smoothed only while the model trains. So e ** loss is a perplexity.

        Args:
            batch: has a ``target``. Its "labels" are (target tokens,), the piece after each token, or IGNORE_INDEX.
        """
        assert batch.target is not None, "the batch has no target"
        _, memory = self._read(batch.input_ids, batch.token_type_ids, batch.sequences)
        states, _ = self.decoder(batch.target.input_ids, batch.target.sequences, memory)
        smoothing = self.label_smoothing if self.training else 0.0
        embeddings, labels = self.decoder.word_embeddings, batch.labels["labels"]
        return {"generation": self.decoder.head(states, embeddings, labels, smoothing)}

    @staticmethod
    def label_counts(batch: Batch) -> dict[str, int]:
        """How many pieces the loss of ``batch`` will count, known before the forward pass."""
        return {"generation": int((batch.labels["labels"] != IGNORE_INDEX).sum())}

    # ---- writing, a piece at a time ----

    @torch.no_grad()
    def encode(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Memory:
        """Padded sources, (batch, seq), as BertModel takes them -> what the decoder looks at."""
        padding = Padding.of_mask(attention_mask, input_ids)
        types = None if token_type_ids is None else padding.unpad(token_type_ids.expand_as(input_ids))
        return self._read(padding.unpad(input_ids), types, padding.sequences)[1]

    @torch.no_grad()
    def start(self, memory: Memory) -> Cache:
        """The cache of targets that are not begun, a row for each source.

        Raises:
            ValueError: if the model trains: dropout would make each step another model's.
        """
        if self.training:
            raise ValueError("the model is in training mode; call model.eval() before it writes")
        return self.decoder.start(memory)

    @torch.no_grad()
    def step(self, pieces: Tensor, cache: Cache) -> Tensor:
        """Reads the newest piece of each row and moves the cache on by one position. The first piece is [CLS].

        Args:
            pieces: (rows,) int64.
            cache: from ``start``, changed in place.

        Returns:
            (rows, vocab_size), the scores of the next piece.

        Raises:
            ValueError: if the decoder has no position embedding left.
        """
        return self.decoder.step(pieces, cache)
