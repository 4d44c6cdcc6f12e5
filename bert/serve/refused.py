"""A request that cannot be answered, and the response that says why."""

from collections.abc import Mapping
from http import HTTPStatus

from bert.serve.requests import to_json


class Refused(Exception):
    """A refusal.

    Attributes:
        code: the status.
        headers: of the response.
        body: one sentence for the client, as JSON.
    """

    def __init__(self, code: int, sentence: str, headers: Mapping[str, str] | None = None):
        super().__init__(sentence)
        self.code, self.headers = code, headers or {}
        self.body = f"{to_json({'error': sentence})}\n".encode("utf-8", "replace")

    @property
    def alone(self) -> bytes:
        """A whole response, after which the connection ends."""
        head = f"HTTP/1.1 {self.code} {HTTPStatus(self.code).phrase}\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"{head}Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n".encode() + self.body
