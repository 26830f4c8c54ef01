"""A connection by HTTP/1.1 whose client has to keep up: with sending a request, and with reading the answer.

uvicorn waits for ever for the rest of a request, and for a client that does not read. Here each connection knows since
when its client owes something. It ends when that lasts too long, or when a new one needs the place.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

MOST_CONNECTIONS = 500
"""At once: room for every event stream and for reads beside them, below the 1,024 open files that are usual."""

LEAST_READ = 16 * 1024
"""Bytes: a link of 3 kbit/s reads them in time."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may owe something, in seconds."""

    begin_s: float = 75.0
    """From the connection to the first byte: browsers open connections ahead."""
    head_s: float = 15.0
    """From the first byte of a request to the end of its headers."""
    body_s: float = 30.0
    """From there to the end of its body, which is 64 KiB at most."""
    read_s: float = 60.0
    """For each `LEAST_READ` of an answer that waits, and for what is left of it once the connection is to end."""


class Connection(H11Protocol):
    """One connection; what it is asked and answers is uvicorn's."""

    patience = Patience()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.owes: str | None = None
        self.owes_since_s = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread = 0

    # What happens to it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Take a place; when there is none, the one whose client has owed something for longest makes room."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > MOST_CONNECTIONS:
            longest_owing(one for one in self.connections if isinstance(one, Connection)).cut()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Go on with the next request of the connection, if it has begun."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """It has read what waited."""
        super().resume_writing()
        self._look()

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        super().timeout_keep_alive_handler()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._owe(None)

    # What its client owes

    def cut(self) -> None:
        """End it at once, whatever is on its way."""
        self._owe(None)
        self.transport.abort()

    def _look(self) -> None:
        self._owe(self._due())

    def _due(self) -> str | None:
        """What the client has to do next: None while it is our turn, or while uvicorn's wait between requests runs."""
        if self.flow.write_paused or self.transport.is_closing():
            return "read"
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        if self.conn.their_state is not h11.IDLE:
            return None
        if self.conn.trailing_data[0]:
            return "head"
        return "begin" if self.cycle is None else "next"

    def _owe(self, what: str | None) -> None:
        """Begin to count when it owes something else than before; a byte more of the same wins no time."""
        if what == self.owes:
            return
        self.owes, self.owes_since_s = what, self.loop.time()
        self._count_down()

    def _count_down(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        within_s = {
            "begin": self.patience.begin_s,
            "head": self.patience.head_s,
            "body": self.patience.body_s,
            "read": self.patience.read_s,
        }.get(self.owes or "")  # not `next`: that is uvicorn's timeout_keep_alive
        if within_s is not None:
            self._unread = self.transport.get_write_buffer_size()
            self._deadline = self.loop.call_later(within_s, self._late)

    def _late(self) -> None:
        if self.owes == "head":
            self._tell_late()
        elif self.owes == "read" and self.transport.get_write_buffer_size() <= self._unread - LEAST_READ:
            self._count_down()
        else:
            self.cut()

    def _tell_late(self) -> None:
        """No answer has begun: tell why the connection ends."""
        self._unset_keepalive_if_required()
        told = b"the request came in too slowly"
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(told))), ("Connection", "close")]
        answer = h11.Response(status_code=HTTPStatus.REQUEST_TIMEOUT, headers=headers, reason=b"Request Timeout")
        for event in (answer, h11.Data(data=told), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._look()


def longest_owing(connections: Iterable[Connection]) -> Connection:
    """Who makes room: whose client has owed something for longest; whoever is being answered keeps their place.

    Somebody owes: whoever came last has sent nothing yet.
    """
    return min(connections, key=lambda one: (one.owes is None, one.owes_since_s))
