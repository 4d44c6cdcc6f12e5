"""A service without a model: it turns texts around, and waits if a test says so. And a client that sends raw bytes."""

import json
import socket
import threading
import time

from bert.errors import InputError
from bert.files.tables import read_objects
from bert.serve.service import Item, Service


class Stub:
    """A model whose answers wait until ``open`` is set."""

    def __init__(self):
        self.open, self.begun = threading.Event(), threading.Event()
        self.open.set()

    def read(self, lines):
        items = []
        for line, values in read_objects(lines):
            if not isinstance(values.get("text"), str):
                raise InputError(f"{lines}: line {line}: has no text")
            items.append(Item(values["text"], [values["text"]]))
        return items

    def predict(self, items):
        self.begun.set()
        assert self.open.wait(20)
        if any(item.example == "broken" for item in items):
            raise RuntimeError("a broken model")
        return [item.example[::-1] for item in items]

    @property
    def service(self) -> Service:
        return Service(
            "stub", "reversed", {"text": "abc"}, self.read, self.predict, lambda item, found: {"found": found}
        )


class Client:
    """A connection to a server. Nothing is sent that a test does not send."""

    def __init__(self, server):
        self.socket = socket.create_connection(server.server_address[:2], timeout=20)

    def send(self, *parts: str | bytes, pause: float = 0.0) -> "Client":
        for part in parts:
            self.socket.sendall(part.encode() if isinstance(part, str) else part)
            time.sleep(pause)
        return self

    def post(self, body: str | bytes, *headers: str, path: str = "/predict") -> "Client":
        body = body.encode() if isinstance(body, str) else body
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
        return self.send("\r\n".join(lines).encode() + body)

    def read(self) -> tuple[int, dict[str, str], bytes]:
        """(code, headers, body) of a response. The code is 0 if the server ended the connection without one."""
        if not hasattr(self, "file"):
            self.file = self.socket.makefile("rb")
        first = self.file.readline()
        if not first:
            return 0, {}, b""
        headers = {}
        while (line := self.file.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            headers[name] = value
        return int(first.split()[1]), headers, self.file.read(int(headers["Content-Length"]))

    def answer(self) -> tuple[int, dict]:
        """The code, and the JSON of the body."""
        code, _, body = self.read()
        return code, json.loads(body) if body else {}

    def is_ended(self) -> bool:
        """Whether the server ends the connection. It waits for that."""
        return self.read()[0] == 0
