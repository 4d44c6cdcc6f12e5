"""What the server counts, as Prometheus reads it (text format 0.0.4)."""

import math
import threading
from collections import Counter, deque
from collections.abc import Mapping

LATEST = 1_024  # answers, of which the quantiles are
SIZES = (1, 2, 4, 8, 16, 32, 64)  # bounds of the batches' sizes


class Measurements:
    """Counts of requests and batches. Any thread may add to them."""

    def __init__(self):
        self._lock = threading.Lock()
        self.requests: Counter[tuple[str, int]] = Counter()  # by path and code
        self.batch_rows: Counter[int] = Counter()
        self.batch_tokens = 0
        self.batch_seconds = 0.0
        self._seconds: deque[float] = deque(maxlen=LATEST)
        self._all_seconds, self._answers = 0.0, 0

    def add_request(self, path: str, code: int, seconds: float | None = None) -> None:
        """Counts a request, and how long its client waited if it was answered."""
        with self._lock:
            self.requests[path, code] += 1
            if seconds is not None:
                self._seconds.append(seconds)
                self._all_seconds += seconds
                self._answers += 1

    def add_batch(self, rows: int, tokens: int, seconds: float) -> None:
        """Counts a batch."""
        with self._lock:
            self.batch_rows[rows] += 1
            self.batch_tokens += tokens
            self.batch_seconds += seconds

    def as_text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All measurements.

        Args:
            gauges: what is so at the moment, by name: its meaning and its value.
        """
        with self._lock:
            seconds = sorted(self._seconds)
            batches = sum(self.batch_rows.values())
            return "".join([
                _family("bert_requests_total", "counter", "Requests by path and status code."),
                *(
                    f'bert_requests_total{{path="{path}",code="{code}"}} {count}\n'
                    for (path, code), count in sorted(self.requests.items())
                ),
                _family("bert_request_seconds", "summary", f"Seconds to an answer; quantiles of the last {LATEST:,}."),
                *(f'bert_request_seconds{{quantile="{q}"}} {quantile(seconds, q):.6f}\n' for q in (0.5, 0.95, 0.99)),
                f"bert_request_seconds_sum {self._all_seconds:.6f}\nbert_request_seconds_count {self._answers}\n",
                _family("bert_batch_rows", "histogram", "Inputs of a batch."),
                *(
                    f'bert_batch_rows_bucket{{le="{most}"}} '
                    f"{sum(count for rows, count in self.batch_rows.items() if rows <= most)}\n"
                    for most in SIZES
                ),
                f'bert_batch_rows_bucket{{le="+Inf"}} {batches}\n',
                f"bert_batch_rows_sum {sum(rows * count for rows, count in self.batch_rows.items())}\n",
                f"bert_batch_rows_count {batches}\n",
                _family("bert_batch_tokens_total", "counter", "Tokens of all batches."),
                f"bert_batch_tokens_total {self.batch_tokens}\n",
                _family("bert_batch_seconds_total", "counter", "Seconds in which the model computed."),
                f"bert_batch_seconds_total {self.batch_seconds:.6f}\n",
                *(
                    f"{_family(name, 'gauge', meaning)}{name} {value:g}\n"
                    for name, (meaning, value) in gauges.items()
                ),
            ])  # fmt: skip


def quantile(ascending: list[float], share: float) -> float:
    """The smallest value that so large a share of the values does not exceed. Of none it is 0.

    >>> quantile([1.0, 2.0, 3.0, 9.0], 0.5), quantile([1.0, 2.0, 3.0, 9.0], 0.95)
    (2.0, 9.0)
    """
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def _family(name: str, kind: str, meaning: str) -> str:
    return f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"
