"""One connection with a directory: by TLS with a verified certificate, with limits on time and size.

Every wait is bounded, and so is the whole of a connection. No error shows what was sent or came: it may hold secrets.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from domain.identity import NotProven, ProviderAway
from service.login import ldap_messages as messages
from service.login.directory import Server
from service.login.ldap_messages import Ended, Entry, NoMessage, Search

MOST_BYTES = 256_000
MOST_MESSAGES = 100
SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT, INVALID_CREDENTIALS, UNWILLING = 0, 4, 32, 49, 53
_WORDS = {
    8: "it wants a stronger way to sign in",
    13: "it wants TLS first",
    34: "a name in the tree is written wrongly",
    48: "it takes no password from that account",
    50: "that account may not look there",
    51: "it is busy",
    52: "it is not available",
    UNWILLING: "it is unwilling",
}


class Connection:
    """Speaks with a server, one request after the other. Calls raise ProviderAway where it does not go on."""

    def __init__(self, server: Server, until_s: float) -> None:
        self.server = server
        self._until_s = until_s  # of the clock that only goes on
        self._number = 0
        with self._named():
            self._socket = socket.create_connection((server.host, server.port), self._left_s())
        try:
            self._secure()
        except BaseException:
            self._socket.close()
            raise

    def _secure(self) -> None:
        if self.server.tls == "never":
            return
        with self._named():
            tls = ssl.create_default_context(
                cafile=None if self.server.ca_file is None else str(self.server.ca_file),
            )
        if self.server.tls == "by StartTLS":
            self._number += 1
            ended = self._asked(messages.start_tls(self._number), "extended")[1]
            if ended.code != SUCCESS:
                raise self.away(f"it does not go on by TLS: {words_of(ended.code)}")
        with self._named():
            # Its answer was read to the byte: what somebody sent in clear after it would break the handshake.
            self._socket.settimeout(self._left_s())
            self._socket = tls.wrap_socket(self._socket, server_hostname=self.server.host)

    def bind(self, dn: str, password: str) -> bool:
        """Whether that is the password of that entry. An empty one is asked of nobody: servers say yes to it."""
        if not dn or not password or "\0" in password:
            raise NotProven("a bind without a name or a password proves nothing")
        self._number += 1
        code = self._asked(messages.bind(self._number, dn, password), "bind")[1].code
        if code in (SUCCESS, INVALID_CREDENTIALS):
            return code == SUCCESS
        if code in (NO_SUCH_OBJECT, 34, 48, UNWILLING):  # no such entry, or one that is locked or has no password
            return False
        raise self.away(f"it answered {code} to a bind: {words_of(code)}")

    def search(self, wanted: Search) -> Sequence[Entry] | None:
        """What is found, at most one more than was wanted; None where `base` is not there."""
        self._number += 1
        found, ended = self._asked(messages.search(self._number, wanted), "search")
        if ended.code == NO_SUCH_OBJECT:
            return None
        if ended.code not in (SUCCESS, SIZE_LIMIT):
            raise self.away(f"it answered {ended.code} to a search: {words_of(ended.code)}")
        return found

    def _asked(self, request: bytes, kind: str) -> tuple[Sequence[Entry], Ended]:
        """Send one request and read its answers."""
        found: list[Entry] = []
        with self._named():
            self._socket.settimeout(self._left_s())
            self._socket.sendall(request)
            for _ in range(MOST_MESSAGES):
                answer = messages.answer_of(self._message())
                if answer.number != self._number:  # 0: it says that it ends the connection (RFC 4511, 4.4.1)
                    raise NoMessage("an answer to another request")
                if isinstance(answer.told, Ended):
                    if answer.told.kind != kind:
                        raise NoMessage("an answer of another kind")
                    return found, answer.told
                if answer.told is not None:
                    found.append(answer.told)
        raise self.away("it sends too much")

    def _message(self) -> bytes:
        content = b""
        while (length := messages.length_of(content)) is None:
            content += self._bytes(1)
        if length > MOST_BYTES:
            raise NoMessage("a message that is too long")
        while len(content) < length:
            content += self._bytes(length - len(content))
        return content

    def _bytes(self, most: int) -> bytes:
        self._socket.settimeout(self._left_s())
        part = self._socket.recv(most)
        if not part:
            raise ConnectionResetError("it ended the connection")
        return part

    def _left_s(self) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return min(left_s, self.server.timeout_s)

    def away(self, why: str) -> ProviderAway:
        """That this server cannot be used now."""
        return ProviderAway(f"the directory {self.server.shown} cannot be used: {why}")

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say what hinders, without anything that was sent."""
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise self.away(f"its certificate does not hold: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise self.away(f"no TLS with it: {error.reason or type(error).__name__}") from None
        except TimeoutError:
            raise self.away(f"no answer in time ({self.server.timeout_s:g} s a wait)") from None
        except socket.gaierror:
            raise self.away("no address is known for its name") from None
        except NoMessage as error:
            raise self.away(str(error)) from None
        except OSError as error:
            raise self.away(error.strerror or str(error) or type(error).__name__) from None

    def close(self) -> None:
        """Say good-bye, and end."""
        self._number += 1
        with contextlib.suppress(OSError):  # it may be gone
            self._socket.settimeout(0.5)
            self._socket.sendall(messages.unbind(self._number))
        self._socket.close()


def words_of(code: int) -> str:
    """What a result code says."""
    return _WORDS.get(code, f"result code {code} of LDAP")
