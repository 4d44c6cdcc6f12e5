"""How a run does on documents that it is not trained on, beside what guessing gives."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from bert.heads.batch import Batch
from bert.tokenization.tokenizer import Tokenizer
from bert.training.distributed import Processes
from bert.training.loop import mean_losses
from bert.training.reporting import in_words, read_log
from bert.training.run import Run
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.baseline import count_pairs
from data.pretraining.batches import evaluation_batches
from data.pretraining.next_token import predict_next
from pretraining.baselines import by_guessing, measure_baselines, warn_of_base_rate
from pretraining.settings import PretrainingSettings


class HeldOut:
    """Examples of the held-out documents, the same each time, for each length of a run's sequences.

    Args:
        lengths: the most tokens of an example, in each phase of the run.
        processes: all of them must make it, and measure, together. Each has a part of the examples.

    Attributes:
        exists: whether any document is held out. A small corpus holds out none.
    """

    def __init__(
        self,
        settings: PretrainingSettings,
        corpus: TokenizedCorpus,
        tokenizer: Tokenizer,
        lengths: Iterable[int],
        processes: Processes,
    ):
        self._settings, self._corpus, self._tokenizer, self._processes = settings, corpus, tokenizer, processes
        self._batches = processes.on_all(lambda: {length: list(self._make(length, processes)) for length in lengths})
        self._pairs = {}  # by length: how many pairs are random, and how many there are
        for length, batches in self._batches.items():
            random, pairs = (sum(counts) for counts in zip(*processes.gather(count_pairs(batches))))
            self._pairs[length] = random, pairs
        self.exists = any(processes.gather(any(self._batches.values())))

    def _make(self, length: int, processes: Processes) -> Iterator[Batch]:
        settings = self._settings
        batches = evaluation_batches(
            self._corpus, self._tokenizer, 32, length, settings.nsp, settings.whole_word_masking, processes.rank,
            processes.world_size, settings.eval_examples,
        )  # fmt: skip
        return map(predict_next, batches) if settings.predicts_next else batches

    def is_new_to(self, log: Path) -> bool:
        """Whether a run's ``log.jsonl`` has no baselines yet, for the objective that the run has now."""
        name = "next_token" if self._settings.predicts_next else "masked_lm"
        return self._processes.broadcast(lambda: not any(f"unigram_{name}_loss" in line for line in read_log(log)))

    def baselines(self, length: int) -> tuple[dict[str, float], list[str]]:
        """What guessing gives on the examples of all processes: by the names in the log, and as lines."""
        alone = Processes(0, 1, torch.device("cpu"))
        return self._processes.broadcast(lambda: measure_baselines(self._corpus, list(self._make(length, alone))))

    def measure(self, run: Run, length: int) -> tuple[dict[str, float], str, str]:
        """Mean losses and accuracies by name; the same in words; and a note, if they show that nothing was learned."""
        with run.evaluation():
            means = mean_losses(run.model, self._batches[length], run.precision, self._processes)
        random, pairs = self._pairs[length]
        words = in_words(means, by_guessing(random / pairs) if pairs else None)
        return means, words, warn_of_base_rate(means, random, pairs)
