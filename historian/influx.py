"""Writes lines into InfluxDB 2, each answer checked. A mirror: it proves nothing, the chunk store is the record.

Synchronous writes of whole batches: influxdb-client's own batching drops a batch that failed and only logs it.
"""

import logging
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from domain.errors import RetryLater

log = logging.getLogger(__name__)

MOST_LINES = 5_000
"""Lines in one request, as InfluxDB recommends."""

_REQUESTS_FOR_GUILTY = 64
_TIMEOUT_MS = 10_000
_ABOUT_THE_LINES = frozenset({400, 413, 422})
_LOGGED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class InfluxBucket:
    """Where the lines go, and the token that lets them in."""

    url: str
    org: str
    bucket: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedLines:
    """Lines that InfluxDB will never take, with its reason."""

    lines: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        """The reason and the first line."""
        more = f" and {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        return f"{self.reason}: {self.lines[0][:_LOGGED_CHARACTERS]}{more}"


class InfluxWriter:
    """A connection to one bucket. Calls block, each for ten seconds a request at most; a point written twice is one."""

    def __init__(self, target: InfluxBucket, *, timeout_ms: int = _TIMEOUT_MS) -> None:
        self._target = target
        self._client = InfluxDBClient(target.url, token=target.token, org=target.org, timeout=timeout_ms)
        self._writes = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: list[str]) -> list[RefusedLines]:
        """Write all that can be written; return what was refused for good.

        RetryLater if InfluxDB is away, overloaded, or does not know the token or the bucket: nothing is known of what
        arrived, so all of it is to be written again.
        """
        refused: list[RefusedLines] = []
        for start in range(0, len(lines), MOST_LINES):
            refused += self._write_batch(lines[start : start + MOST_LINES])
        return refused

    def _write_batch(self, lines: list[str]) -> list[RefusedLines]:
        """Find the guilty lines by halving; past the bound on requests, a refused part counts as guilty whole."""
        refused: list[RefusedLines] = []
        waiting = [lines]
        requests = 0
        while waiting:
            part = waiting.pop()
            reason = self._reason_to_refuse(part)
            requests += 1
            if reason is None:
                continue
            if len(part) == 1 or requests > _REQUESTS_FOR_GUILTY:
                refused.append(RefusedLines(tuple(part), reason))
                continue
            middle = len(part) // 2
            waiting += [part[middle:], part[:middle]]  # the earlier half first: a point is overwritten by a later one
        return refused

    def _reason_to_refuse(self, lines: list[str]) -> str | None:
        """None if the lines were taken."""
        body = "\n".join(lines).encode()
        try:
            self._writes.write(self._target.bucket, self._target.org, body)  # its default precision is ns
        except ApiException as error:
            reason = f"{error.status} {error.message}"
            if error.status in _ABOUT_THE_LINES:
                return reason
            raise RetryLater(f"InfluxDB at {self._target.url} answers {reason}") from error
        except Exception as error:  # urllib3's errors, which are not this package's to import
            raise RetryLater(f"InfluxDB at {self._target.url} cannot be reached: {error}") from error
        return None

    def close(self) -> None:
        """Let the connection go."""
        self._writes.close()  # type: ignore[no-untyped-call]  # the library has no types
        self._client.close()  # type: ignore[no-untyped-call]  # the library has no types

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the connection go."""
        self.close()
