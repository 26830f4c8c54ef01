"""The way back from a message: a signed link for whoever gets it, made when it is sent and kept nowhere."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from domain.alarms import Notice
from domain.errors import Refused
from domain.links import LASTS_NS, Link, Links
from service.config.build import Configuration
from service.files import Files
from service.keys import key_in

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WayBack:
    """Makes links that begin with the address by which people reach the page."""

    links: Links
    page_url: str
    wall_ns: Callable[[], int] = time.time_ns

    def to(self, notice: Notice) -> str:
        """The link to what a notice tells, for whom it goes to; empty: it tells of no alarm."""
        if notice.kind not in ("", "quiet") or not notice.transition:
            return ""
        return self._address(notice.transition, notice.person or notice.channel)

    def test(self, recipient: str) -> str:
        """A link that only tries the way."""
        return self._address("", recipient)

    def _address(self, transition: str, recipient: str) -> str:
        token = self.links.token(Link(transition, recipient, self.wall_ns() + LASTS_NS))
        return f"{self.page_url.rstrip('/')}/ack/{token}"


def links_of(configuration: Configuration, files: Files) -> Links | None:
    """What makes and reads links; None where nobody knows how people reach the page, or there is no key."""
    if not configuration.http.page_url:
        return None
    try:
        return Links(key_in(files.link_key))
    except Refused as error:
        log.error("messages have no links to acknowledge by: %s", error)  # noqa: TRY400  the message says all
        return None


def way_back(configuration: Configuration, files: Files, wall_ns: Callable[[], int] = time.time_ns) -> WayBack | None:
    """The way back, where there is one."""
    links = links_of(configuration, files)
    return None if links is None else WayBack(links, configuration.http.page_url, wall_ns)
