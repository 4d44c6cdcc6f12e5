"""From the body of a request to the body of its answer."""

import time
import traceback
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from bert.errors import InputError
from bert.serve.batcher import Closed, Full
from bert.serve.refused import Refused
from bert.serve.requests import Request, body_of, parse_request, sentence_of
from bert.serve.service import Item

if TYPE_CHECKING:
    from bert.serve.server import Server

LATER = {"Retry-After": "1"}  # seconds


def answer_request(server: "Server", body: bytes) -> tuple[bytes, str]:
    """The body of the answer, and its type.

    Raises:
        Refused: if an input is no good, the queue is full, or the model is not done in time.
    """
    service, deadline = server.service, time.monotonic() + server.limits.timeout
    try:
        request = parse_request(body, service.key_of_text)
    except InputError as error:
        raise Refused(400, str(error)) from None
    items = _read(server, request)
    try:
        futures = server.batcher.submit(items)
    except Full:
        waiting = len(server.batcher)
        raise Refused(429, f"{waiting:,} inputs wait already, of at most {server.limits.queue:,}; try again in a "
                           f"second", LATER) from None  # fmt: skip
    except Closed:
        raise Refused(503, "the server is ending; ask another one", LATER) from None
    predictions = _wait(futures, deadline, server.limits.timeout)
    return body_of([service.answer(*pair) for pair in zip(items, predictions, strict=True)], request)


def _read(server: "Server", request: Request) -> list[Item]:
    count, limits = sum(map(bool, map(str.strip, request.lines.lines))), server.limits
    if count > limits.queue:
        raise Refused(413, f"the request has {count:,} inputs; at most {limits.queue:,} were expected at a time")
    try:
        items = server.service.read(request.lines)
    except InputError as error:
        raise Refused(400, sentence_of(error, request)) from None
    for number, item in enumerate(items, start=1):
        if item.tokens > limits.input_tokens:
            raise Refused(413, f"input {number} has {item.tokens:,} tokens in its windows; at most "
                               f"{limits.input_tokens:,} were expected, since others wait; cut it up")  # fmt: skip
    return items


def _wait(futures: list[Future], deadline: float, seconds: float) -> list[Any]:
    """The predictions. If one is late or fails, those that still wait are given up."""
    predictions, number = [], 0
    try:
        for number, future in enumerate(futures, start=1):  # noqa: B007 (a handler names it)
            predictions.append(future.result(max(0.0, deadline - time.monotonic())))
    except TimeoutError:
        raise Refused(503, f"there was no answer within {seconds:g} seconds; try again later", LATER) from None
    except InputError as error:  # of the model, such as weights that are too large
        raise Refused(500, str(error)) from None
    except Exception as error:
        traceback.print_exc()
        raise Refused(500, f"the model failed on input {number} ({type(error).__name__}), and the server printed why; "
                           f"tell who runs it") from None  # fmt: skip
    finally:
        for future in futures:
            future.cancel()
    return predictions
