"""People's requests: written by the web process, put into the journal in their place by the core."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from domain.entries import PersonAction
from service.collecting import Intake


class Requests(Protocol):
    """The waiting requests of people."""

    def waiting_requests(self) -> Sequence[PersonAction]:
        """Requests that are not answered yet, oldest first."""
        ...


async def take_requests(requests: Requests, journal: Intake, woken: asyncio.Event, poll_s: float = 1.0) -> None:
    """Journal each waiting request once; the judge applies and answers it. Woken, or every `poll_s`."""
    journaled: set[str] = set()
    while True:
        waiting = await asyncio.to_thread(requests.waiting_requests)
        fresh = [action for action in waiting if action.id not in journaled]
        if fresh:
            await journal.append(*fresh)
        journaled = {action.id for action in waiting}
        try:
            await asyncio.wait_for(woken.wait(), poll_s)
        except TimeoutError:
            continue
        woken.clear()
