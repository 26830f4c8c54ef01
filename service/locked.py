"""Accounts that are locked, for the alarm that tells of them."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from domain.errors import RetryLater
from domain.figures import Reading

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0


class LockedLook:
    """Asks the records every few seconds who is locked out; while they are away the last answer stands."""

    def __init__(self, locked: Callable[[], Sequence[str]]) -> None:
        """`locked` tells the names; it blocks."""
        self._locked = locked
        self._names: Sequence[str] = ()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self._names = await asyncio.to_thread(self._locked)
            except RetryLater as error:
                log.debug("who is locked out is not known: %s", error)
            await asyncio.sleep(_LOOK_EVERY_S)

    def figures(self) -> Iterator[Reading]:
        """One for each."""
        for name in self._names:
            yield Reading("thermowell_account_locked", 1, (name,))
