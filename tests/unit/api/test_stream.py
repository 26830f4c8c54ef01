import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from api.frames import ROWS_PER_FRAME, TagFilter, entry_frames, frame
from api.stream import News
from api.subscription import Subscription
from domain.entries import Gap, GapCause, Heartbeat, Position, TagDefined, TextBatch
from domain.errors import DamagedEntry
from domain.findings import PhaseRecord
from domain.samples import SampleBatch
from domain.tags import Tag, TagId, TagTable
from tests.patience import LIMIT_S
from tests.unit.api.conftest import NOW_NS, TAGS, World, a_world


@dataclass
class Event:
    name: str
    id: int | None
    told: dict


def events_of(wire: bytes) -> list[Event]:
    found = []
    for block in wire.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            found.append(Event(lines["event"], int(lines["id"]) if "id" in lines else None, json.loads(lines["data"])))
    return found


class Listener:
    """Hears a subscription; every wait has a limit."""

    def __init__(self, subscription: Subscription) -> None:
        self._chunks = subscription.chunks()
        self.heard: list[Event] = []

    async def hears(self, wanted: Callable[[Event], bool]) -> Event:
        async with asyncio.timeout(LIMIT_S):
            while True:
                for event in self.heard:
                    if wanted(event):
                        return event
                self.heard += events_of(await anext(self._chunks))


def named(name: str) -> Callable[[Event], bool]:
    return lambda event: event.name == name


@asynccontextmanager
async def living(world: World) -> AsyncIterator[None]:
    await world.feed.start()
    running = asyncio.create_task(world.feed.run())
    yield
    running.cancel()
    await asyncio.wait([running])
    world.feed.shut()


def listen(world: World, chosen: TagFilter = None) -> Listener:
    return Listener(world.feed.subscribe(chosen))


async def test_a_commit_is_told_when_the_feed_is_woken(world: World) -> None:
    async with living(world):
        listener = listen(world)
        position = world.rows(0, [NOW_NS], [60.5])
        world.feed.woken.set()
        event = await listener.hears(named("samples"))

    assert event.id == position
    assert event.told == {
        "position": position, "source": "train1", "tag": [0], "time_ns": [NOW_NS], "value": [60.5], "status": [0],
    }  # fmt: skip


async def test_a_lost_wake_up_costs_time_never_data(world: World) -> None:
    async with living(world):
        listener = listen(world)
        world.rows(0, [NOW_NS], [60.5])

        assert await listener.hears(named("samples"))


async def test_a_listener_hears_only_the_tags_it_chose(world: World) -> None:
    async with living(world):
        listener = listen(world, frozenset({3}))
        world.rows(0, [NOW_NS], [1.0])
        world.rows(3, [NOW_NS], [2.0])
        await listener.hears(named("samples"))

    assert [event.told["tag"] for event in listener.heard if event.name == "samples"] == [[3]]


async def test_decisions_are_told_once_each(world: World) -> None:
    world.alarm(1)
    async with living(world):
        listener = listen(world)
        world.alarm(2, "acknowledged")
        world.records.all_phases["p"] = PhaseRecord("p", "R101", "B1", "dose", "API-1 v7", NOW_NS)
        world.feed.woken.set()
        await listener.hears(named("alarm"))
        await listener.hears(named("phase"))
        await listener.hears(named("heartbeat"))

    assert [event.told["number"] for event in listener.heard if event.name == "alarm"] == [2]


async def test_a_journal_that_cannot_be_read_is_told_and_followed_again(world: World) -> None:
    async with living(world):
        listener = listen(world)
        world.journal.fault = OSError("disk gone")
        fault = await listener.hears(lambda event: bool(event.told.get("faults")))
        world.journal.fault = None
        world.rows(0, [NOW_NS], [1.0])
        await listener.hears(named("samples"))
        listener.heard.clear()
        healed = await listener.hears(lambda event: event.told.get("faults") == {})

    assert fault.told["faults"] == {"journal": "disk gone"}
    assert healed


async def test_what_cannot_be_read_is_passed_and_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with living(world):
        listener = listen(world)
        damaged = world.feed.position + 1
        read = world.journal.read

        def reading(after: Position, limit: int = 64) -> object:
            if after < damaged <= world.journal.last():
                raise DamagedEntry(f"journal.db: entry {damaged}: torn", damaged, damaged, "", "torn")
            return read(after, limit)

        monkeypatch.setattr(world.journal, "read", reading)
        world.rows(0, [NOW_NS], [1.0])
        behind = world.rows(0, [NOW_NS + 1], [2.0])
        world.feed.woken.set()
        cut = await listener.hears(named("cut"))
        await listener.hears(lambda event: event.name == "samples" and event.id == behind)

        assert (cut.told["from"], cut.told["to"]) == (damaged, damaged)
        assert "torn" in cut.told["reason"]
        assert "journal" not in world.feed.faults


async def test_a_heartbeat_tells_plant_time_and_which_sources_are_heard() -> None:
    world = a_world()
    world.clock.simulated, world.clock.speed = True, 360.0
    world.journal.put(Heartbeat("floor", NOW_NS, connected=False, detail="refused"))
    async with living(world):
        beat = (await listen(world).hears(named("heartbeat"))).told

    assert (beat["now_ns"], beat["simulated"], beat["speed"]) == (NOW_NS, True, 360.0)
    assert [(source["source"], source["connected"]) for source in beat["sources"]] == [("floor", False)]


async def test_a_new_tag_is_known_and_told(world: World) -> None:
    async with living(world):
        listener = listen(world)
        world.journal.put(TagDefined(Tag(TagId(7), "u7", 1, "new", "floor", "x"), NOW_NS))
        event = await listener.hears(named("tag"))

    assert event.told["name"] == "new"
    assert world.feed.tags.named("new").id == 7


async def test_who_was_away_hears_what_it_missed(world: World) -> None:
    first = world.rows(0, [NOW_NS], [1.0])
    world.rows(0, [NOW_NS + 1], [2.0])
    last = world.rows(3, [NOW_NS + 2], [3.0])
    missed = events_of(await world.feed.replay(first, last, frozenset({0})))
    world.feed.shut()

    assert [(event.name, event.told["value"]) for event in missed] == [("samples", [2.0])]


async def test_who_was_away_too_long_is_told_so(world: World) -> None:
    (cut,) = events_of(await world.feed.replay(Position(1), Position(5_000), None))
    world.feed.shut()

    assert (cut.name, cut.told["from"], cut.told["to"]) == ("cut", 2, 5_000)


async def test_samples_that_left_the_journal_are_not_passed_over_in_silence(world: World) -> None:
    first = world.rows(0, [NOW_NS], [1.0])
    world.rows(0, [NOW_NS + 1], [2.0])
    last = world.rows(0, [NOW_NS + 2], [3.0])
    world.journal.trim(first + 1)
    events = events_of(await world.feed.replay(first, last, None))
    world.feed.shut()

    assert [event.name for event in events] == ["cut", "samples"]


async def test_a_slow_client_is_told_what_it_missed_and_goes_on() -> None:
    client = Subscription(None, frames=3)
    for position in range(1, 6):
        client.offer(frame("samples", {"value": position}, Position(position)))

    events = events_of(await anext(client.chunks()))

    assert (events[0].name, events[0].told["from"], events[0].told["to"], events[0].told["frames"]) == ("cut", 1, 4, 4)
    assert [event.told["value"] for event in events[1:]] == [5]


async def test_a_client_is_bounded_in_bytes_too() -> None:
    client = Subscription(None, size=1_000)
    client.offer(frame("samples", {"value": "x" * 2_000}, Position(1)))

    (event,) = events_of(await anext(client.chunks()))

    assert event.name == "cut"


async def test_a_closed_stream_ends_after_what_waits() -> None:
    client = Subscription(None)
    client.offer(frame("samples", {"value": 1}, Position(1)))
    client.close()

    async with asyncio.timeout(LIMIT_S):
        chunks = [chunk async for chunk in client.chunks()]

    assert len(chunks) == 1


def test_a_large_entry_is_told_in_parts_and_only_the_last_bears_its_id() -> None:
    rows = 2 * ROWS_PER_FRAME + 1
    batch = SampleBatch(
        "train1", NOW_NS, np.zeros(rows, np.uint32), np.arange(rows), None, np.zeros(rows), np.zeros(rows, np.uint32)
    )
    frames = list(entry_frames(Position(9), batch, None, TagTable(TAGS)))

    assert [built.position for built in frames] == [None, None, 9]
    assert sum(len(events_of(built.wire)[0].told["tag"]) for built in frames) == rows


def test_texts_and_gaps_are_told_too() -> None:
    texts = TextBatch("train1", NOW_NS, (2, 2), (NOW_NS, NOW_NS + 1), None, ("B1", None), (0, 0x80002000))
    gap = Gap("g", "train1", 1, NOW_NS, None, GapCause.OVERFLOW)
    tags = TagTable(TAGS)

    (text,) = [events_of(built.wire)[0] for built in entry_frames(Position(1), texts, frozenset({2}), tags)]
    (told,) = [events_of(built.wire)[0] for built in entry_frames(Position(2), gap, None, tags)]

    assert (text.name, text.told["value"], text.told["status"]) == ("text", ["B1", None], [0, 0x80000000])
    assert (told.name, told.told["tag"], told.told["end_ns"]) == ("gap", "R101.PT", None)


@pytest.mark.parametrize("chosen", [frozenset({0}), frozenset[int]()])
def test_what_nobody_chose_is_not_built(chosen: frozenset[int]) -> None:
    texts = TextBatch("train1", NOW_NS, (2,), (NOW_NS,), None, ("B1",), (0,))
    gap = Gap("g", "train1", 1, NOW_NS, None, GapCause.OVERFLOW)

    assert not list(entry_frames(Position(1), texts, chosen, TagTable(TAGS)))
    assert not list(entry_frames(Position(1), gap, chosen, TagTable(TAGS)))


def test_news_is_what_was_not_there_before_oldest_first() -> None:
    news = News[int](lambda number: number)
    news.of([3, 2, 1])

    assert news.of([5, 4, 3]) == [4, 5]
