"""Hours of the bench's campaign through the mirror into a server that is killed, slow, full, busy, broken and lying.

`python -m tests.acceptance.service.mirrored_day 24` does it with a whole day, and tells figures.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from domain.entries import Entry, Position, TagDefined, TextBatch
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable
from domain.time import HOUR_NS
from historian.chunks.store import ChunkStore
from historian.influx import InfluxBucket, InfluxWriter
from historian.influx_sums import Figures, Hours
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.line_protocol import LineProtocol, Lines
from historian.mirrored import Rendering
from historian.refused import RefusedFile
from service.bench.direct import _entries
from service.bench.reading import find, read_scenario
from service.bench.run import _configured, _happenings
from service.mirror_check import MirrorCheck
from service.mirror_watch import Hold, MirrorWatch
from service.mirroring import LineWriter, MirrorFollower, Rhythm, StoredHistory
from service.tag_table import define
from simulators.campaign import Campaign
from tests.fake_records import MemoryRecords
from tests.influx_server import FORGETS, RESET, SILENT, TAKEN, Answer, InfluxServer, Point
from tests.patience import LIMIT_S

IMPATIENT = Rhythm(poll_s=0.01, first_pause_s=0.01, longest_pause_s=0.05, cursor_every_s=0.1)
PART = 200  # entries between two looks of the store
SITE = "campaign"


@dataclass(frozen=True, slots=True)
class Day:
    """What came of it."""

    rows: int
    points: dict[Point, dict]
    expected: dict[Point, dict]
    found_forgotten: int  # hours of a tag that the check found
    forgotten_lines: int
    alike_after: bool
    missed_entries: int
    misbehaved: dict[str, int]


class Moods:
    """A server that takes most requests, and does something else with each third."""

    def __init__(self) -> None:
        self._moods = itertools.cycle(["reset", "full", "busy", "starting", "silent", "lying"])
        self._requests = 0
        self.forgotten: list[str] = []
        self.seen: dict[str, int] = {}

    def answer(self, lines: list[str]) -> Answer:
        self._requests += 1
        if self._requests % 3:
            return TAKEN
        mood = next(self._moods)
        self.seen[mood] = self.seen.get(mood, 0) + 1
        if mood == "lying":
            self.forgotten += lines
        return {
            "reset": RESET,
            "full": (500, "write /engine: no space left on device"),
            "busy": (429, "too many requests"),
            "starting": (503, "starting"),
            "silent": SILENT,
            "lying": FORGETS,
        }[mood]


class CountedPoints:
    """A mirror's figures, counted over the points that a loopback server kept."""

    def __init__(self, server: InfluxServer) -> None:
        self._server = server
        self._counted = (-1, {})

    def _points(self) -> dict[Point, dict]:
        if self._counted[0] != len(self._server.taken):
            self._counted = (
                len(self._server.taken),
                dict(sorted(self._server.points().items(), key=lambda point: point[0][2])),
            )
        return self._counted[1]

    def of(self, measurement: str, start_ns: int, end_ns: int, tag: str | None = None) -> Hours:
        found: dict[tuple[str, int], Figures] = {}
        for (of, tags, time_ns), fields in self._points().items():
            name = dict(tags)["tag"]
            if of == measurement and start_ns <= time_ns < end_ns and tag in (None, name):
                hour = found.setdefault((name, time_ns // HOUR_NS * HOUR_NS), Figures())
                hour.rows += 1
                hour.codes += fields["status"]
                hour.values += "value" in fields
                hour.total += fields.get("value", 0.0)
                hour.booleans += "boolean" in fields
                hour.texts += "text" in fields
        return found

    def remove(self, measurement: str, tag: str, start_ns: int, end_ns: int) -> None:
        raise AssertionError("nothing is in the mirror that is not in the record")


def campaign(folder: Path, hours: float) -> tuple[list[Tag], Iterator[Entry]]:
    """The tags of a normal day and what is journaled in its first hours, made worse: late, corrected, repeated rows."""
    scenario = read_scenario(find("normal-day"))
    configuration = _configured(scenario, folder)
    tags = TagTable()
    define(tags, configuration.tags, scenario.start_ns, lambda: "day")
    entries = _entries(_happenings(Campaign(scenario)), configuration, tags, scenario.start_ns, int(hours * 3600))
    return list(tags), _made_worse(entry for _, entry in entries)


def _made_worse(entries: Iterator[Entry]) -> Iterator[Entry]:
    held: SampleBatch | None = None
    for number, entry in enumerate(entries):
        if not isinstance(entry, SampleBatch) or len(entry) < 2:
            yield entry
        elif number % 50 == 7:  # half of it comes later
            held = entry.rows(slice(0, len(entry) // 2))
            yield entry.rows(slice(len(entry) // 2, None))
        elif number % 50 == 17 and held is not None:
            yield entry
            yield held
        elif number % 50 == 27:
            yield entry
            yield replace(entry, value=entry.value + 1.0)  # corrected
            yield entry  # came again
            yield replace(entry, value=np.full(len(entry), np.nan), status=np.full(len(entry), 0x80000000, np.uint32))
        else:
            yield entry


def expected_points(
    tags: Sequence[Tag], unit_of: dict[str, str], entries: Sequence[tuple[Position, Entry]]
) -> dict[Point, dict]:
    """What a reader must find, row by row from the journal's entries."""
    points: dict[Point, dict] = {}
    versions: dict[tuple[int, int, bool], list[tuple[object, int]]] = {}
    names = {tag.id: tag for tag in tags}
    for at, entry in entries:
        if not isinstance(entry, SampleBatch | TextBatch):
            continue
        is_text = isinstance(entry, TextBatch)
        for row, (tag, time_ns, value, code) in enumerate(
            zip(
                *(np.asarray(column).tolist() for column in (entry.tag, entry.time_ns, entry.value, entry.status)),
                strict=True,
            )
        ):
            known = versions.setdefault((tag, time_ns, is_text), [])
            key = (value if is_text else np.float64(value).tobytes(), code)
            if key in known:
                continue
            known.append(key)
            name = names[tag].name
            keys = {"tag": name} | ({"unit": unit_of[name]} if name in unit_of else {})
            place = {} if len(known) == 1 else {"entry": at, "row": row}
            keys |= {} if len(known) == 1 else {"version": str(len(known))}
            measurement = SITE if len(known) == 1 else f"{SITE}_corrections"
            field = _field(names[tag], value, is_text=is_text)
            points[measurement, tuple(sorted(keys.items())), time_ns] = place | field | {"status": code & ~0x3000}
    return points


def _field(tag: Tag, value: object, *, is_text: bool) -> dict:
    if is_text:
        return {"text": value}
    if value != value:
        return {}
    return {"boolean": bool(value)} if tag.kind == "boolean" and value in (0, 1) else {"value": value}


async def through_a_bad_server(folder: Path, hours: float) -> Day:
    """Journal and keep the campaign; the mirror follows meanwhile, in part too late for the journal; then check and fill."""
    tags, entries = campaign(folder, hours)
    unit_of = {tag.name: tag.name.split(".")[0] for tag in tags if "." in tag.name}
    kept: list[tuple[Position, Entry]] = []
    moods = Moods()
    with (
        InfluxServer() as server,
        closing(SqliteJournal.open(folder / "journal.db", flush_interval_s=0.0)) as journal,
        closing(ReadOnlyJournal(folder / "journal.db")) as reader,
        ChunkStore.open(folder / "history") as store,
    ):
        server.answer, server.headers = moods.answer, {"Retry-After": "0"}
        position = await journal.append(*(TagDefined(tag, 0) for tag in tags))
        stored = [position]
        rendering = Rendering(LineProtocol(SITE, (), unit_of), reader, StoredHistory(store, lambda: stored[0]))

        def open_writer() -> LineWriter:
            return InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame"), timeout_ms=150)

        refused, watch = RefusedFile(folder / "refused"), MirrorWatch("day", Hold())
        mirror = MirrorFollower("day", rendering, MemoryRecords(), open_writer, refused, watch, IMPATIENT)
        running, kills = None, 0
        for number, part in enumerate(iter(lambda: list(itertools.islice(entries, PART)), [])):
            await journal.append(*part)
            while new := reader.read(stored[0]):  # the journal joins what is appended together
                for at, entry in new:
                    if isinstance(entry, SampleBatch):
                        store.write(at, entry)
                kept += new
                stored[0] = at
            if running and number % 4 == 1:
                server.kill()
            elif running and number % 4 == 2:
                server.start_again()
                kills += 1
            if number % 4 == 3:  # the journal is trimmed, and the first time nothing was mirrored yet
                await journal.trim(Position(store.flush(everything=True)))
                running = running or asyncio.create_task(mirror.run())
        server.kill()
        retries = mirror.counts.retries
        async with asyncio.timeout(LIMIT_S):
            while mirror.counts.retries == retries and mirror.position < stored[0]:  # noqa: ASYNC110  on another thread
                await asyncio.sleep(0.01)
        server.start_again()
        kills += 1
        async with asyncio.timeout(LIMIT_S):
            while mirror.position < stored[0]:  # noqa: ASYNC110  what it waits for happens on another thread
                await asyncio.sleep(0.01)
        assert running is not None
        running.cancel()
        await asyncio.wait([running])
        times = np.concatenate([np.array(entry.time_ns) for _, entry in kept if isinstance(entry, SampleBatch)])
        start_ns, end_ns = int(times.min()), int(times.max()) + HOUR_NS
        check = MirrorCheck(SITE, rendering, CountedPoints(server))
        checked = check.compare(tags, start_ns, end_ns)
        server.answer = lambda _: TAKEN
        with InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame")) as writer:

            def write(lines: Lines):
                return writer.write(lines)

            check.fill(checked.differences, write, clear=False)
        again = check.compare(tags, start_ns, end_ns)
        points = server.points()
    return Day(
        sum(len(entry) for _, entry in kept if isinstance(entry, SampleBatch | TextBatch)),
        points,
        expected_points(tags, unit_of, kept),
        len(checked.differences),
        len(moods.forgotten),
        not again.differences,
        mirror.counts.missed_entries,
        moods.seen | {"killed": kills},
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        began_s, cpu_s = time.monotonic(), time.process_time()
        day = asyncio.run(through_a_bad_server(Path(directory), float(sys.argv[1])))
        print(f"{day.rows} rows, {len(day.points)} points: equal: {day.points == day.expected}, {day.misbehaved}")
        print(
            f"forgotten lines {day.forgotten_lines}, found in {day.found_forgotten} hours of a tag, alike after: {day.alike_after}"
        )
        print(
            f"missed entries {day.missed_entries}; {time.process_time() - cpu_s:.1f} s CPU, {time.monotonic() - began_s:.1f} s"
        )
