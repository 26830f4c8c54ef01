"""A mirror copies what is in the journal, tells what it could not copy, tries for ever, and holds nobody up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Heartbeat, Position, TagDefined
from domain.errors import ConfigError, RetryLater
from domain.ports import JournalReader
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from historian.influx import InfluxBucket, InfluxWriter
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.line_protocol import LineProtocol
from service.config.build import load
from service.gauges import as_prometheus
from service.mirroring import LineWriter, MirrorFollower, Rhythm, mirrors_of
from tests.fake_records import MemoryRecords
from tests.fakes import JournalInMemory
from tests.influx_server import TAKEN, Answer, InfluxServer

IMPATIENT = Rhythm(poll_s=0.01, first_pause_s=0.01, longest_pause_s=0.05, cursor_every_s=0.0)


def tag(id_: int, name: str) -> TagDefined:
    return TagDefined(Tag(TagId(id_), f"uuid-{id_}", 1, name, "train1", f"nsu=urn:x;s={name}"), 0)


def samples(*values: float, at: int = 1, tag: int = 0) -> SampleBatch:
    count = len(values)
    return SampleBatch(
        "train1",
        1,
        np.full(count, tag, np.uint32),
        np.arange(at, at + count, dtype=np.int64),
        None,
        np.array(values),
        np.zeros(count, np.uint32),
    )


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with InfluxServer() as server:
        yield server


@pytest.fixture
def journal() -> JournalInMemory:
    journal = JournalInMemory()
    journal.put(tag(0, "A"))
    return journal


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def mirror(server: InfluxServer, journal: JournalInMemory, records: MemoryRecords) -> MirrorFollower:
    return make_mirror(server, journal, records)


def make_mirror(server: InfluxServer, journal: JournalReader, records: MemoryRecords) -> MirrorFollower:
    def open_writer() -> LineWriter:
        return InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame"))

    return MirrorFollower("plant", journal, records, LineProtocol("site", (), {}), open_writer, IMPATIENT)


@asynccontextmanager
async def running(mirror: MirrorFollower) -> AsyncIterator[None]:
    task = asyncio.create_task(mirror.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  what it waits for happens on other threads
            await asyncio.sleep(0.005)


def line(value: float, at: int, name: str = "A") -> str:
    return f"site,tag={name} value={value!r},status=0i {at}"


async def test_what_is_in_the_journal_and_what_comes_arrives_in_order(
    server: InfluxServer, journal: JournalInMemory, mirror: MirrorFollower
) -> None:
    journal.put(samples(1.0, 2.0, at=10))
    async with running(mirror):
        await until(lambda: len(server.taken) == 2)
        last = journal.put(tag(1, "B"), Heartbeat("train1", 1, True), samples(3.0, at=20, tag=1))
        await until(lambda: mirror.position == last)

    assert server.taken == [line(1.0, 10), line(2.0, 11), line(3.0, 20, "B")]


async def test_it_goes_on_where_it_stood(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower
) -> None:
    journal.put(samples(1.0, at=10))
    async with running(mirror):
        await until(lambda: len(server.taken) == 1)
    last = journal.put(samples(2.0, at=20))
    again = make_mirror(server, journal, records)
    async with running(again):
        await until(lambda: again.position == last)

    assert server.taken == [line(1.0, 10), line(2.0, 20)]
    assert records.cursor_of("mirror:plant") == last


async def test_while_influxdb_is_away_the_cursor_stays_and_nothing_is_skipped(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower
) -> None:
    server.answer = lambda _: (503, "starting")
    last = journal.put(samples(1.0, at=10), samples(2.0, at=20))
    async with running(mirror):
        await until(lambda: len(server.bodies) >= 3)
        stood, was_failing = (
            records.cursor_of("mirror:plant"),
            mirror.gauges()['thermowell_mirror_failing{mirror="plant"}'],
        )
        server.answer = lambda _: TAKEN
        await until(lambda: mirror.position == last)

    assert (stood, was_failing) == (0, 1)
    assert server.taken == [line(1.0, 10), line(2.0, 20)]
    assert mirror.counts.written == 2


async def test_what_is_refused_for_good_is_counted_and_told_and_the_rest_goes_on(
    server: InfluxServer,
    journal: JournalInMemory,
    mirror: MirrorFollower,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(lines: list[str]) -> Answer:
        return (400, "field type conflict") if line(13.0, 11) in lines else TAKEN

    server.answer = answer
    last = journal.put(samples(12.0, 13.0, 14.0, at=10), samples(15.0, at=20))
    async with running(mirror):
        await until(lambda: mirror.position == last)

    assert server.taken == [line(12.0, 10), line(14.0, 12), line(15.0, 20)]
    assert (mirror.counts.written, mirror.counts.refused) == (3, 1)
    assert f"refused for good: 400 field type conflict: {line(13.0, 11)}" in caplog.text


async def test_rows_that_influxdb_cannot_hold_are_counted(
    server: InfluxServer, journal: JournalInMemory, mirror: MirrorFollower
) -> None:
    last = journal.put(samples(float("nan"), 1.0, at=10), samples(2.0, at=-5))
    async with running(mirror):
        await until(lambda: mirror.position == last)

    assert (server.taken, mirror.counts.left_out) == ([line(1.0, 11)], 2)


async def test_what_had_left_a_real_journal_is_counted_and_told(
    tmp_path: Path, server: InfluxServer, records: MemoryRecords, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "journal.db"
    with closing(SqliteJournal.open(file, flush_interval_s=0.01)) as journal:
        await journal.append(tag(0, "A"))
        trimmed = await journal.append(samples(1.0, at=10), samples(2.0, at=20), Heartbeat("train1", 1, True))
        last = await journal.append(tag(1, "B"), samples(3.0, at=30), samples(4.0, at=40, tag=1))
        await journal.trim(trimmed)
        with closing(ReadOnlyJournal(file)) as reader:
            mirror = make_mirror(server, reader, records)
            async with running(mirror):
                await until(lambda: mirror.position == last)

    assert server.taken == [line(3.0, 30), line(4.0, 40, "B")]
    assert mirror.counts.missed_entries == 2  # the journal joins what is appended together
    assert f"2 entries between 0 and {last} had left the journal" in caplog.text


async def test_a_journal_that_is_younger_than_the_cursor_is_mirrored_from_its_start(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower
) -> None:
    with records.unit_of_work() as work:
        work.cursor("mirror:plant", Position(1000))
    last = journal.put(samples(1.0, at=10))
    async with running(mirror):
        await until(lambda: mirror.position == last)

    assert server.taken == [line(1.0, 10)]


async def test_a_fault_of_any_kind_is_tried_again_and_ends_nothing(
    server: InfluxServer, journal: JournalInMemory, mirror: MirrorFollower
) -> None:
    last = journal.put(samples(1.0, at=10))
    journal.fault = ZeroDivisionError("a mistake of ours")
    async with running(mirror):
        await until(lambda: mirror.gauges()['thermowell_mirror_failing{mirror="plant"}'] == 1)
        journal.fault = None
        await until(lambda: mirror.position == last)

    assert server.taken == [line(1.0, 10)]


CONFIG = """\
site: north
sources: {train1: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
units: {R101: {source: train1}}
tags: {R101.TT: {source: train1, node: "nsu=urn:x;s=TT", unit: degC}}
mirrors: {plant: {influxdb: {url: "URL", org: site, bucket: plant, token_file: token}}}
"""


def config_with(folder: Path, url: str) -> Path:
    file = folder / "thermowell.yaml"
    file.write_text(CONFIG.replace("URL", url), encoding="utf-8")
    return file


async def test_a_configured_mirror_writes_under_site_and_unit_with_the_token_of_its_file(
    tmp_path: Path, server: InfluxServer, journal: JournalInMemory, records: MemoryRecords
) -> None:
    (tmp_path / "token").write_text("sesame\n", encoding="utf-8")
    configuration = load(config_with(tmp_path, server.url))
    journal.put(tag(0, "R101.TT"), samples(61.0, at=10))
    [mirror] = mirrors_of(configuration, journal, records)
    async with running(mirror):
        await until(lambda: len(server.taken) == 1)

    assert server.taken == ["north,tag=R101.TT,unit=R101 value=61.0,status=0i 10"]
    assert server.tokens == ["Token sesame"]


async def test_a_changed_token_is_read_without_a_restart(
    tmp_path: Path, server: InfluxServer, journal: JournalInMemory, records: MemoryRecords
) -> None:
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")
    server.answer = lambda _: TAKEN if server.tokens[-1] == "Token new" else (401, "unauthorized access")
    last = journal.put(tag(0, "R101.TT"), samples(61.0, at=10))
    [mirror] = mirrors_of(load(config_with(tmp_path, server.url)), journal, records, IMPATIENT)
    async with running(mirror):
        await until(lambda: len(server.bodies) > 0)
        token.write_text("new", encoding="utf-8")
        await until(lambda: mirror.position == last)

    assert (mirror.counts.written, mirror.counts.refused) == (1, 0)


async def test_a_token_that_was_taken_away_stops_the_mirror_only(
    tmp_path: Path, server: InfluxServer, journal: JournalInMemory, records: MemoryRecords
) -> None:
    token = tmp_path / "token"
    token.write_text("sesame", encoding="utf-8")
    [mirror] = mirrors_of(load(config_with(tmp_path, server.url)), journal, records)
    token.unlink()

    with pytest.raises(RetryLater, match="cannot read the token"):
        mirror._open_writer()


@pytest.mark.parametrize(("url", "fault"), [("http://127.0.0.1:1", "no file 'token'"), ("127.0.0.1:8086", "url")])
def test_a_mirror_that_cannot_be_is_told_at_the_start(tmp_path: Path, url: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        load(config_with(tmp_path, url))


def test_gauges_of_two_mirrors_share_their_head() -> None:
    gauges = {f'thermowell_mirror_rows_refused_total{{mirror="{name}"}}': 0 for name in ("a", "b")}

    assert as_prometheus({"gauges": gauges}).splitlines()[1:] == [
        "# TYPE thermowell_mirror_rows_refused_total counter",
        'thermowell_mirror_rows_refused_total{mirror="a"} 0',
        'thermowell_mirror_rows_refused_total{mirror="b"} 0',
    ]
