"""Blocking reads in threads, with light and heavy ones apart, so that a heavy query never delays the others."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from typing import TypeVar

from api.problems import Problem

Answer = TypeVar("Answer")


class Lane:
    """A few threads for calls of one weight; a bound on how many wait, and on how long one may take.

    A call that takes longer is answered with 504; its thread counts as taken until it really ends.
    """

    def __init__(self, name: str, *, threads: int, waiting: int, limit_s: float) -> None:
        self.name = name
        self.places = threads + waiting
        self.limit_s = limit_s
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"api-{name}")
        self._lock = threading.Lock()
        self._inside = 0

    @property
    def inside(self) -> int:
        """Calls that run or wait."""
        return self._inside

    async def run(self, call: Callable[[], Answer]) -> Answer:
        """Return the call's answer; Problem 503 if too many wait, 504 if it takes too long."""
        with self._lock:
            if self._inside >= self.places:
                detail = f"{self._inside} {self.name} reads run or wait already; ask again in a moment"
                raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
            self._inside += 1
        work = self._executor.submit(call)
        work.add_done_callback(self._left)
        try:
            async with asyncio.timeout(self.limit_s):
                return await asyncio.wrap_future(work)
        except TimeoutError:
            detail = f"the read took longer than {self.limit_s:g} s; ask for less"
            raise Problem(HTTPStatus.GATEWAY_TIMEOUT, detail) from None

    def _left(self, _: "Future[Answer]") -> None:
        with self._lock:
            self._inside -= 1

    def close(self) -> None:
        """Let no more in; calls that run end by themselves."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Lanes:
    """The lanes of the service, and the places for streams of many rows."""

    def __init__(self) -> None:
        self.light = Lane("light", threads=4, waiting=64, limit_s=10)
        self.heavy = Lane("heavy", threads=2, waiting=8, limit_s=30)
        # Dashboards refresh many panels at once: they wait for each other, and the page never for them.
        self.panels = Lane("InfluxQL", threads=2, waiting=64, limit_s=40)
        # Each hash takes a processor and tens of MiB for a while: a few at once, whoever asks.
        self.passwords = Lane("password", threads=2, waiting=16, limit_s=20)
        # Whoever signs in by a provider waits for it; nobody else does.
        self.provider = Lane("identity provider", threads=4, waiting=16, limit_s=20)
        self.reports = Lane("report", threads=1, waiting=6, limit_s=200)  # of batches: seconds each, a PDF longer
        self.exports = asyncio.Semaphore(4)  # each holds its value and status columns until they are sent

    def close(self) -> None:
        """Stop all."""
        self.light.close()
        self.heavy.close()
        self.panels.close()
        self.passwords.close()
        self.provider.close()
        self.reports.close()
