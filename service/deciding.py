"""Begins to judge and to tell once the records can be had and nobody else does: samples are taken meanwhile."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Protocol

from domain.errors import RetryLater
from domain.figures import Reading
from historian.journal.writer import SqliteJournal
from records.lease import LOOK_EVERY_S, RENEW_EVERY_S, Lease
from service.gauges import as_json, report_for_ever

log = logging.getLogger(__name__)

Works = Sequence[Coroutine[None, None, None]]


class Leasing(Protocol):
    """Records on which a role can be held."""

    def lease(self, role: str) -> Lease:
        """The right to run it."""
        ...


async def together(works: Works) -> None:
    """Run all until one fails, which it raises, or all are done; a work that has nothing to do may end."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def decide(role: str, records: Leasing, journal: SqliteJournal, run: Path, works: Callable[[], Works]) -> None:
    """Hold the role, and run the works that need it, made by `works` from what the records say.

    InUse if another process holds the role, or took it while the records were away.
    """
    async with _held(records.lease(role), journal, run) as lease:
        made = await _made(works, journal, run)
        await together([*made, _renew(lease)])


@contextlib.asynccontextmanager
async def _held(lease: Lease, journal: SqliteJournal, run: Path) -> AsyncIterator[Lease]:
    async def attempt() -> bool:
        return await asyncio.to_thread(lease.attempt)

    await _until(
        attempt, Waiting(journal, f"the role {lease.role!r} was another's; it is not known yet to be free"), run
    )
    try:
        yield lease
    finally:
        with contextlib.suppress(RetryLater):  # then whoever comes next has to wait
            await asyncio.to_thread(lease.release)


async def _made(works: Callable[[], Works], journal: SqliteJournal, run: Path) -> Works:
    made: list[Works] = []

    async def make() -> bool:
        made.append(await asyncio.to_thread(works))
        return True

    await _until(make, Waiting(journal, "it begins"), run)
    return made[0]


async def _until(done: Callable[[], Coroutine[None, None, bool]], waiting: "Waiting", run: Path) -> None:
    """Try until it is done, and report meanwhile why it is not."""
    reporting = asyncio.create_task(report_for_ever(run, waiting))
    try:
        while True:
            try:
                if await done():
                    return
            except RetryLater as error:
                waiting.tell(str(error))
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)


async def _renew(lease: Lease) -> None:
    """Show for ever that we are there; InUse ends it. While the records are away nobody else can take the role."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            await asyncio.to_thread(lease.renew)
        except RetryLater as error:
            log.debug("the role %s is not renewed: %s", lease.role, error)


class Waiting:
    """What the core tells of itself before it judges, in the form of `service.gauges`."""

    def __init__(self, journal: SqliteJournal, why: str) -> None:
        self._journal = journal
        self._why = why
        self._told = False

    def tell(self, why: str) -> None:
        """Note the newest reason; the log has the first."""
        if not self._told:
            log.warning("nothing is judged yet, samples are taken: %s", why)
        self._told, self._why = True, f"nothing is judged yet: {why}"

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        return {
            "wall_ns": time.time_ns(),
            "healthy": False,
            "why": self._why,
            "record": {},
            "holds": [],
            "budgets": [],
            "figures": as_json(
                (
                    Reading("thermowell_journal_position", self._journal.last()),
                    Reading("thermowell_journal_bytes", self._journal.usage().used_bytes),
                    Reading("thermowell_process_cpu_seconds_total", time.process_time(), ("core",)),
                )
            ),
        }
