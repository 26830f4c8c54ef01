"""Web hooks: each notice as signed JSON: who takes it knows that it is ours, whole, new, and the same once more.

The signature is that of the Standard Webhooks specification: `webhook-id` names the message and stays the same when it
is sent again; `webhook-timestamp` is when this copy was made, in seconds; `webhook-signature` is `v1,` and the base64
of the HMAC-SHA256 of `ID.TIMESTAMP.BODY` under the secret. Who takes it compares the signature in constant time,
refuses a timestamp more than five minutes from its own clock, and remembers ids for as long.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path

from domain.alarms import Notice
from domain.errors import Refused
from domain.ports import Receipt
from domain.time import SECOND_NS, format_time
from service.telling.channels import first_line
from service.telling.posting import Address, post

SCHEMA = "thermowell.notice.1"
_LEAST_SECRET = 16
_PREFIX = "whsec_"


class WebhookChannel:
    """A channel of `domain.ports.Channel`: a POST per notice. 2xx is taken, most of 4xx is refused for good."""

    takes_each = True
    """A machine is told every notice by itself: an id stands for one, and nobody has to be spared a flood."""

    def __init__(
        self,
        name: str,
        url: str,
        secret: bytes,
        *,
        site: str = "",
        timeout_s: float = 10.0,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = name
        self._address = Address(url)
        self._secret = secret
        self._site = site
        self._timeout_s = timeout_s
        self._wall_ns = wall_ns
        try:
            self._address.connection(timeout_s)
        except Refused as error:
            raise Refused(f"notify {name!r}: {error}") from None

    def send(self, notice: Notice) -> Receipt:
        """Send it. RetryLater, MayHaveArrived or Refused say what became of it."""
        body = body_of(notice, self._site)
        id_, stamp = message_id(notice), str(self._wall_ns() // SECOND_NS)
        signed = {
            "User-Agent": "thermowell",
            "Webhook-Id": id_,
            "Webhook-Timestamp": stamp,
            "Webhook-Signature": signature(self._secret, id_, stamp, body),
        }
        return post(self._address, body, signed, timeout_s=self._timeout_s)


def body_of(notice: Notice, site: str) -> bytes:
    """The JSON of a notice; the same notice gives the same bytes again, apart from what a copy says of itself."""
    told = {
        "schema": SCHEMA,
        "site": site,
        "id": notice.id,
        "transition": notice.transition,
        "alarm": notice.alarm,
        "at": format_time(notice.at_ns),
        "priority": notice.priority.name.lower(),
        "title": notice.title,
        "text": notice.text,
        "person": notice.person,
        "via": notice.via.split(" > ") if notice.via else [],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def message_id(notice: Notice) -> str:
    """The notice's id as the specification wants it, without full stops: the same for each copy."""
    return "tw_" + hashlib.sha256(notice.id.encode()).hexdigest()[:32]


def signature(secret: bytes, id_: str, stamp: str, body: bytes) -> str:
    """What stands in `webhook-signature`."""
    digest = hmac.new(secret, b".".join((id_.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def secret_in(name: str, file: Path) -> bytes:
    """The secret that is the first line of a file: base64 after `whsec_`, or the text itself. Refused: none there."""
    text = first_line(name, file)
    try:
        secret = (
            base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else text.encode()
        )
    except binascii.Error:
        raise Refused(f"notify {name!r}: what follows {_PREFIX} in {file} is no base64") from None
    if len(secret) < _LEAST_SECRET:
        raise Refused(f"notify {name!r}: the secret in {file} is shorter than {_LEAST_SECRET} bytes")
    return secret
