"""A sign of life goes out while samples come through to people, and for no other reason."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from sqlite3 import OperationalError

import pytest

from alarms.book import AlarmBook
from detectors.bank import Bank
from domain.entries import START, Heartbeat
from domain.errors import RetryLater
from historian.journal import SqliteJournal
from historian.journal.schema import connect_writer
from service.deadman import Deadman, FileSink, UrlSink, Way
from service.judging import Judge, Rhythm
from tests.fake_records import MemoryRecords
from tests.patience import LIMIT_S
from tests.unit.detectors.plant import rulebook


class Outside:
    """A loopback server that awaits signs."""

    def __init__(self) -> None:
        self.status = 200
        self.hangs = threading.Event()
        self.hangs.set()
        self.taken: list[dict] = []
        self.asked: list[str] = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outside.asked.append(self.path)
                outside.hangs.wait(20)
                if outside.status == 200:
                    outside.taken.append(body)
                with contextlib.suppress(OSError):
                    self.send_response(outside.status)
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            do_GET = do_POST  # noqa: N815  the library's own name

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/secret"


@pytest.fixture
def outside() -> Iterator[Outside]:
    made = Outside()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.hangs.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


class HangingRecords(MemoryRecords):
    """A database that takes nothing while it hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.goes = threading.Event()
        self.goes.set()

    @contextlib.contextmanager
    def unit_of_work(self):
        self.goes.wait(20)
        with super().unit_of_work() as work:
            yield work


class FailingDisk:
    """A connection whose commits fail while it is told to."""

    fails = False

    def connect(self, path: str):
        disk, connection = self, connect_writer(path)

        class Failing:
            def __getattr__(self, name: str) -> object:
                return getattr(connection, name)

            def execute(self, sql: str, *arguments: object) -> object:
                if disk.fails and sql == "COMMIT":
                    raise OperationalError("disk I/O error")
                return connection.execute(sql, *arguments)

        return Failing()


class Core:
    def __init__(self, folder: Path, url: str) -> None:
        self.disk, self.records = FailingDisk(), HangingRecords()
        self.journal = SqliteJournal.open(folder / "journal.db", connect=self.disk.connect, flush_interval_s=0.01)
        rules = rulebook()
        self.judge = Judge(
            self.journal,
            self.records,
            Bank(rules, ()),
            AlarmBook(rules),
            lambda _: (),
            lambda _: None,
            rhythm=Rhythm(cursor_every_s=0.0),
        )
        way = Way(
            self.journal.last,
            {"judge": lambda: self.judge.position},
            lambda: str(self.journal.health().problem) if self.journal.health().problem else None,
            journal_moves=True,
            longest_s=0.5,
        )
        self.deadman = Deadman(UrlSink(url, 2.0), 0.05, way, {"site": "north"}, look_every_s=0.02)

    async def beat(self) -> None:
        for second in range(1, 10**6):
            await self.journal.append(Heartbeat("train1", second * 10**9, connected=True))
            await asyncio.sleep(0.01)

    def counted(self, outcome: str) -> float:
        return next(each.value for each in self.deadman.figures() if each.labels == (outcome,))  # type: ignore[return-value]


@contextlib.asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[Core]:
    core = Core(folder, url)
    tasks = [asyncio.create_task(each) for each in (core.beat(), core.judge.run(), core.deadman.run())]
    try:
        yield core
    finally:
        core.disk.fails = False
        core.records.goes.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(core.journal.close)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  it looks at what threads do
            await asyncio.sleep(0.01)


async def withheld_then_sent(core: Core, outside: Outside, repair: Callable[[], None]) -> None:
    withheld = core.counted("withheld")
    await until(lambda: core.counted("withheld") >= withheld + 3)
    repair()
    sent = len(outside.taken)
    await until(lambda: len(outside.taken) >= sent + 3)


async def test_it_stops_while_the_judge_hangs_and_goes_on_after(tmp_path: Path, outside: Outside) -> None:
    async with running(tmp_path, outside.url) as core:
        await until(lambda: len(outside.taken) >= 2)
        core.records.goes.clear()
        await withheld_then_sent(core, outside, core.records.goes.set)

    assert outside.taken[-1]["site"] == "north"


async def test_it_stops_while_the_journal_cannot_write_and_goes_on_after(tmp_path: Path, outside: Outside) -> None:
    async with running(tmp_path, outside.url) as core:
        await until(lambda: len(outside.taken) >= 2)
        core.disk.fails = True
        await withheld_then_sent(core, outside, lambda: setattr(core.disk, "fails", False))

    assert core.counted("failed") == 0


async def test_a_redirect_is_not_followed_and_is_no_answer(tmp_path: Path, outside: Outside) -> None:
    outside.status = 302
    async with running(tmp_path, outside.url) as core:
        await until(lambda: core.counted("failed") >= 3)

    assert (core.counted("sent"), set(outside.asked)) == (0, {"/secret"})


async def test_a_server_that_hangs_is_asked_once_at_a_time(tmp_path: Path, outside: Outside) -> None:
    outside.hangs.clear()
    async with running(tmp_path, outside.url) as core:
        await until(lambda: core.counted("failed") >= 5)
        asked = len(outside.asked)
        outside.hangs.set()

    assert asked == 1


def test_an_error_does_not_show_the_address(outside: Outside) -> None:
    outside.status = 500
    with pytest.raises(RetryLater, match="the answer was 500") as told:
        UrlSink(outside.url).send(b"{}")

    assert "secret" not in repr(told.value) + repr(UrlSink(outside.url))


def test_nobody_there_does_not_show_the_address() -> None:
    with pytest.raises(RetryLater, match="no answer: ") as told:
        UrlSink("http://127.0.0.1:1/secret").send(b"{}")

    assert "secret" not in repr(told.value)


def test_the_way_is_stopped_by_what_is_known_to_be_wrong() -> None:
    trouble: list[str] = ["mail: a notice has waited 700 s"]
    way = Way(lambda: START, {}, lambda: trouble[0] if trouble else None, journal_moves=False)
    way.look()
    before = way.stopped()
    trouble.clear()

    assert (before, way.stopped()) == ("mail: a notice has waited 700 s", None)


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "alive")
    sink.send(b"1")
    sink.send(b"2")

    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("alive", b"2\n")]
