"""One connection: its requests are read, checked and answered. An error is a sentence, as JSON."""

import contextlib
import io
import socket
import time
import traceback
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bert.serve.answering import answer_request
from bert.serve.connections import TooLong
from bert.serve.limits import LINGER, MOST_HEAD
from bert.serve.page import FILES, SECURITY, read_page
from bert.serve.refused import Refused
from bert.serve.requests import JSON, to_json

if TYPE_CHECKING:
    from bert.serve.server import Server

METHODS = {"/predict": "POST", "/health": "GET", "/metrics": "GET"} | dict.fromkeys(FILES, "GET")


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection, one after another."""

    server: "Server"  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"  # a connection stays open for further requests
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Reads through the connection's ``Reader``, which has the deadlines."""
        super().setup()
        self.rfile.close()
        self.reader = self.server.readers.pop(self.connection)
        self.rfile = io.BufferedReader(self.reader)

    def finish(self) -> None:
        """Ends the connection."""
        with contextlib.suppress(OSError):
            super().finish()
        self.server.connections.close(self.reader)

    def handle_one_request(self) -> None:
        """Waits for a request, and answers it: also if it is wrong or slow, as long as its client listens."""
        self.close_connection, self.has_answer = True, False
        self.command = self.path = self.requestline = ""
        try:
            self.reader.allow(self.server.limits.timeout, MOST_HEAD)
            if not self.rfile.peek(1):  # type: ignore[attr-defined]
                return
        except OSError:  # it sent no request, in all the time
            return
        self.begin = time.perf_counter()
        self.server.connections.read(self.reader)
        self.reader.allow(self.server.limits.timeout, self.reader.left)
        self.unread = 0  # bytes of the body
        try:
            self.raw_requestline = self.rfile.readline()
            if self.parse_request():  # else it has called send_error
                self.answer()
        except Refused as refused:
            self.refuse(refused)
        except TooLong:
            self.refuse(Refused(431, f"the headers are longer than {MOST_HEAD:,} bytes; send fewer"), goes_on=False)
        except TimeoutError:
            seconds = self.server.limits.timeout
            self.refuse(Refused(408, f"the request did not come within {seconds:g} seconds; send it again"), False)
        except ConnectionError:  # the client has gone
            self.close_connection = True
            self.count(499)
        except Exception:
            traceback.print_exc()
            self.refuse(Refused(500, "the server failed, and printed why; tell who runs it"), goes_on=False)
        self.server.connections.idle(self.reader)

    def answer(self) -> None:
        """Answers a request whose headers were read."""
        path = self.path_alone
        method = METHODS.get(path)
        self.unread = self.length_of_body()
        if method is None:
            raise Refused(404, f"there is nothing at {path[:80]}; inputs go to /predict")
        if self.command != method and (self.command, method) != ("HEAD", "GET"):
            raise Refused(405, f"{path} takes {method}, and not {self.command[:20]}", {"Allow": method})
        server = self.server
        match path:
            case "/predict":
                self.respond(200, *answer_request(server, self.read_body()))
            case "/health":
                self.respond(503 if server.is_ending else 200, to_json(server.health()).encode(), JSON)
            case "/metrics":
                self.respond(200, server.metrics().encode(), "text/plain; version=0.0.4")
            case _:
                self.respond(200, *read_page(path), SECURITY)

    @property
    def path_alone(self) -> str:
        """The path without a query. What is no address, such as "http://[", stays as it came."""
        try:
            return urlsplit(self.path).path
        except ValueError:
            return self.path

    def length_of_body(self) -> int:
        """The length of the body, as the headers say. Raises Refused if they do not, or it is too long."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or (not lengths and self.command == "POST"):
            self.unread = 1
            raise Refused(411, "the length of the body was expected as Content-Length; send it whole, not in chunks")
        if len(set(lengths)) > 1 or not all(length.isascii() and length.isdecimal() for length in lengths):
            self.unread = 1
            raise Refused(400, f"Content-Length is {', '.join(lengths)[:80]}; one whole number was expected")
        length = int(lengths[0][:20]) if lengths else 0
        if length > self.server.limits.body:
            self.unread = length
            raise Refused(413, f"the body has {length:,} bytes; at most {self.server.limits.body:,} were expected")
        return length

    def read_body(self) -> bytes:
        """The body, within the time of the request."""
        self.reader.left = self.unread
        body = self.rfile.read(self.unread)
        if len(body) < self.unread:
            raise ConnectionError
        self.unread = 0
        self.server.connections.compute(self.reader)
        return body

    def handle_expect_100(self) -> bool:
        """Lets a careful client go on with its body, if the body is not too long."""
        self.length_of_body()
        return super().handle_expect_100()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library calls if it cannot read the request."""
        sentence = message or explain or "the request is not HTTP"
        self.refuse(Refused(code, sentence[:200]), goes_on=False)

    def refuse(self, refused: Refused, goes_on: bool = True) -> None:
        """Sends a refusal. The connection ends if the rest of the request would be taken for another one."""
        if self.has_answer:  # half an answer was sent
            self.close_connection = True
            return
        self.close_connection |= not goes_on or self.unread > 0
        try:
            self.respond(refused.code, refused.body, JSON, refused.headers)
            if self.close_connection:
                self.linger()
        except OSError:  # the client has gone
            self.close_connection = True

    def respond(self, code: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """Sends a response."""
        self.has_answer = True
        self.close_connection |= self.server.is_ending or self.unread > 0
        self.connection.settimeout(self.server.limits.timeout)
        lines = [f"HTTP/1.1 {code} {self.responses.get(code, ('',))[0]}", f"Date: {self.date_time_string()}"]
        lines += [f"Content-Type: {kind}; charset=utf-8", f"Content-Length: {len(body)}", "Cache-Control: no-store"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += ["Connection: close"] * self.close_connection
        head = "\r\n".join([*lines, "", ""]).encode()
        self.count(code)  # before it is sent, so that a client finds itself counted
        self.connection.sendall(head if self.command == "HEAD" else head + body)

    def linger(self) -> None:
        """Reads on for a moment. A connection that is closed at once would be reset, and the refusal be lost."""
        end, left = time.monotonic() + LINGER, 4 * self.server.limits.body
        self.connection.shutdown(socket.SHUT_WR)
        while left > 0 and (seconds := end - time.monotonic()) > 0:
            self.connection.settimeout(seconds)
            received = len(self.connection.recv(1 << 16))
            left -= received or left

    def count(self, code: int) -> None:
        """Counts the request."""
        path = self.path_alone
        seconds = time.perf_counter() - self.begin if (path, code) == ("/predict", 200) else None
        self.server.measurements.add_request(path if path in METHODS else "other", code, seconds)

    def log_message(self, format: str, *arguments: object) -> None:
        """Prints nothing: ``/metrics`` counts, and texts of clients are not for a log."""
