"""Fetches a calendar: from a file, or by HTTP with a conditional GET; bounded in time and in size."""

import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import IO, Protocol, cast
from urllib.parse import urlsplit

from domain.errors import Refused, RetryLater
from service.telling.calendar import MOST_BYTES
from service.telling.kept import Standing

_TIMEOUT_S = 10.0
_DEADLINE_S = 30.0
_AT_ONCE = 65_536
_UNCHANGED = 304


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a look brought. `text` None: it is as it was. The rest as in `Standing`."""

    text: str | None
    etag: str = ""
    modified: str = ""
    stamp: str = ""


class Place(Protocol):
    """Where a calendar comes from."""

    def fetch(self, known: Standing) -> Fetched:
        """Look at it; blocks. RetryLater or Refused say why that brought nothing."""
        ...


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A calendar in a file, which somebody replaces."""

    file: Path

    def fetch(self, known: Standing) -> Fetched:
        """Read it if it is another than was known."""
        try:
            status = self.file.stat()
            stamp = f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"
            if stamp == known.stamp:
                return Fetched(None, stamp=stamp)
            with self.file.open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
        except OSError as error:
            raise RetryLater(f"{self.file}: {error.strerror}") from error
        return Fetched(_text(content), stamp=stamp)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """What was asked for by HTTPS is taken by HTTPS alone, and a server elsewhere leads nobody to this machine."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Follow to HTTPS, or from HTTP to HTTP, and to no service that trusts whoever stands on this machine."""
        is_kept = newurl.startswith("https://") or (newurl.startswith("http://") and req.full_url.startswith("http://"))
        if is_kept and not _leads_inside(req.full_url, newurl):
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        return None


def _leads_inside(url: str, further: str) -> bool:
    """Whether a server leads to this machine from elsewhere, or to its link, where clouds keep a machine's secrets."""
    there = _addresses(further)
    if any(each.is_link_local or each.is_unspecified for each in there):
        return True
    return any(each.is_loopback for each in there) and not any(each.is_loopback for each in _addresses(url))


def _addresses(url: str) -> list[IPv4Address | IPv6Address]:
    """Of the host, IPv4 as such; none: it is not found, so that nobody reaches it either."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None)
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    except (OSError, ValueError):
        return []
    return [(each.ipv4_mapped or each) if isinstance(each, IPv6Address) else each for each in addresses]


@dataclass(frozen=True, slots=True)
class UrlPlace:
    """A calendar on a server. The address may hold a secret: no error shows it."""

    url: str = field(repr=False)
    timeout_s: float = _TIMEOUT_S
    deadline_s: float = _DEADLINE_S

    def fetch(self, known: Standing) -> Fetched:
        """Ask for it, unless it is still what was known."""
        headers = {"Accept": "text/calendar", "User-Agent": "thermowell"}
        if known.etag:
            headers["If-None-Match"] = known.etag
        elif known.modified:
            headers["If-Modified-Since"] = known.modified
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310  the configuration lets http and https in
        try:
            with urllib.request.build_opener(_SafeRedirects).open(request, timeout=self.timeout_s) as answer:
                told = cast("HTTPResponse", answer)
                content = self._content(told)
                return Fetched(_text(content), told.headers.get("ETag", ""), told.headers.get("Last-Modified", ""))
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == _UNCHANGED:
                return Fetched(None, known.etag, known.modified)
            raise RetryLater(f"the calendar's server answered {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RetryLater(f"no answer from the calendar's server: {type(reason).__name__}") from None

    def _content(self, answer: HTTPResponse) -> bytes:
        """The body, up to one byte more than may be; RetryLater where it drips for too long."""
        until_s = time.monotonic() + self.deadline_s
        content = b""
        while len(content) <= MOST_BYTES:
            if time.monotonic() > until_s:
                raise RetryLater(f"the calendar's server sent for more than {self.deadline_s:g} s")
            part = answer.read1(_AT_ONCE)
            if not part:
                break
            content += part
        return content


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Refused(f"the calendar has more than {MOST_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"the calendar is no UTF-8 at byte {error.start}") from error
