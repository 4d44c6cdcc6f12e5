"""Open connections: a bounded number of them, each read within a time and a size.

A client that sends a byte now and then must not keep a thread for ever. Each request has a deadline. If all connections
are taken and a new client comes, the one goes that has kept us waiting longest.
"""

import contextlib
import io
import socket
import threading
import time

from bert.serve.limits import LINGER

PATIENCE = 1.0  # seconds to send a request in, even if others wait for the connection


class TooLong(Exception):
    """A client sent more bytes than it may."""


class Reader(io.RawIOBase):
    """Reads a socket, until a time and up to a number of bytes. ``allow`` sets both."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.deadline, self.left = 0.0, 0
        self.is_given_up = False  # whether another client got its place

    def allow(self, seconds: float, size: int) -> None:
        """From now on so many seconds and bytes are allowed."""
        self.deadline, self.left = time.monotonic() + seconds, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer, /) -> int:
        """Reads what has come. Raises TimeoutError after the deadline, and TooLong if all bytes are read."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0 or self.is_given_up:
            raise TimeoutError
        if self.left <= 0:
            raise TooLong
        self.connection.settimeout(seconds)
        count = self.connection.recv_into(memoryview(buffer)[: self.left])
        self.left -= count
        if not count and self.is_given_up:
            raise TimeoutError
        return count


class Connections:
    """All open connections.

    Args:
        most: how many may be open.
    """

    def __init__(self, most: int):
        self.most = most
        self._waiting: dict[Reader, tuple[bool, float]] = {}  # for its client: not idle, and since when
        self._busy: set[Reader] = set()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def admit(self, reader: Reader) -> bool:
        """Takes a new connection. False: all places are taken by clients that we keep waiting."""
        with self._changed:
            if len(self) >= self.most and not self._give_up_one():
                return False
            self._waiting[reader] = True, time.monotonic()
            return True

    def read(self, reader: Reader) -> None:
        """From now on a client sends its request."""
        self._move(reader, True)

    def compute(self, reader: Reader) -> None:
        """From now on a client waits for its answer."""
        with self._changed:
            if self._waiting.pop(reader, None):
                self._busy.add(reader)

    def idle(self, reader: Reader) -> None:
        """A client has its answer, and may send another request."""
        self._move(reader, False)

    def close(self, reader: Reader) -> None:
        """A connection has ended."""
        with self._changed:
            self._waiting.pop(reader, None)
            self._busy.discard(reader)
            self._changed.notify_all()

    def end_idle(self) -> None:
        """Ends the connections of clients that have no request."""
        with self._changed:
            for reader in [reader for reader, (reads, _) in self._waiting.items() if not reads]:
                self._give_up(reader)

    def end_waiting(self) -> None:
        """Ends the connections of all clients that do not wait for an answer."""
        with self._changed:
            for reader in list(self._waiting):
                self._give_up(reader)

    def wait_until_closed(self, seconds: float) -> None:
        """Returns when all that wait for an answer have it, or after so many seconds.

        Clients that have not sent their request yet have a moment to be refused.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, timeout=seconds)
            self._changed.wait_for(lambda: not len(self), timeout=LINGER)

    def _move(self, reader: Reader, reads: bool) -> None:
        with self._changed:
            if reader in self._busy or reader in self._waiting:
                self._busy.discard(reader)
                self._waiting[reader] = reads, time.monotonic()
                self._changed.notify_all()

    def _give_up_one(self) -> bool:
        oldest = min(self._waiting, key=self._waiting.__getitem__, default=None)
        if oldest is None:
            return False
        reads, since = self._waiting[oldest]
        if reads and time.monotonic() - since < PATIENCE:
            return False
        self._give_up(oldest)
        return True

    def _give_up(self, reader: Reader) -> None:
        """Its thread, which waits for the client, gets to know by a TimeoutError."""
        del self._waiting[reader]
        reader.is_given_up = True
        with contextlib.suppress(OSError):  # the client has gone
            reader.connection.shutdown(socket.SHUT_RD)
