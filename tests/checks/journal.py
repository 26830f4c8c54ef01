"""What every `Journal` must do: inherit `JournalChecks` and give it a fixture `journal`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields, replace
from decimal import Decimal

import numpy as np
import pytest

from domain.entries import (
    START,
    ActionKind,
    BatchEvent,
    ConfigurationActivated,
    Entry,
    EventKind,
    Gap,
    GapCause,
    Heartbeat,
    PersonAction,
    Position,
    Quarantined,
    RecipeApproved,
    SourceState,
    TagDefined,
    TextBatch,
)
from domain.ports import Delivery, Journal
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from tests.patience import LIMIT_S

T0_NS = 1_760_000_400_000_000_000

GAP = Gap("g1", "train1", None, T0_NS, None, GapCause.DISCONNECT, "the server closed the channel")
HEARTBEAT = Heartbeat("train1", T0_NS, connected=True, heard_ns=T0_NS - 5, skew_ns=-3)
STATE = SourceState("train1", '{"subscription": 7}')
OWN_GAP = Gap("own", "train1", None, 0, 1, GapCause.UNKNOWN)
TEXTS = TextBatch("train1", T0_NS, (3, 4), (T0_NS, T0_NS + 1), None, ("B-17", None), (0, 0x8031_0000))
QUARANTINED = Quarantined("floor", T0_NS, "plant/t7", "no number at /v", '{"v": "\\udcff"}', 2)
CONFIGURATION = ConfigurationActivated(T0_NS, "ab12", "site: demo\n", "0.1.0", simulated=True)
ACTION = PersonAction("r1", T0_NS, "Ada", ActionKind.SHELVE, "R101.TT.high", "valve is being repaired", T0_NS + 9)
EVENT = BatchEvent(
    "e1", "floor", EventKind.CHARGE, T0_NS - 5, T0_NS, "R101", "B-17", "dose", "SM-1", Decimal("12.50"), "kg"
)
APPROVED = RecipeApproved(
    *("a1", T0_NS, "API-1", 7, "CR-1234", "VR-12", T0_NS + 1, "p1", "Ada", "Grace", "as validated"),
    *('{"format":1}', "ab12"),
)
TAG = Tag(
    TagId(3), "5f0c", 1, "R101.TT", "train1", "nsu=urn:plant;s=R101.TT", "ns=2;s=R101.TT", "degC", sensor_low=-50.0
)
NEWER_EVENT = replace(EVENT, id="e2", recipe="API-1 7", corrects="e1")
LASTING = (GAP, TagDefined(TAG, T0_NS), CONFIGURATION, QUARANTINED, ACTION, EVENT, NEWER_EVENT, APPROVED, TEXTS)
PASSING = (HEARTBEAT, STATE)


def samples(
    values: Sequence[float], source: str = "train1", first_ns: int = T0_NS, *, server: bool = False
) -> SampleBatch:
    """A batch with one row for each value, tags from 0, a millisecond apart."""
    rows = len(values)
    time_ns = first_ns + np.arange(rows, dtype=np.int64) * 1_000_000
    return SampleBatch(
        source,
        first_ns + 7,
        np.arange(rows, dtype=np.uint32),
        time_ns,
        time_ns + 11 if server else None,
        np.array(values, np.float64),
        np.zeros(rows, np.uint32),
    )


def same(one: Entry, other: Entry) -> bool:
    """Equal to the last bit; NaN equals a NaN of the same bits only."""
    if not isinstance(one, SampleBatch) or not isinstance(other, SampleBatch):
        return type(one) is type(other) and one == other
    return all(_same_column(getattr(one, field.name), getattr(other, field.name)) for field in fields(SampleBatch))


def _same_column(one: object, other: object) -> bool:
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return type(one) is type(other) and one == other
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


def values_of(entries: Sequence[tuple[Position, Entry]], source: str = "train1") -> list[float]:
    """The values of a source's samples, in order."""
    return [
        value
        for _, entry in entries
        if isinstance(entry, SampleBatch) and entry.source == source
        for value in entry.value.tolist()
    ]


async def take(following: AsyncIterator[tuple[Position, Entry]], count: int) -> list[tuple[Position, Entry]]:
    """The next entries of a follower."""
    taken = []
    async with asyncio.timeout(LIMIT_S):
        while len(taken) < count:
            taken.append(await anext(following))
    return taken


async def all_until(journal: Journal, last: Position, after: Position = START) -> list[tuple[Position, Entry]]:
    """What a new follower gets, up to a position that must be there."""
    taken = []
    async with asyncio.timeout(LIMIT_S):
        async for position, entry in journal.follow(after):
            taken.append((position, entry))
            if position >= last:
                break
    return taken


async def submitted(journal: Journal, *entries: Entry, received: int = 0, redelivered: int = 0) -> None:
    """Submit a delivery of train1 and wait for its acknowledgement."""
    loop, acknowledged = asyncio.get_running_loop(), asyncio.Event()
    journal.submit(
        Delivery(
            "train1",
            entries,
            received,
            lambda: loop.call_soon_threadsafe(acknowledged.set),
            redelivered,
        ),
    )
    async with asyncio.timeout(LIMIT_S):
        await acknowledged.wait()


class JournalChecks:
    """The port's contract, from the outside."""

    async def test_the_first_entry_has_position_one(self, journal: Journal):
        position = await journal.append(GAP)

        assert position == 1

    async def test_append_returns_the_position_of_its_last_entry(self, journal: Journal):
        await journal.append(GAP)
        position = await journal.append(HEARTBEAT, TEXTS, ACTION)

        assert position == 4

    @pytest.mark.parametrize("entry", [*LASTING, *PASSING, samples([1.5]), samples([])], ids=lambda e: type(e).__name__)
    async def test_every_kind_of_entry_comes_back_as_it_was(self, journal: Journal, entry: Entry):
        position = await journal.append(entry)
        [(at, found)] = await all_until(journal, position)

        assert at == position
        assert same(entry, found)

    async def test_values_come_back_to_the_last_bit(self, journal: Journal):
        odd = np.array([0x7FF8_0000_0000_BEEF, 0x8000_0000_0000_0000, 1, 0xFFF0_0000_0000_0000], np.uint64)
        batch = samples(odd.view(np.float64), server=True)
        [(_, found)] = await all_until(journal, await journal.append(batch))

        assert same(batch, found)

    async def test_a_follower_gets_only_what_comes_after_its_position(self, journal: Journal):
        first = await journal.append(GAP)
        second = await journal.append(STATE)

        assert await all_until(journal, second, after=first) == [(second, STATE)]

    async def test_a_follower_waits_for_what_is_written_later(self, journal: Journal):
        following = journal.follow(START)
        coming = asyncio.create_task(take(following, 2))
        await asyncio.sleep(0.01)
        await journal.append(GAP)
        await journal.append(STATE)

        assert await coming == [(1, GAP), (2, STATE)]

    async def test_each_of_many_followers_gets_everything_once_and_in_order(self, journal: Journal):
        following = [asyncio.create_task(_values_until(journal, 99.0)) for _ in range(5)]
        for value in range(100):
            await submitted(journal, samples([float(value)]), received=1)

        async with asyncio.timeout(LIMIT_S):
            assert await asyncio.gather(*following) == [[float(value) for value in range(100)]] * 5

    async def test_a_delivery_is_acknowledged_only_once_a_follower_can_see_it(self, journal: Journal):
        await submitted(journal, samples([1.0, 2.0]), samples([3.0]), received=3)
        found = await all_until(journal, await journal.append(GAP))

        assert values_of(found) == [1.0, 2.0, 3.0]

    async def test_a_delivery_without_entries_is_acknowledged_too(self, journal: Journal):
        await submitted(journal, received=2, redelivered=2)

    async def test_a_sources_entries_keep_their_order_whatever_is_joined(self, journal: Journal):
        for start in range(0, 30, 3):
            journal.submit(_unheard("train1", samples([float(start)]), samples([float(start + 1)])))
            journal.submit(_unheard("floor", samples([float(-start)], "floor"), samples([0.5], "floor")))
            journal.submit(_unheard("train1", OWN_GAP, samples([float(start + 2)])))
        found = await all_until(journal, await journal.append(GAP))

        assert values_of(found) == [float(value) for value in range(30)]
        assert [sum(len(entry) for entry in stretch) for stretch in _between_gaps(found)] == [2, *[3] * 9, 1]

    async def test_of_a_sources_states_the_newest_is_durable_with_the_samples_it_speaks_of(self, journal: Journal):
        for number in range(10):
            state = replace(STATE, state=f'{{"sequence": {number}}}')
            await submitted(journal, samples([float(number)]), state, received=1)
        found = await all_until(journal, await journal.append(GAP))
        states = [entry for _, entry in found if isinstance(entry, SourceState)]

        assert values_of(found) == [float(number) for number in range(10)]
        assert states[-1].state == '{"sequence": 9}'

    async def test_samples_without_a_server_time_do_not_get_one(self, journal: Journal):
        journal.submit(_unheard("train1", samples([1.0]), samples([2.0], server=True), samples([3.0])))
        found = await all_until(journal, await journal.append(GAP))
        batches = [entry for _, entry in found if isinstance(entry, SampleBatch)]

        assert [batch.value.tolist() for batch in batches if batch.server_ns is None] == [[1.0], [3.0]]

    async def test_what_a_person_did_keeps_its_place_among_the_samples(self, journal: Journal):
        journal.submit(_unheard("train1", samples([1.0]), ACTION, samples([2.0])))
        found = await all_until(journal, await journal.append(GAP))

        assert [type(entry) for _, entry in found] == [SampleBatch, PersonAction, SampleBatch, Gap]

    async def test_trim_drops_samples_heartbeats_and_states_and_keeps_the_rest(self, journal: Journal):
        await journal.append(samples([1.0]), *LASTING, *PASSING, samples([2.0]))
        last = await journal.append(GAP)
        await journal.trim(last)
        found = await all_until(journal, last)

        assert [entry for _, entry in found] == [*LASTING, GAP]

    async def test_trim_leaves_what_comes_after_its_position(self, journal: Journal):
        first = await journal.append(samples([1.0]))
        last = await journal.append(samples([2.0]))
        await journal.trim(first)

        assert values_of(await all_until(journal, last)) == [2.0]

    async def test_trim_beyond_the_end_does_not_reach_what_is_written_later(self, journal: Journal):
        await journal.append(samples([1.0]))
        await journal.trim(Position(1000))
        last = await journal.append(samples([2.0]))

        assert values_of(await all_until(journal, last)) == [2.0]

    async def test_a_position_is_not_used_again_after_everything_was_trimmed(self, journal: Journal):
        last = await journal.append(samples([1.0]))
        await journal.trim(last)

        assert await journal.append(samples([2.0])) == last + 1

    async def test_a_follower_from_before_the_trim_goes_on_after_it(self, journal: Journal):
        following = journal.follow(START)
        await journal.append(samples([1.0]))
        await journal.trim(await journal.append(samples([2.0])))
        coming = asyncio.create_task(take(following, 1))
        await asyncio.sleep(0.01)
        await journal.append(samples([3.0]))

        assert values_of(await coming) == [3.0]

    async def test_there_is_room_while_little_waits(self, journal: Journal):
        async with asyncio.timeout(LIMIT_S):
            await journal.room()


def _unheard(source: str, *entries: Entry) -> Delivery:
    return Delivery(
        source, entries, sum(len(entry) for entry in entries if isinstance(entry, SampleBatch)), lambda: None
    )


def _between_gaps(found: Sequence[tuple[Position, Entry]]) -> list[list[SampleBatch]]:
    stretches: list[list[SampleBatch]] = [[]]
    for _, entry in found:
        if entry == OWN_GAP:
            stretches.append([])
        elif isinstance(entry, SampleBatch) and entry.source == "train1":
            stretches[-1].append(entry)
    return stretches


async def _values_until(journal: Journal, last: float) -> list[float]:
    values: list[float] = []
    async for position, entry in journal.follow(START):
        values += values_of([(position, entry)])
        if values and values[-1] == last:
            break
    return values
