"""The server: it takes connections, a thread for each, and ends without losing a request that it took."""

import contextlib
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from bert.errors import InputError
from bert.serve.answering import LATER
from bert.serve.batcher import Batcher
from bert.serve.connections import Connections, Reader
from bert.serve.handler import Handler
from bert.serve.limits import Limits
from bert.serve.measurements import Measurements
from bert.serve.refused import Refused
from bert.serve.service import Service

THREADS_END = 5.0  # seconds for the last steps of a connection's thread


class Server(ThreadingHTTPServer):
    """Answers requests from its making to ``end``. It may be used as a ``with`` block.

    Args:
        host: its address; only this machine reaches 127.0.0.1.
        port: 0: any that is free.

    Raises:
        InputError: if it cannot listen there.
    """

    daemon_threads = True  # a second Ctrl-C ends the program at once
    request_queue_size = 128

    def __init__(self, service: Service, host: str = "127.0.0.1", port: int = 8000, limits: Limits | None = None):
        self.service, self.limits = service, limits or Limits()
        self.is_ending = False
        self.measurements = Measurements()
        self.connections = Connections(self.limits.connections)
        self.readers: dict[socket.socket, Reader] = {}
        self.threads: set[threading.Thread] = set()  # of the connections
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), Handler)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot listen on {host}, port {port}: {reason}; name another: --host, --port") from None
        self.batcher = Batcher(
            service.predict,
            tokens=lambda item: item.tokens,
            most_rows=self.limits.batch_rows,
            most_tokens=self.limits.batch_tokens,
            room=self.limits.queue,
            watch=self.measurements.add_batch,
        )
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="server", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self.server_address[:2]
        name = f"[{host}]" if ":" in str(host) else host
        return f"http://{name}:{port}"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: Any) -> None:
        self.end()

    def server_bind(self) -> None:
        """Binds the socket. The library's own method would ask the network for this machine's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts a thread for a connection, or refuses it if there are too many."""
        reader = self.readers[request] = Reader(request)
        if self.connections.admit(reader):
            try:
                super().process_request(request, client_address)
                return
            except RuntimeError:  # the system has no further thread
                self.connections.close(reader)
        del self.readers[request]
        refused = Refused(503, "too many connections are open; try again in a second", LATER)
        self.measurements.add_request("other", refused.code)
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(refused.alone)
            request.recv(1 << 16)  # bytes that nobody reads would reset the connection, and the refusal be lost
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers a connection's requests, in a thread of its own."""
        self.threads = {thread for thread in self.threads if thread.is_alive()} | {threading.current_thread()}
        super().process_request_thread(request, client_address)

    def health(self) -> dict[str, Any]:
        """What the server does, and for which inputs."""
        service = self.service
        return {
            "status": "ending" if self.is_ending else "ok",
            "run": service.run,
            "kind": service.kind,
            "example": service.example,
            "waiting": len(self.batcher),
        }

    def metrics(self) -> str:
        """All measurements, as Prometheus reads them."""
        return self.measurements.as_text({
            "bert_queue_length": ("Inputs that wait.", len(self.batcher)),
            "bert_connections": ("Open connections.", len(self.connections)),
        })  # fmt: skip

    def end(self) -> None:
        """Answers what was taken, refuses what is new, and returns when that is done."""
        if self.is_ending:
            return
        self.is_ending = True
        self.shutdown()
        self._thread.join()
        self.socket.setblocking(False)
        with contextlib.suppress(OSError):
            # Those who have connected get to know why. They are counted, for clients that come back at once never end.
            for _ in range(self.request_queue_size):
                self.process_request(*self.get_request())
        self.server_close()
        self.connections.end_idle()
        self.batcher.close()
        self.connections.wait_until_closed(self.limits.timeout)
        self.connections.end_waiting()
        end = time.monotonic() + THREADS_END
        for thread in self.threads:  # one that still runs while Python ends could end it by an abort
            thread.join(max(0.0, end - time.monotonic()))
