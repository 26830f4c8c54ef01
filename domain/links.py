"""Links in messages that lead back to an alarm: signed, so that nobody can make one, and they end.

A link proves what it names and to whom it was sent; it is no login. Whoever opens it sees the alarm, as often as a mail
scanner likes; acting needs a person. It stands in messages only: the records do not hold it.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field

from domain.alarms import alarm_of
from domain.errors import Refused
from domain.time import HOUR_NS, SECOND_NS

LASTS_NS = 48 * HOUR_NS
LONGEST = 2_000
_VERSION = 1
_KEY_BYTES = 32


class BadLink(Refused):
    """A link that we did not make, or not so."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link names: the transition that was told (empty: it is a test), to whom, and until when it holds."""

    transition: str
    recipient: str
    ends_ns: int  # wall time, whole seconds

    @property
    def alarm(self) -> str:
        """The alarm's id."""
        return alarm_of(self.transition)

    @property
    def is_test(self) -> bool:
        """Whether it only tries the way."""
        return not self.transition


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads links by a secret key of 32 bytes or more."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """A short key could be guessed."""
        if len(self.key) < _KEY_BYTES:
            raise Refused(f"a key of links has at least {_KEY_BYTES} bytes")

    def token(self, link: Link) -> str:
        """A link as one word for an address."""
        told = [_VERSION, link.transition, link.recipient, link.ends_ns // SECOND_NS]
        content = json.dumps(told, separators=(",", ":")).encode()
        return f"{_word(content)}.{_word(self._seal(content))}"

    def read(self, token: str) -> Link:
        """What a word says; BadLink where we did not make it. Whether it has ended is the caller's to say."""
        content, dot, seal = token.partition(".")
        if len(token) > LONGEST or not dot:
            raise BadLink("this is no link of this service, or it was cut off")
        try:
            told, given = _bytes(content), _bytes(seal)
        except (binascii.Error, ValueError):
            raise BadLink("this is no link of this service, or it was cut off") from None
        if not hmac.compare_digest(self._seal(told), given):
            raise BadLink("this link was changed, cut off, or made by another service")
        version, transition, recipient, ends_s = json.loads(told)
        if version != _VERSION:
            raise BadLink("this link is of another version of this service")
        return Link(transition, recipient, ends_s * SECOND_NS)

    def _seal(self, content: bytes) -> bytes:
        return hmac.new(self.key, b"thermowell link\0" + content, hashlib.sha256).digest()


def _word(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(word: str) -> bytes:
    if not word.isascii():
        raise ValueError(word)
    return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
