"""A sign of life that goes out while the whole way works: whoever awaits it alarms on its absence.

It is no sign that a process lives. It is sent while samples are journaled, judged and told: each stage has come to the
end of the one before it, or moves, and no trouble of the service stops the way.
"""

import asyncio
import logging
import math
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Protocol

import orjson

from domain.entries import Position
from domain.errors import Refused, RetryLater
from domain.figures import Reading

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 1.0


class Sink(Protocol):
    """Where the sign goes. Calls block."""

    def send(self, sign: bytes) -> None:
        """Send it once. RetryLater if it was not taken."""
        ...


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever answers elsewhere has not taken the sign."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing."""
        del req, fp, code, msg, headers, newurl


@dataclass(frozen=True, slots=True)
class UrlSink:
    """A POST of JSON; only an answer of 200 to 299 is one. The address may hold a secret: no error shows it."""

    url: str = field(repr=False)
    timeout_s: float = _TIMEOUT_S

    def send(self, sign: bytes) -> None:
        """Send it once."""
        request = urllib.request.Request(  # noqa: S310  the configuration lets http and https in
            self.url, data=sign, headers={"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=self.timeout_s):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            raise RetryLater(f"the answer was {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RetryLater(f"no answer: {type(reason).__name__}") from None


def url_in(file: Path) -> str:
    """The address that is the first line of a file, kept apart from the configuration. Refused: there is none."""
    try:
        lines = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"deadman: cannot read {file}") from error
    if not lines or not lines[0].startswith(("http://", "https://")):
        raise Refused(f"deadman: {file} holds no http or https address")
    return lines[0]


@dataclass(frozen=True, slots=True)
class FileSink:
    """A file that is replaced each time: its age is what somebody looks at."""

    file: Path

    def send(self, sign: bytes) -> None:
        """Replace it."""
        new = self.file.with_name(self.file.name + ".new")
        try:
            new.write_bytes(sign + b"\n")
            os.replace(new, self.file)  # noqa: PTH105  atomic, whoever reads
        except OSError as error:
            raise RetryLater(f"{self.file}: {error.strerror}") from error


class Way:
    """Whether samples come through to people: the journal moves, and each follower does while it lacks anything."""

    def __init__(
        self,
        last: Callable[[], Position],
        followers: Mapping[str, Callable[[], Position]],
        hindrance: Callable[[], str | None],
        *,
        journal_moves: bool,
        longest_s: float = 30.0,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`hindrance`: what is known to be wrong. `journal_moves`: heartbeats are journaled, so it has to."""
        self._last, self._followers, self._hindrance = last, followers, hindrance
        self._journal_moves, self._longest_s, self._now_s = journal_moves, longest_s, now_s
        self._moved: dict[str, tuple[Position, float]] = {}

    def look(self) -> None:
        """Note where every stage is; call it each second."""
        now_s, last = self._now_s(), self._last()
        self._note("the journal", last, now_s, is_done=not self._journal_moves)
        for name, position in self._followers.items():
            at = position()
            self._note(f"the {name}", at, now_s, is_done=at >= last)

    def stopped(self) -> str | None:
        """Why it does not work; None if it does."""
        now_s = self._now_s()
        for name, (at, moved_s) in self._moved.items():
            if now_s - moved_s > self._longest_s:
                return f"{name} has stood at entry {at} for {now_s - moved_s:.0f} s"
        return self._hindrance()

    def _note(self, name: str, at: Position, now_s: float, *, is_done: bool) -> None:
        known = self._moved.get(name)
        if known is None or is_done or at > known[0]:
            self._moved[name] = (at, now_s)


class Deadman:
    """Sends the sign once in each interval while the way works. One that failed is not sent again: the next one is."""

    def __init__(
        self, sink: Sink, every_s: float, way: Way, about: Mapping[str, str], *, look_every_s: float = _LOOK_EVERY_S
    ) -> None:
        """`about` stands in every sign."""
        self._sink, self._every_s, self._way, self._about = sink, every_s, way, about
        self._look_every_s = min(look_every_s, every_s)
        self._outcomes: Counter[str] = Counter()
        self._sent_s: float | None = None  # since 1970
        self._why: str | None = "nothing was looked at yet"
        self._failing: str | None = None
        self._thread: threading.Thread | None = None

    def figures(self) -> Iterator[Reading]:
        """For Prometheus."""
        yield Reading("thermowell_deadman_healthy", int(self._why is None))
        for outcome in ("sent", "failed", "withheld"):
            yield Reading("thermowell_deadman_beats_total", self._outcomes[outcome], (outcome,))
        if self._sent_s is not None:
            yield Reading("thermowell_deadman_last_sent_timestamp_seconds", self._sent_s)

    async def run(self) -> None:
        """Look and send for ever."""
        due_s = -math.inf
        while True:
            self._way.look()
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + self._every_s
                self._judge()
                if self._why is None:
                    self._send()
                else:
                    self._outcomes["withheld"] += 1
            await asyncio.sleep(self._look_every_s)

    def _judge(self) -> None:
        why = self._way.stopped()
        if why is not None and (self._why is None or not self._outcomes["withheld"]):
            log.error("no sign of life is sent: %s", why)
        elif why is None and self._why is not None and self._outcomes["withheld"]:
            log.info("signs of life are sent again")
        self._why = why

    def _send(self) -> None:
        """Send on a thread of its own; while the one before still hangs, this one counts as failed."""
        if self._thread is not None and self._thread.is_alive():
            self._outcomes["failed"] += 1
            return
        self._thread = threading.Thread(target=self._attempt, name="deadman", daemon=True)
        self._thread.start()

    def _attempt(self) -> None:
        at_s = time.time()
        try:
            self._sink.send(orjson.dumps({**self._about, "time": at_s}))
        except RetryLater as error:
            self._outcomes["failed"] += 1
            if self._failing != str(error):
                log.warning("the sign of life was not taken: %s", error)
            self._failing = str(error)
        else:
            self._outcomes["sent"] += 1
            self._sent_s, self._failing = at_s, None
