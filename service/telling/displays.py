"""What displays elsewhere show: the alarms that stand, followed in the records, never in the way of telling people.

A display is brought to the state of the records again and again; it holds no queue, so nothing waits for it, and what
it missed while it was away it has with the next look.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from domain.alarms import Transition
from domain.errors import Refused, RetryLater

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0
_LONGEST_PAUSE_S = 5.0


class Display(Protocol):
    """Shows alarms to people or programs elsewhere. Calls block, each for a bounded time."""

    name: str

    def show(self, standing: Sequence[Transition]) -> None:
        """Bring it to this state: the newest transition of each alarm that is not normal. RetryLater, Refused."""
        ...

    def close(self) -> None:
        """Say that nothing is shown any more, as far as it can be said."""
        ...


async def show_for_ever(display: Display, standing: Callable[[], Sequence[Transition]]) -> None:
    """Keep one display at the state of the records; while either is away, wait longer each time."""
    pause_s, away = _LOOK_EVERY_S, False
    try:
        while True:
            try:
                await asyncio.to_thread(lambda: display.show(standing()))
            except (RetryLater, Refused) as error:
                if not away:
                    log.warning("alarms are not shown by %s: %s", display.name, error)
                away, pause_s = True, min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                if away:
                    log.info("alarms are shown by %s again", display.name)
                away, pause_s = False, _LOOK_EVERY_S
            await asyncio.sleep(pause_s)
    finally:
        display.close()
