"""A plant whose journal and record are damaged on the disk while the service is down: it watches on, and tells where."""

import asyncio
import random
import time
from pathlib import Path

import numpy as np
import pytest

from domain.entries import Entry, Heartbeat, Position
from domain.samples import SampleBatch
from domain.tags import TagTable
from domain.time import SECOND_NS
from historian.chunks.reading import period_paths
from historian.chunks.store import ChunkStore
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.view import HistoryView
from service.config.build import load
from service.tag_table import define
from tests.acceptance.service.running import Service, service, until
from tests.ports import free_port
from tests.unit.service.test_scrubbing import flip

ROWS = 20
BEGAN_NS = time.time_ns() - 600 * SECOND_NS


def configuration(folder: Path, port: int) -> Path:
    """A tag with a limit, of a broker that is away: what comes from the plant is put into the journal by the test."""
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: north
heartbeat: 500ms
http: {{listen: 127.0.0.1:{port}}}
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:{free_port()}", topics: [plant/#]}}}}}}
tags: {{TT: {{source: floor, topic: plant/tt, value: /v, unit: degC, limits: {{high: 50}}}}}}
""",
    )
    return file


def rows(number: int, level: float) -> SampleBatch:
    """An entry of twenty seconds about a level, the number-th of the plant."""
    dice = random.Random(number)
    start_ns = BEGAN_NS + number * ROWS * SECOND_NS
    time_ns = start_ns + np.arange(1, ROWS + 1, dtype=np.int64) * SECOND_NS
    values = np.array([level + dice.random() for _ in range(ROWS)])
    zeros = np.zeros(ROWS, np.uint32)
    return SampleBatch("floor", int(time_ns[-1]), zeros, time_ns, None, values, zeros)


async def journaled(path: Path, *entries: Entry) -> list[Position]:
    """Put entries into the journal of a service that is down; their positions."""
    journal = SqliteJournal.open(path, flush_interval_s=0.001)
    try:
        return [await journal.append(entry) for entry in entries]
    finally:
        journal.close()


def beat(number: int) -> Heartbeat:
    return Heartbeat("floor", BEGAN_NS + number * ROWS * SECOND_NS + 1, connected=True, skew_ns=0)


def excursions(running: Service) -> list[dict]:
    found = running.get("/v1/findings?limit=100")["findings"]
    return sorted((each for each in found if each["rule"] == "fixed.high"), key=lambda each: each["onset_ns"])


def damage_told(running: Service) -> dict[str, dict]:
    alarms = running.get("/v1/alarms")["alarms"]
    return {each["subject"]: each for each in alarms if each["rule"] == "record.damaged" and each["active"]}


def recorded(folder: Path) -> list[float]:
    journal = ReadOnlyJournal(folder / "journal.db")
    history = HistoryView(folder / "history", journal)
    history.refresh()
    try:
        found: list[float] = history.read(0, 0, 2**62, versions=True).value.tolist()
        return found
    finally:
        history.close()
        journal.close()


def gaps(folder: Path) -> list:
    journal = ReadOnlyJournal(folder / "journal.db")
    try:
        return [gap for gap in journal.gaps("floor", None, 0, 2**62, 100) if gap.cause == "damaged"]
    finally:
        journal.close()


@pytest.mark.timeout(300)
def test_flipped_bytes_in_journal_and_record_cost_what_they_hold_and_nothing_else(tmp_path: Path):
    port = free_port()
    config = configuration(tmp_path, port)
    data = tmp_path / "data"
    data.mkdir()
    defined = define(TagTable([]), load(config).tags, BEGAN_NS)
    asyncio.run(journaled(data / "journal.db", *defined, rows(0, 20), rows(1, 60), rows(2, 20), beat(3)))
    with service(config, port) as running:
        running.start()
        until(running.ready)
        until(lambda: [each["stage"] for each in excursions(running)] == ["cleared"])
        assert running.stop() == 0

        # What is judged and stored, and what is not, are damaged while the service is down.
        with ChunkStore.open(data / "history") as store:
            for position, number, level in ((2, 0, 20), (3, 1, 60), (4, 2, 20)):
                store.write(Position(position), rows(number, level))
            store.seal()
        (sealed,) = period_paths(data / "history")
        (data / "scrubbed.json").unlink(missing_ok=True)  # its pass begins anew
        flip(sealed, "segment", 1, "columns")
        more = [rows(3, 60), rows(4, 20), rows(5, 60), rows(6, 20), beat(7)]
        _, damaged, *_ = asyncio.run(journaled(data / "journal.db", *more))
        flip(data / "journal.db", "passing", damaged, "body")

        # It is killed as soon as the gap is durable, and starts again.
        running.start()
        until(lambda: gaps(data), every_s=0.005)
        running.kill()
        running.start()
        until(running.ready)
        until(lambda: {"journal.db", sealed.name} <= set(damage_told(running)))
        told = damage_told(running)
        found = excursions(running)
        assert running.stop() == 0

    (gap,) = gaps(data)
    assert f"journal.db: entry {damaged}: " in gap.detail
    assert f"journal.db: entry {damaged}: " in told["journal.db"]["message"]
    assert f"{sealed.name}: segment 1: tag" in told[sealed.name]["message"]
    assert all("`thermowell verify`" in each["message"] for each in told.values())
    assert {each["priority_name"] for each in told.values()} == {"high"}
    levels = ((0, 20), (1, 60), (2, 20), (3, 60), (5, 60), (6, 20))
    assert recorded(data) == [value for number, level in levels for value in rows(number, level).value]
    assert [each["stage"] for each in found] == ["cleared", "cleared"]
    first, second = (each["evidence"] for each in found)
    assert first["dur_min_ns"] == first["dur_max_ns"]
    assert second["dur_min_ns"] < second["dur_max_ns"]  # nobody knows what was in between
