"""Writes lines into InfluxDB 2, each answer checked. A mirror: it proves nothing, the chunk store is the record.

Synchronous writes of whole batches: influxdb-client's own batching drops a batch that failed and only logs it.
"""

import re
import time
import zlib
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import numpy as np
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from domain.errors import RetryLater
from historian.line_protocol import Lines

MOST_LINES = 5_000
"""Lines in one request, as InfluxDB recommends."""

MOST_BYTES = 1 << 20
"""Bytes of lines in one request, before compression; a longer line has a request of its own."""

LONGEST_WAIT_S = 3600.0
"""No `Retry-After` is waited for longer than this."""

TIMEOUT_MS = 10_000

_MOST_REQUESTS = 4096  # to find the guilty lines of one batch
_MOST_REFUSALS = 64  # in a row, without one request that was taken
_ABOUT_THE_LINES = frozenset({400, 413, 422})
_TAKEN = 204
_BEYOND_RETENTION = re.compile(r"retention policy.*?dropped=(\d+)", re.DOTALL)
_CHANGING = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>:? ?| ?\(read timeout=[0-9.]+\)")
_LOGGED_CHARACTERS = 200
_REASON_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class InfluxBucket:
    """Where the lines go, and the token that lets them in."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)


class Busy(RetryLater):
    """InfluxDB says how long it wants to be left alone."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class RefusedLines:
    """Lines that InfluxDB will never take, with its reason."""

    lines: Lines
    reason: str

    def __str__(self) -> str:
        """The reason and the first line."""
        more = f" and {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        return f"{self.reason}: {self.lines.part(0, 1).text().rstrip()[:_LOGGED_CHARACTERS]}{more}"


@dataclass(slots=True)
class Answer:
    """What became of lines: those not named here were taken."""

    refused: list[RefusedLines] = field(default_factory=list)
    too_old: int = 0  # older than the bucket keeps

    @property
    def refused_lines(self) -> int:
        """How many were refused for good."""
        return sum(len(refusal.lines) for refusal in self.refused)

    def add(self, other: "Answer") -> None:
        """Count what became of more lines."""
        self.refused += other.refused
        self.too_old += other.too_old


class InfluxWriter:
    """A connection to one bucket. Calls block, each for ten seconds a request at most; a point written twice is one."""

    def __init__(self, target: InfluxBucket, *, timeout_ms: int = TIMEOUT_MS) -> None:
        self._target = target
        self._client = connect(target, timeout_ms=timeout_ms)
        self._writes = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]  # the library has no types

    def write(self, lines: Lines) -> Answer:
        """Write all that can be written; tell what was refused for good.

        RetryLater if InfluxDB is away, overloaded (`Busy` where it says for how long), or does not know the token or
        the bucket: nothing is known of what arrived, so all of it is to be written again.
        """
        answer = Answer()
        for request in in_requests(lines):
            answer.add(self._write_request(request))
        return answer

    def _write_request(self, lines: Lines) -> Answer:
        """Find the guilty lines by halving; past the bounds on requests, a refused part counts as guilty whole."""
        answer = Answer()
        waiting = [lines]
        requests = refusals = 0
        while waiting:
            part = waiting.pop()
            reason = self._reason_to_refuse(part)
            requests, refusals = requests + 1, refusals + 1 if reason else 0
            if reason is None:
                continue
            if found := _BEYOND_RETENTION.search(reason):
                answer.too_old += min(int(found[1]), len(part))  # the others of the part were taken
                continue
            if len(part) == 1 or refusals > _MOST_REFUSALS or requests > _MOST_REQUESTS:
                answer.refused.append(RefusedLines(part, reason))
                continue
            middle = len(part) // 2
            waiting += [part.part(middle, len(part)), part.part(0, middle)]
        return answer

    def _reason_to_refuse(self, lines: Lines) -> str | None:
        """None if the lines were taken."""
        try:
            _, code, _ = self._writes.post_write_with_http_info(  # type: ignore[no-untyped-call]
                self._target.org,
                self._target.bucket,
                _gzipped(lines.body),
                precision="ns",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            reason = f"{error.status} {error.message}"[:_REASON_CHARACTERS]
            if error.status in _ABOUT_THE_LINES:
                return reason
            raise to_be_repeated(self._target.url, error) from error
        except Exception as error:  # urllib3's errors, which are not this package's to import
            raise not_asked(self._target.url, error) from error
        if code != _TAKEN:  # somebody else answers here: a proxy, a page to log in
            raise RetryLater(f"InfluxDB at {self._target.url} answers {code}, which says of no line that it was taken")
        return None

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()  # type: ignore[no-untyped-call]  # the library has no types

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the connection go."""
        self.close()


def connect(target: InfluxBucket, *, timeout_ms: int = TIMEOUT_MS) -> InfluxDBClient:
    """A client of a server; nothing is asked yet."""
    return InfluxDBClient(target.url, token=target.token, org=target.org, timeout=timeout_ms)


def in_requests(lines: Lines) -> list[Lines]:
    """Lines cut into what one request may hold."""
    parts, start, base = [], 0, 0
    while start < len(lines):
        stop = int(np.searchsorted(lines.ends, base + MOST_BYTES, side="right"))
        stop = min(max(stop, start + 1), start + MOST_LINES, len(lines))
        parts.append(lines.part(start, stop))
        start, base = stop, int(lines.ends[stop - 1])
    return parts


def not_asked(url: str, error: Exception) -> RetryLater:
    """What hinders the connection, in the same words each time: urllib3 names addresses and fractions of a second.

    What is no trouble of the connection is told by its kind: an answer that is not InfluxDB's, a token that no header
    can hold.
    """
    if isinstance(error, OSError) or any(kind.__module__.startswith("urllib3.") for kind in type(error).__mro__):
        return RetryLater(f"InfluxDB at {url} cannot be reached: {_CHANGING.sub('', str(error))}")
    told = f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS]
    return RetryLater(f"InfluxDB at {url} cannot be asked, or answers as no InfluxDB does: {told}")


def to_be_repeated(url: str, error: ApiException) -> RetryLater:
    """What an answer that is not about the lines means: again, and where InfluxDB says so, not before."""
    message = f"InfluxDB at {url} answers {error.status} {error.message}"[:_REASON_CHARACTERS]
    after_s = _retry_after_s(error)
    return RetryLater(message) if after_s is None else Busy(message, after_s)


def _retry_after_s(error: ApiException) -> float | None:
    """Seconds, as a number or until an HTTP date; that date is by the server's clock, which its own `Date` tells."""
    text = _header(error, "Retry-After")
    if text.isdecimal():
        return min(float(text), LONGEST_WAIT_S)
    until_s, now_s = _http_date_s(text), _http_date_s(_header(error, "Date"))
    if until_s is None:
        return None
    return min(max(until_s - (time.time() if now_s is None else now_s), 0.0), LONGEST_WAIT_S)


def _header(error: ApiException, name: str) -> str:
    return str(error.headers.get(name) or "").strip() if error.headers is not None else ""


def _http_date_s(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _gzipped(body: bytes) -> bytes:
    """The library would take the slowest level; the first shrinks lines five times as it is."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
