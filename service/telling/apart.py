"""A call that may hang, on a thread of its own: it is given up after a time, and the process can end meanwhile."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from domain.errors import ThermowellError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class TookTooLong(ThermowellError):
    """A call was given up; it may still do what it was to do."""


class Apart:
    """Makes one call at a time; a caller looks at `hangs` before the next."""

    def __init__(self, name: str) -> None:
        """`name` stands for the calls in the log."""
        self._name = name
        self._given_up: threading.Thread | None = None

    @property
    def hangs(self) -> bool:
        """Whether a call that was given up still runs."""
        return self._given_up is not None and self._given_up.is_alive()

    async def call(self, call: Callable[[], Result], limit_s: float) -> Result:
        """Return what the call returns, or raise what it raises; TookTooLong after `limit_s` seconds."""
        answer: asyncio.Future[tuple[Result] | Exception] = asyncio.get_running_loop().create_future()
        thread = threading.Thread(target=self._live, args=(call, answer), name=self._name, daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(limit_s):
                came = await answer
        except TimeoutError:
            self._given_up = thread
            raise TookTooLong(f"no answer within {limit_s:g} s") from None
        if isinstance(came, Exception):
            raise came
        return came[0]

    def _live(self, call: Callable[[], Result], answer: "asyncio.Future[tuple[Result] | Exception]") -> None:
        came: tuple[Result] | Exception
        try:
            came = (call(),)
        except Exception as error:  # noqa: BLE001  the root of this thread; who waits raises it
            came = error
        loop = answer.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._settle, answer, came)

    def _settle(self, answer: "asyncio.Future[tuple[Result] | Exception]", came: tuple[Result] | Exception) -> None:
        if not answer.done():
            answer.set_result(came)
        elif isinstance(came, Exception):
            log.warning("%s failed after it was given up: %s: %s", self._name, type(came).__name__, came)
