"""What a pretraining run will need, reckoned from its settings: parameters, memory, arithmetic, traffic and hours.

Everything follows from a few shapes. Below, h is hidden_size, i intermediate_size, and a token counts whether it is
padding or not. Nothing here is measured: ``train_pretrain.py --plan`` measures a rate and lays it beside these numbers.
"""

from dataclasses import dataclass

from bert.config import BertConfig
from bert.training.sharding import share_out

MASKED_SHARE = 0.15  # of the tokens has a label (paper, section 3.1)
# Paper, appendix A.2: 90 % of 1,000,000 updates with sequences of 128 tokens, the others with 512; 256 sequences each.
PAPER_PHASES = ((900_000, 128), (100_000, 512))
PAPER_BATCH = 256


@dataclass(frozen=True)
class Setup:
    """What a plan is made for.

    batch_size: examples in an update, over all processes and micro-batches; device_type: "cuda" or "cpu".
    """

    config: BertConfig
    max_length: int
    batch_size: int
    accumulate: int = 1
    processes: int = 1
    precision: str = "bf16"
    shard_optimizer: bool = False
    recompute: bool = False
    device_type: str = "cuda"

    @property
    def micro_batch(self) -> int:
        """Examples that a process computes at a time."""
        return -(-self.batch_size // (self.accumulate * self.processes))


# ---- parameters ----


def parameter_sizes(config: BertConfig) -> dict[str, list[int]]:
    """How many numbers each parameter of ``BertForPreTraining`` holds, by the part of the model that it is in.

    The scores of the vocabulary are taken with the word embeddings, which are counted once.
    """
    h, i = config.hidden_size, config.intermediate_size
    layer = [h * h, h] * 4 + [h * i, i, i * h, h] + [h] * 4  # query, key, value, output; feed-forward; two LayerNorms
    tables = [config.vocab_size * h, config.max_position_embeddings * h, config.type_vocab_size * h]
    return {
        "embeddings": [*tables, h, h],
        "encoder": layer * config.num_hidden_layers,
        "pooler": [h * h, h],
        "masked language model": [h * h, h, h, h, config.vocab_size],
        "next sentence": [2 * h, 2],
    }


def parameters_by_part(config: BertConfig) -> dict[str, int]:
    """How many parameters each part of ``BertForPreTraining`` has."""
    return {part: sum(sizes) for part, sizes in parameter_sizes(config).items()}


def parameter_count(config: BertConfig) -> int:
    """How many parameters ``BertForPreTraining`` has."""
    return sum(parameters_by_part(config).values())


# ---- memory ----


def memory_by_part(setup: Setup, micro_batch: int | None = None) -> dict[str, int]:
    """The bytes that a process holds when an update needs the most, with a micro-batch of the setup's size or another.

    The parts do not quite come to their largest at the same time, so that their sum is a little too much. PyTorch
    itself and a GPU's workspace (some hundred megabytes) are not in it.
    """
    config, examples = setup.config, setup.micro_batch if micro_batch is None else micro_batch
    parameters = parameter_count(config)
    own = parameters
    if setup.shard_optimizer:
        sizes = [size for part in parameter_sizes(config).values() for size in part]
        owned = [0] * setup.processes
        for size, owner in zip(sizes, share_out(sizes, setup.processes)):
            owned[owner] += size
        own = max(owned)
    masked = examples * max(1, round(MASKED_SHARE * setup.max_length))
    in_slices = setup.device_type == "cpu" and setup.precision == "fp32"
    return {
        "weights": 4 * parameters,
        "gradients": 4 * parameters,
        "optimizer state": 8 * own,  # Adam's two averages
        "weights in 16 bits": 0 if setup.precision == "fp32" else 2 * parameters,  # kept until the backward pass
        "activations": examples * setup.max_length * activation_bytes_per_token(setup),
        # The masked tokens' log-probabilities, their gradients, and the gradients of the scores, all in 32 bits; where
        # the loss goes slice by slice (bert/heads/vocabulary_loss.py), one of them.
        "scores of the vocabulary": (4 if in_slices else 12) * masked * config.vocab_size,
    }


def activation_bytes_per_token(setup: Setup) -> int:
    """What the layers keep of each token for the backward pass, in bytes.

    ======================================  =======  =============================================
    per layer                               numbers  bytes, 16 bits
    ======================================  =======  =============================================
    the layer's input, for Q, K and V       h        2 h
    query, key, value, attended values      4 h      2 h each
    inputs of the two LayerNorms            2 h      2 h each; on a GPU 4 h: autocast makes a copy
    input of the feed-forward part          h        2 h
    its inner layer, before and after GELU  2 i      2 i each
    ======================================  =======  =============================================

    Dropout adds a byte for each number that it decides on, twice h. Fused attention keeps none of the (seq, seq)
    weights; on the CPU, with dropout, attention is written out, and they are kept: before dropout and after.

    With ``recompute`` each layer keeps its input, and all of this is of one layer at a time.
    """
    config = setup.config
    h, i = config.hidden_size, config.intermediate_size
    bytes_each = 4 if setup.precision == "fp32" else 2
    layer_norms = 2 * h * (2 if setup.device_type == "cpu" else 4)
    per_layer = (8 * h + 2 * i) * 4 if setup.precision == "fp32" else (1 + 4 + 1) * 2 * h + layer_norms + 2 * 2 * i
    if config.hidden_dropout_prob > 0:
        per_layer += 2 * h
    if config.attention_probs_dropout_prob > 0 and setup.device_type == "cpu":
        per_layer += config.num_attention_heads * setup.max_length * (2 * bytes_each + 1)
    layers = config.num_hidden_layers
    of_layers = layers * h * bytes_each + per_layer if setup.recompute else layers * per_layer
    return of_layers + 5 * h  # and the embeddings: the input of LayerNorm, and a mask


def largest_micro_batch(setup: Setup, memory: int) -> int:
    """How many examples at a time a process with ``memory`` bytes can compute; 0 where not even one fits."""
    fixed = sum(memory_by_part(setup, micro_batch=0).values())
    per_example = sum(memory_by_part(setup, micro_batch=1).values()) - fixed
    return max(0, (memory - fixed) // per_example)


# ---- arithmetic, traffic, hours ----


def flops_per_token(config: BertConfig, length: int) -> float:
    """Floating-point operations, additions and multiplications, that training takes for a token of a full sequence.

    Forward, where a product with a matrix of n numbers takes 2 n:

        each layer: 2 (4 h h + 2 h i), and attention's two products with the other tokens: 4 h length
        scores:     2 (h h + h vocab_size), for the 15 % that are masked
        pooler:     2 h h, for one token of the sequence

    The backward pass takes twice that: each product has two gradients. What is no matrix product is left out; and the
    last layer takes less, being computed for the tokens alone that are read (``bert.model.packing``), on a GPU but for
    queries and attention.
    Conventions: Kaplan et al. 2020, section 2.1; Chowdhery et al. 2022 (PaLM), appendix B.
    """
    h, i = config.hidden_size, config.intermediate_size
    layer = 2 * (4 * h * h + 2 * h * i) + 4 * h * length
    scores = 2 * (h * h + h * config.vocab_size)
    pooler = 2 * (h * h + 2 * h)
    return 3 * (config.num_hidden_layers * layer + MASKED_SHARE * scores + pooler / length)


def bytes_sent_per_update(setup: Setup) -> tuple[float, float]:
    """What each process sends in an update: of gradients, and of parameters where the optimizer is sharded.

    A ring of N processes passes each gradient on N - 1 times to be added up and N - 1 times as a sum, an N-th of them
    at a time: 2 (N - 1) / N of 4 bytes per parameter (Patarasu & Yuan 2009). The updated parameters go round once.
    """
    once = 4 * parameter_count(setup.config) * (setup.processes - 1) / setup.processes
    return 2 * once, once if setup.shard_optimizer else 0.0


def paper_hours(setup: Setup, flops_per_second: float, bytes_per_second: float = float("inf")) -> float:
    """Hours for the paper's recipe, whatever the setup's own batches are: 42.6 billion tokens.

    Gradients travel while others are still computed, so that an update takes the longer of both; the parameters of a
    sharded optimizer travel after it.

    Args:
        flops_per_second: that one process reaches.
        bytes_per_second: that one process sends.
    """
    gradients, parameters = (sent / bytes_per_second for sent in bytes_sent_per_update(setup))
    seconds = 0.0
    for updates, length in PAPER_PHASES:
        arithmetic = PAPER_BATCH * length * flops_per_token(setup.config, length)
        seconds += updates * (max(arithmetic / setup.processes / flops_per_second, gradients) + parameters)
    return seconds / 3600
