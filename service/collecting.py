"""From the sources into the journal: each delivery is acknowledged after its commit, by the journal."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from domain.entries import Entry, Position, TagDefined
from domain.ports import Clock, Delivery, Source
from domain.tags import Tag

log = logging.getLogger(__name__)

_LONGEST_PAUSE_S = 30.0


class Intake(Protocol):
    """What a source needs of the journal."""

    async def room(self) -> None:
        """Return when the journal takes more."""
        ...

    def submit(self, delivery: Delivery) -> None:
        """Queue a delivery."""
        ...

    async def append(self, *entries: Entry) -> Position:
        """Append and wait until it is durable."""
        ...


async def collect(
    make_source: Callable[[], Source],
    journal: Intake,
    started: Callable[[Source], None],
    defined: Callable[[Tag], None],
) -> None:
    """Pump one source into the journal for ever; a source that fails is made anew after a pause."""
    pause_s = 1.0
    while True:
        source = make_source()
        started(source)
        try:
            async with contextlib.aclosing(source.deliveries()) as deliveries:
                async for delivery in deliveries:
                    for entry in delivery.entries:
                        if isinstance(entry, TagDefined):
                            defined(entry.tag)
                    await journal.room()
                    journal.submit(delivery)
                    pause_s = 1.0
        except Exception:  # the task's root: this source starts over, the others go on
            told = {"source": source.name}
            log.exception("source %s failed; starting it again in %.0f s", source.name, pause_s, extra=told)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


async def beat(
    clock: Clock,
    every_ns: int,
    sources: Callable[[], Sequence[Source]],
    journal: Intake,
) -> None:
    """Journal a heartbeat of every source each `every_ns` of the clock, so that silence is data.

    A clock that was set back is no reason to be still until it is as late again.
    """
    due_ns = clock.now_ns()
    while True:
        await clock.sleep_until(due_ns)
        now_ns = clock.now_ns()
        beats = [source.heartbeat(now_ns) for source in sources()]
        if beats:
            await journal.append(*beats)
        now_ns = clock.now_ns()
        due_ns = min(max(due_ns + every_ns, now_ns), now_ns + every_ns)
