"""A source's heartbeat goes on whatever is done to the clock."""

import asyncio
from contextlib import suppress

from domain.entries import Entry, Heartbeat, Position
from domain.time import HOUR_NS, SECOND_NS
from service.bench.virtual_time import VirtualClock, VirtualLoop, run_virtually
from service.collecting import beat


class Pulse:
    """A source that is heard, and the journal of its heartbeats."""

    name = "floor"

    def __init__(self) -> None:
        self.beats: list[int] = []

    def heartbeat(self, now_ns: int) -> Heartbeat:
        return Heartbeat(self.name, now_ns, connected=True, heard_ns=now_ns)

    async def append(self, *entries: Entry) -> Position:
        self.beats += [entry.now_ns for entry in entries if isinstance(entry, Heartbeat)]
        return Position(len(self.beats))

    async def room(self) -> None:
        """There always is."""

    def submit(self, _: object) -> None:
        """Nothing is delivered here."""


def beats_around(jump_s: float) -> list[float]:
    """Twenty seconds of a heartbeat each second; after ten the clock is set. In seconds since the start."""
    loop, pulse, start_ns = VirtualLoop(), Pulse(), 10 * HOUR_NS
    clock = VirtualClock(loop, start_ns)

    async def ten_seconds_twice() -> None:
        beating = asyncio.create_task(beat(clock, SECOND_NS, lambda: [pulse], pulse))  # type: ignore[list-item]  # all that is asked of it
        await asyncio.sleep(10.5)
        clock.jump(jump_s)
        await asyncio.sleep(10)
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating

    run_virtually(loop, ten_seconds_twice())
    return [(each - start_ns) / SECOND_NS for each in pulse.beats]


def test_a_clock_that_is_set_back_by_an_hour_stops_no_heartbeat() -> None:
    beats = beats_around(-3600)

    assert [each for each in beats if each >= 0] == list(range(11))
    assert [each + 3600 for each in beats if each < 0] == list(range(11, 21))


def test_a_clock_that_is_set_ahead_by_an_hour_is_followed_at_once() -> None:
    assert sorted({each - 3600 for each in beats_around(3600) if each >= 3600}) == list(range(11, 21))
