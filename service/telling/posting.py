"""One POST of JSON over http or https, and what became of it: taken, to be tried again, refused, or nobody can tell.

Redirects are not followed, nor proxies asked. Neither address nor secret stands in any error.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from domain.errors import AskedToWait, MayHaveArrived, Refused, RetryLater
from domain.ports import Receipt
from service.telling.outcome import of_status

_LONGEST_WAIT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a POST goes; it may hold a secret, and is never shown."""

    url: str = field(repr=False)

    def connection(self, timeout_s: float) -> HTTPConnection:
        """A connection that is not made yet. Refused: it is no address of a web server."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Refused("the address is none") from error
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise Refused("the address is none of http or https, or has a user in it")
        if parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=timeout_s)

    @property
    def target(self) -> str:
        """What is asked of the server."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def post(address: Address, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Receipt:
    """Send it once, within about three times `timeout_s`. RetryLater, MayHaveArrived or Refused: it was not taken."""
    connection = address.connection(timeout_s)
    try:
        _connect(connection)
        with _cut_after(connection, 2 * timeout_s):
            return _exchange(connection, address.target, body, headers)
    finally:
        connection.close()


def _connect(connection: HTTPConnection) -> None:
    try:
        connection.connect()
    except (OSError, ValueError) as error:  # a certificate that is not believed, too
        raise RetryLater(f"no connection: {_described(error)}") from None


@contextlib.contextmanager
def _cut_after(connection: HTTPConnection, limit_s: float) -> Iterator[None]:
    """End the connection after a time: a server that answers a byte now and then would hold us for ever."""
    connected = connection.sock

    def cut() -> None:
        with contextlib.suppress(OSError):  # it was over just now
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _exchange(connection: HTTPConnection, target: str, body: bytes, headers: Mapping[str, str]) -> Receipt:
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
    except (OSError, HTTPException, ValueError) as error:
        raise MayHaveArrived(f"no answer to the message: {_described(error)}") from None
    with answer:
        return _read(answer)


def _read(answer: HTTPResponse) -> Receipt:
    """What the answer says; nobody reads its body."""
    if 200 <= answer.status < 300:
        return Receipt(f"HTTP status {answer.status}")
    failed = of_status(answer.status)
    wait_s = _retry_after_s(answer)
    if wait_s and isinstance(failed, RetryLater) and not isinstance(failed, MayHaveArrived):
        raise AskedToWait(str(failed), wait_s)
    raise failed


def _retry_after_s(answer: HTTPResponse) -> float:
    """What the header says: seconds, or a date; 0: nothing that can be read."""
    text = (answer.getheader("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return min(_LONGEST_WAIT_S, float(text))
    try:
        return min(_LONGEST_WAIT_S, max(0.0, parsedate_to_datetime(text).timestamp() - time.time()))
    except (ValueError, OverflowError):
        return 0.0


def _described(error: Exception) -> str:
    """Type and system text; other texts may hold an address."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{': ' if text else ''}{text}"
