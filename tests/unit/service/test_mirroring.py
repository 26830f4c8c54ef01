"""A mirror copies what is in the journal, tells what it could not copy, tries for ever, and holds nobody up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Heartbeat, Position, TagDefined
from domain.errors import ConfigError, RetryLater
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from historian.chunks.store import ChunkStore
from historian.influx import InfluxBucket, InfluxWriter
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.line_protocol import LineProtocol
from historian.mirrored import MirroredHistory, MirroredJournal, Rendering
from historian.refused import RefusedFile
from service.config.build import load
from service.mirror_watch import Hold, MirrorWatch
from service.mirroring import LineWriter, MirrorFollower, Rhythm, StoredHistory, mirrors_of
from tests.fake_records import MemoryRecords
from tests.fakes import HistoryInMemory, JournalInMemory
from tests.influx_server import TAKEN, Answer, InfluxServer
from tests.patience import LIMIT_S

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
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def mirror(server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, folder: Path) -> MirrorFollower:
    return make_mirror(server, journal, HistoryInMemory(journal), records, folder)


def make_mirror(
    server: InfluxServer,
    journal: MirroredJournal,
    history: MirroredHistory,
    records: MemoryRecords,
    folder: Path,
    watch: MirrorWatch | None = None,
) -> MirrorFollower:
    def open_writer() -> LineWriter:
        return InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame"))

    return MirrorFollower(
        "plant",
        Rendering(LineProtocol("site", (), {}), journal, history),
        records,
        open_writer,
        RefusedFile(folder / "plant.refused"),
        watch or MirrorWatch("plant", Hold()),
        IMPATIENT,
    )


def failing(mirror: MirrorFollower) -> object:
    return {reading.name: reading.value for reading in mirror.figures()}["thermowell_mirror_failing"]


@asynccontextmanager
async def running(mirror: MirrorFollower) -> AsyncIterator[None]:
    task = asyncio.create_task(mirror.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=LIMIT_S)
        assert task.cancelled()


async def until(condition: Callable[[], bool]):
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  what it waits for happens on other threads
            await asyncio.sleep(0.005)


def line(value: float, at: int, name: str = "A") -> str:
    return f"site,tag={name} value={value!r},status=0i {at}"


async def test_what_is_in_the_journal_and_what_comes_arrives_in_order(
    server: InfluxServer, journal: JournalInMemory, mirror: MirrorFollower
):
    journal.put(samples(1.0, 2.0, at=10))
    async with running(mirror):
        await until(lambda: len(server.taken) == 2)
        last = journal.put(tag(1, "B"), Heartbeat("train1", 1, True), samples(3.0, at=20, tag=1))
        await until(lambda: mirror.position == last)

    assert server.taken == [line(1.0, 10), line(2.0, 11), line(3.0, 20, "B")]


async def test_it_goes_on_where_it_stood(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower, folder: Path
):
    first = journal.put(samples(1.0, at=10))
    async with running(mirror):
        await until(lambda: mirror.position == first)
    last = journal.put(samples(2.0, at=20))
    again = make_mirror(server, journal, HistoryInMemory(journal), records, folder)
    async with running(again):
        await until(lambda: again.position == last)

    assert server.taken == [line(1.0, 10), line(2.0, 20)]
    assert records.cursor_of("mirror:plant") == last


async def test_what_was_under_way_when_it_stopped_is_written_again_and_is_the_same_point(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower, folder: Path
):
    def answer(_: list[str]) -> Answer:
        assert mirror._stopping.wait(LIMIT_S)
        return TAKEN

    server.answer = answer
    last = journal.put(samples(1.0, at=10))
    async with running(mirror):
        await until(lambda: len(server.bodies) == 1)
    stood = records.cursor_of("mirror:plant")
    server.answer = lambda _: TAKEN
    again = make_mirror(server, journal, HistoryInMemory(journal), records, folder)
    async with running(again):
        await until(lambda: again.position == last)

    assert (stood, server.taken) == (0, [line(1.0, 10)] * 2)
    assert len(server.points()) == 1


async def test_while_influxdb_is_away_the_cursor_stays_and_nothing_is_skipped(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower
):
    server.answer = lambda _: (503, "starting")
    last = journal.put(samples(1.0, at=10), samples(2.0, at=20))
    async with running(mirror):
        await until(lambda: len(server.bodies) >= 3)
        stood, was_failing = records.cursor_of("mirror:plant"), failing(mirror)
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
    folder: Path,
):
    def answer(lines: list[str]) -> Answer:
        return (400, "field type conflict") if line(13.0, 11) in lines else TAKEN

    server.answer = answer
    last = journal.put(samples(12.0, 13.0, 14.0, at=10), samples(15.0, at=20))
    async with running(mirror):
        await until(lambda: mirror.position == last)

    assert server.taken == [line(12.0, 10), line(14.0, 12), line(15.0, 20)]
    assert (mirror.counts.written, mirror.counts.refused) == (3, 1)
    assert f"refused for good: 400 field type conflict: {line(13.0, 11)}" in caplog.text
    assert (folder / "plant.refused").read_text().endswith(f"400 field type conflict\n{line(13.0, 11)}\n")


async def test_a_row_without_a_value_is_told_by_its_status(
    server: InfluxServer, journal: JournalInMemory, mirror: MirrorFollower
):
    last = journal.put(samples(float("nan"), 1.0, at=10), samples(2.0, at=-5, tag=0))
    async with running(mirror):
        await until(lambda: mirror.position == last)

    assert sorted(server.taken) == sorted([line(1.0, 11), line(2.0, -5), "site,tag=A status=0i 10"])


async def test_what_had_left_a_real_journal_comes_from_the_record(
    tmp_path: Path, server: InfluxServer, records: MemoryRecords, caplog: pytest.LogCaptureFixture
):
    file = tmp_path / "journal.db"
    with (
        closing(SqliteJournal.open(file, flush_interval_s=0.01)) as journal,
        ChunkStore.open(tmp_path / "history") as store,
        closing(ReadOnlyJournal(file)) as reader,
    ):

        def recorded() -> Position:
            for at, entry in reader.read(store.cursor()):
                if isinstance(entry, SampleBatch):
                    store.write(at, entry)
            store.flush(everything=True)
            return reader.last()

        await journal.append(tag(0, "A"))
        trimmed = await journal.append(samples(1.0, at=10), samples(2.0, at=20), Heartbeat("train1", 1, True))
        await journal.append(samples(5.0, at=20), samples(0.5, at=5))
        last = await journal.append(tag(1, "B"), samples(3.0, at=30), samples(4.0, at=40, tag=1))
        recorded()
        await journal.trim(trimmed)
        mirror = make_mirror(server, reader, StoredHistory(store, recorded), records, tmp_path)
        async with running(mirror):
            await until(lambda: mirror.position == last)
            after = await journal.append(samples(6.0, at=40, tag=1), samples(7.0, at=50))
            await until(lambda: mirror.position == after)

    points = [line(0.5, 5), line(1.0, 10), line(2.0, 20), line(3.0, 30), line(4.0, 40, "B"), line(7.0, 50)]
    assert sorted(each for each in server.taken if each.startswith("site,")) == sorted(points)
    corrections = [each for each in server.taken if each.startswith("site_corrections,")]
    assert [each.split(" ")[0] for each in corrections] == [f"site_corrections,tag={name},version=2" for name in "AB"]
    assert mirror.counts.missed_entries == 2  # the journal joins what is appended together
    assert f"2 entries between 0 and {last} had left the journal" in caplog.text


async def test_a_journal_that_is_younger_than_the_cursor_is_mirrored_from_its_start(
    server: InfluxServer, journal: JournalInMemory, records: MemoryRecords, mirror: MirrorFollower
):
    with records.unit_of_work() as work:
        work.cursor("mirror:plant", Position(1000))
    last = journal.put(samples(1.0, at=10))
    async with running(mirror):
        await until(lambda: mirror.position == last)

    assert server.taken == [line(1.0, 10)]


async def test_a_fault_of_any_kind_is_tried_again_and_ends_nothing(
    server: InfluxServer, journal: JournalInMemory, mirror: MirrorFollower
):
    last = journal.put(samples(1.0, at=10))
    journal.fault = ZeroDivisionError("a mistake of ours")
    async with running(mirror):
        await until(lambda: failing(mirror) == 1)
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
):
    (tmp_path / "token").write_text("sesame\n", encoding="utf-8")
    configuration = load(config_with(tmp_path, server.url))
    journal.put(tag(0, "R101.TT"), samples(61.0, at=10))
    [mirror] = mirrors_of(configuration, journal, HistoryInMemory(journal), records, tmp_path)
    async with running(mirror):
        await until(lambda: len(server.taken) == 1)

    assert server.taken == ["north,tag=R101.TT,unit=R101 value=61.0,status=0i 10"]
    assert server.tokens == ["Token sesame"]


async def test_a_changed_token_is_read_without_a_restart(
    tmp_path: Path, server: InfluxServer, journal: JournalInMemory, records: MemoryRecords
):
    token = tmp_path / "token"
    token.write_text("old", encoding="utf-8")
    server.answer = lambda _: TAKEN if server.tokens[-1] == "Token new" else (401, "unauthorized access")
    last = journal.put(tag(0, "R101.TT"), samples(61.0, at=10))
    [mirror] = mirrors_of(
        load(config_with(tmp_path, server.url)), journal, HistoryInMemory(journal), records, tmp_path, rhythm=IMPATIENT
    )
    async with running(mirror):
        await until(lambda: len(server.bodies) > 0)
        token.write_text("new", encoding="utf-8")
        await until(lambda: mirror.position == last)

    assert (mirror.counts.written, mirror.counts.refused) == (1, 0)


async def test_a_token_that_was_taken_away_stops_the_mirror_only(
    tmp_path: Path, server: InfluxServer, journal: JournalInMemory, records: MemoryRecords
):
    token = tmp_path / "token"
    token.write_text("sesame", encoding="utf-8")
    [mirror] = mirrors_of(load(config_with(tmp_path, server.url)), journal, HistoryInMemory(journal), records, tmp_path)
    token.unlink()

    with pytest.raises(RetryLater, match="cannot read the token"):
        mirror._open_writer()


@pytest.mark.parametrize(("url", "fault"), [("http://127.0.0.1:1", "no file 'token'"), ("127.0.0.1:8086", "url")])
def test_a_mirror_that_cannot_be_is_told_at_the_start(tmp_path: Path, url: str, fault: str):
    with pytest.raises(ConfigError, match=fault):
        load(config_with(tmp_path, url))
