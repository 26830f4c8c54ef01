"""Fetches a calendar: from a file, or by HTTP with a conditional GET; bounded in time and in size."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, Protocol, cast

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
    """What was asked for by HTTPS is not taken from anywhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Follow to HTTPS, or from HTTP to HTTP."""
        if newurl.startswith("https://") or (newurl.startswith("http://") and req.full_url.startswith("http://")):
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        return None


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
