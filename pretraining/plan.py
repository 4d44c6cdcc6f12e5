"""The needs of a pretraining run, computed from its settings: parameters, memory, arithmetic, traffic and hours.

Everything follows from a few shapes. Below, h is hidden_size and i is intermediate_size. Sequences are full. Nothing
here is measured: ``train_pretrain.py --plan`` measures a rate and prints it beside these numbers.
"""

from dataclasses import dataclass

from bert.config import BertConfig
from bert.fast.attention import EQUATION_UP_TO

MASKED_SHARE = 0.15  # the share of tokens with a label (paper, section 3.1).
# Paper, appendix A.2: 90 % of 1,000,000 updates have 256 sequences of 128 tokens. The others have 256 of 512.
PAPER_PHASES = ((900_000, 128), (100_000, 512))
PAPER_BATCH = 256


@dataclass(frozen=True)
class Setup:
    """The run that a plan is made for."""

    config: BertConfig
    max_length: int
    batch_size: int  # examples in an update, over all processes and micro-batches
    accumulate: int = 1
    processes: int = 1
    precision: str = "bf16"
    shard: bool = False
    recompute: bool = False
    device_type: str = "cuda"  # or "cpu"
    masked_share: float = MASKED_SHARE
    optimizer: str = "bert-adamw"
    averages: bool = False  # keeps an average of the weights, to evaluate and save

    @property
    def micro_batch(self) -> int:
        """Examples that a process computes at a time."""
        return -(-self.batch_size // (self.accumulate * self.processes))


# ---- parameters ----


def parameters_by_part(config: BertConfig) -> dict[str, int]:
    """How many parameters each part of ``BertForPreTraining`` has.

    The scores of the vocabulary are products with the word embeddings, which count once.
    """
    h, i = config.hidden_size, config.intermediate_size
    layer = 4 * (h * h + h) + (h * i + i) + (i * h + h) + 4 * h  # Q, K, V and output; feed-forward; two LayerNorms
    return {
        "embeddings": (config.vocab_size + config.max_position_embeddings + config.type_vocab_size) * h + 2 * h,
        "encoder": layer * config.num_hidden_layers,
        "pooler": h * h + h,
        "masked language model": h * h + h + 2 * h + config.vocab_size,
        "next sentence": 2 * h + 2,
    }


def matrix_elements(config: BertConfig) -> int:
    """How many parameters are in the matrices of the layers, which Muon updates."""
    h, i = config.hidden_size, config.intermediate_size
    return config.num_hidden_layers * (4 * h * h + 2 * h * i)


def parameter_count(config: BertConfig) -> int:
    """How many parameters ``BertForPreTraining`` has."""
    return sum(parameters_by_part(config).values())


# ---- memory ----


def memory_by_part(setup: Setup, micro_batch: int | None = None) -> dict[str, int]:
    """The bytes that a process needs at the peak of an update.

    The parts peak at slightly different times. So their sum is a little too much. It leaves out PyTorch itself and a
    GPU's workspace (some hundred megabytes).

    Args:
        micro_batch: examples at a time; None: as the setup says.
    """
    config, examples = setup.config, setup.micro_batch if micro_batch is None else micro_batch
    parameters = parameter_count(config)
    state = 8 * parameters  # Adam's two averages
    if setup.optimizer == "muon":
        state -= 4 * matrix_elements(config)  # of a matrix, the momentum alone
    shares, gathered = 1, 0
    if setup.shard and setup.processes > 1:
        shares = setup.processes
        gathered = 4 * _gathered(config) + 4 * (_gathered(config) if setup.accumulate == 1 else parameters)
    own = -(-parameters // shares)
    masked = examples * max(1, round(setup.masked_share * setup.max_length))
    in_slices = setup.device_type == "cpu" and setup.precision == "fp32"
    return {
        "weights": 4 * own,
        "gradients": 4 * own,
        "optimizer state": -(-state // shares),
        "gathered weights and gradients": gathered,
        "weights in 16 bits": 0 if setup.precision == "fp32" else 2 * parameters,  # kept until the backward pass
        "activations": examples * setup.max_length * activation_bytes_per_token(setup),
        # The masked tokens' log-probabilities, their gradients, and the gradients of the scores, all in 32 bits. If the
        # loss is computed in slices (bert/fast/vocabulary_loss.py), one of them.
        "scores of the vocabulary": (4 if in_slices else 12) * masked * config.vocab_size,
    } | ({"average of the weights": 4 * own} if setup.averages else {})


def _gathered(config: BertConfig) -> int:
    """The most parameters that ``--shard`` gathers at a time.

    These are two layers (one computes, the next arrives) and all parameters outside the layers. Each process has
    gradients for as many, before they are shared out. With several micro-batches it has its own gradients of all.
    """
    encoder = parameters_by_part(config)["encoder"]
    return parameter_count(config) - encoder + 2 * encoder // config.num_hidden_layers


def activation_bytes_per_token(setup: Setup) -> int:
    """The bytes that the layers keep of each token for the backward pass.

    ======================================  =======  =============================================
    per layer                               numbers  bytes, 16 bits
    ======================================  =======  =============================================
    the layer's input, for Q, K and V       h        2 h
    query, key, value, attended values      4 h      2 h each
    inputs of the two LayerNorms            2 h      2 h each; on a GPU 4 h: autocast makes a copy
    input of the feed-forward part          h        2 h
    its inner layer, before and after GELU  2 i      2 i each
    ======================================  =======  =============================================

    Dropout adds a mask for each number that it decides on, twice h: 2 bytes on the CPU, 1 on a GPU. Fused attention
    keeps none of the (seq, seq) weights. The CPU has none with dropout, and keeps the weights before it and after it.
    In 16 bits it takes none for short sequences, and keeps the weights.

    With ``recompute`` each layer keeps its input, and one layer at a time keeps the rest.
    """
    config = setup.config
    h, i = config.hidden_size, config.intermediate_size
    bytes_each = 4 if setup.precision == "fp32" else 2
    mask = 2 if setup.device_type == "cpu" else 1  # bert.fast.dropout keeps 16 random bits
    layer_norms = 2 * h * (2 if setup.device_type == "cpu" else 4)
    per_layer = (8 * h + 2 * i) * 4 if setup.precision == "fp32" else (1 + 4 + 1) * 2 * h + layer_norms + 2 * 2 * i
    if config.hidden_dropout_prob > 0:
        per_layer += 2 * h * mask
    if config.attention_probs_dropout_prob > 0 and setup.device_type == "cpu":
        per_layer += config.num_attention_heads * setup.max_length * (2 * bytes_each + mask)
    elif setup.precision == "bf16" and setup.device_type == "cpu" and setup.max_length <= EQUATION_UP_TO:
        per_layer += config.num_attention_heads * setup.max_length * bytes_each
    layers = config.num_hidden_layers
    of_layers = layers * h * bytes_each + per_layer if setup.recompute else layers * per_layer
    return of_layers + (4 + mask) * h  # and the embeddings: the input of LayerNorm, and a mask


def largest_micro_batch(setup: Setup, memory: int) -> int:
    """How many examples at a time fit into ``memory`` bytes of a process; perhaps 0."""
    fixed = sum(memory_by_part(setup, micro_batch=0).values())
    per_example = sum(memory_by_part(setup, micro_batch=1).values()) - fixed
    return max(0, (memory - fixed) // per_example)


# ---- arithmetic, traffic, hours ----


def flops_per_token(config: BertConfig, length: int, masked_share: float = MASKED_SHARE) -> float:
    """The additions and multiplications that training takes for a token of a full sequence.

    A product with a matrix of n numbers takes 2 n. Forward:

        each layer: 2 (4 h h + 2 h i), and attention's two products with the other tokens: 4 h length
        scores:     2 (h h + h vocab_size), for the share that is masked
        pooler:     2 h h, for one token of the sequence

    The backward pass takes twice that: each product has two gradients. Only matrix products count here. The last layer
    takes less: it is computed for the selected tokens alone (``bert.model.encoder``).
    Conventions: Kaplan et al. 2020, section 2.1; Chowdhery et al. 2022 (PaLM), appendix B.
    """
    h, i = config.hidden_size, config.intermediate_size
    layer = 2 * (4 * h * h + 2 * h * i) + 4 * h * length
    scores = 2 * (h * h + h * config.vocab_size)
    pooler = 2 * (h * h + 2 * h)
    return 3 * (config.num_hidden_layers * layer + masked_share * scores + pooler / length)


def bytes_sent_per_update(setup: Setup) -> tuple[float, float]:
    """The bytes that each process sends in an update: of gradients, and with ``--shard`` of weights.

    In a ring of N processes each gradient travels N - 1 times while it is added up. Its sum travels as often. An N-th
    of them travels at a time. That is 2 (N - 1) / N of 4 bytes a parameter (Patarasu & Yuan 2009). With ``--shard`` the
    sums stay. Instead every micro-batch gathers all weights in its forward pass. In its backward pass it gathers the
    layers' again. Muon gathers the momentum of the layers' matrices, in the precision of the products.
    """
    parts = parameters_by_part(setup.config)
    once = 4 * (setup.processes - 1) / setup.processes
    if not setup.shard:
        return 2 * once * sum(parts.values()), 0.0
    weights = setup.accumulate * once * (sum(parts.values()) + parts["encoder"])
    if setup.optimizer == "muon":
        weights += once * matrix_elements(setup.config) * (1.0 if setup.precision == "fp32" else 0.5)
    return once * sum(parts.values()), weights


def paper_hours(setup: Setup, flops_per_second: float, bytes_per_second: float = float("inf")) -> float:
    """Hours for the paper's recipe, whatever the setup's own batches are: 42.6 billion tokens.

    Gradients and weights travel while others are computed. So an update takes as long as the slower of both.

    Args:
        flops_per_second: of one process.
        bytes_per_second: of one process.
    """
    sending = sum(bytes_sent_per_update(setup)) / bytes_per_second
    seconds = 0.0
    for updates, length in PAPER_PHASES:
        arithmetic = PAPER_BATCH * length * flops_per_token(setup.config, length)
        seconds += updates * max(arithmetic / setup.processes / flops_per_second, sending)
    return seconds / 3600
