"""What a client may ask of the server, and how long it may take."""

from dataclasses import dataclass

from bert.serve.batcher import QUEUE, ROWS, TOKENS

MOST_HEAD = 1 << 15  # bytes of a request's first line and headers
LINGER = 1.0  # seconds that a refused client may still send, so that it reads the reason


@dataclass(frozen=True)
class Limits:
    """The limits of a server, and of its batches."""

    batch_rows: int = ROWS
    batch_tokens: int = TOKENS
    queue: int = QUEUE  # inputs that wait; more are refused
    body: int = 4 << 20  # bytes
    timeout: float = 30.0  # seconds for a client to send its request, and again to be answered
    connections: int = 128  # open at the same time, each with a thread
    input_tokens: int = 16 * TOKENS  # of one input in all its windows: others wait while it is computed
