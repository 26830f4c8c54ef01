"""Begins to judge and to tell once the records can be had and nobody else does: samples are taken meanwhile."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.errors import RetryLater
from domain.figures import Reading
from records.lease import LOOK_EVERY_S, RENEW_EVERY_S, Lease
from service.gauges import as_json, report_for_ever
from service.machine import process_figures
from service.roles import CORE

log = logging.getLogger(__name__)

Works = Sequence[Coroutine[None, None, None]]


class Leasing(Protocol):
    """Records on which a role can be held."""

    def lease(self, *roles: str) -> Lease:
        """The right to run them."""
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


class Stop(Exception):
    """Somebody asked the process to stop."""


def told_to_stop() -> asyncio.Event:
    """Set once this process gets SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def stopped(stop: asyncio.Event) -> None:
    """End what runs together once the process is to stop."""
    await stop.wait()
    raise Stop


@dataclass(frozen=True, slots=True)
class Begun:
    """What makes the works that need the records, and where is told meanwhile why they have not begun."""

    roles: tuple[str, ...]
    records: Leasing
    run: Path
    figures: Callable[[], Sequence[Reading]]  # of what goes on without them
    wanted: str | None = None  # the configuration that a process without the core goes by


async def decide(begun: Begun, works: Callable[[], Works]) -> None:
    """Hold the roles, and run the works that need them, made by `works` from what the records say.

    InUse if another process holds a role, or took it while the records were away.
    """
    async with _held(begun) as lease:
        made = await _made(works, begun)
        await together([*made, _renew(lease)])


@contextlib.asynccontextmanager
async def _held(begun: Begun) -> AsyncIterator[Lease]:
    lease = begun.records.lease(*begun.roles)

    async def attempt() -> bool:
        return await asyncio.to_thread(lease.attempt)

    await _until(attempt, Waiting(begun, "its role was another's; it is not known yet to be free"))
    try:
        yield lease
    finally:
        with contextlib.suppress(RetryLater):  # then whoever comes next has to wait
            await asyncio.to_thread(lease.release)


async def _made(works: Callable[[], Works], begun: Begun) -> Works:
    made: list[Works] = []

    async def make() -> bool:
        made.append(await asyncio.to_thread(works))
        return True

    await _until(make, Waiting(begun, "it begins"))
    return made[0]


async def _until(done: Callable[[], Coroutine[None, None, bool]], waiting: "Waiting") -> None:
    """Try until it is done, and report meanwhile why it is not."""
    names = waiting.begun.roles if CORE not in waiting.begun.roles else (CORE,)
    reporting = [asyncio.create_task(report_for_ever(waiting.begun.run, waiting, name=name)) for name in names]
    try:
        while True:
            try:
                if await done():
                    return
            except RetryLater as error:
                waiting.tell(str(error))
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        for task in reporting:
            task.cancel()
        await asyncio.gather(*reporting, return_exceptions=True)


async def hold(lease: Lease) -> None:
    """Hold roles for ever without waiting for them before. InUse: another process has one."""
    while True:
        if await _attempt(lease):
            break
        await asyncio.sleep(LOOK_EVERY_S)
    try:
        await _renew(lease)
    finally:
        with contextlib.suppress(RetryLater):
            await asyncio.to_thread(lease.release)


async def _attempt(lease: Lease) -> bool:
    try:
        return await asyncio.to_thread(lease.attempt)
    except RetryLater:
        return False


async def _renew(lease: Lease) -> None:
    """Show for ever that we are there; InUse ends it. While the records are away nobody else can take the role."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            await asyncio.to_thread(lease.renew)
        except RetryLater as error:
            log.debug("the roles %s are not renewed: %s", lease.roles, error)


class Waiting:
    """What a process tells of itself before it judges, in the form of `service.gauges`."""

    def __init__(self, begun: Begun, why: str) -> None:
        self.begun = begun
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
            "configuration": self.begun.wanted,
            "record": {},
            "holds": [],
            "budgets": [],
            "figures": as_json([*self.begun.figures(), *process_figures(self.begun.roles[0])]),
        }
