"""A small plant's rows in the record, behind the HTTP interface; and the lines that the mirror has of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from api.app import create_app
from api.dependencies import Dependencies, TextRow
from api.stream import Feed
from domain.entries import TagDefined
from domain.equipment import UnitModel
from domain.ports import Person
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import DAY_NS, HOUR_NS, SECOND_NS, parse_time_ns
from historian.chunks.store import ChunkStore
from tests.fakes import JournalInMemory, RecordsInMemory, SetClock

SITE = "north plant"
START_NS = parse_time_ns("2026-03-01T00:00:00Z")
END_NS = START_NS + 3 * HOUR_NS
NOW_NS = END_NS + 600 * SECOND_NS
SWITCH_NS = parse_time_ns("2026-03-29T00:00:00Z")  # the night when the clocks of Berlin change
TOKEN = "token-of-ada"
BAD = 0x8031_0000

TAGS = [
    Tag(TagId(0), "u0", 1, "R1.TT", "train", "nsu=x;s=TT", unit="degC"),
    Tag(TagId(1), "u1", 1, "R1.PT", "train", "nsu=x;s=PT", unit="bar"),
    Tag(TagId(2), "u2", 1, "T7 level, raw", "train", "nsu=x;s=LT"),
    Tag(TagId(3), "u3", 1, "R2.XV=1", "train", "nsu=x;s=XV", kind="boolean"),
    Tag(TagId(4), "u4", 1, "R2.STEP", "train", "nsu=x;s=STEP", kind="text"),
    Tag(TagId(5), "u5", 1, "never", "train", "nsu=x;s=never"),
]
RULEBOOK = Rulebook(
    units={"R1": UnitModel("R1", {"TT": "R1.TT", "PT": "R1.PT"}), "R 2": UnitModel("R 2", {"XV": "R2.XV=1"})},
)


@dataclass
class Texts:
    """The texts of the one tag that has some."""

    rows: list[TextRow]

    def read(self, tag: int, start_ns: int, end_ns: int, limit: int) -> list[TextRow]:
        return [row for row in self.rows if tag == 4 and start_ns <= row.time_ns < end_ns][:limit]


def batches(seed: int = 1) -> list[SampleBatch]:
    """Steady and ragged rhythms, gaps, Bad rows with and without a value, equal values, and the night of the switch."""
    rng = np.random.default_rng(seed)
    steady = np.arange(START_NS, END_NS, 10 * SECOND_NS)
    ragged = np.sort(rng.choice(np.arange(START_NS, END_NS, 7 * SECOND_NS // 2), 400, replace=False))
    rare = np.sort(rng.choice(steady, 40, replace=False))
    night = np.arange(SWITCH_NS - 6 * HOUR_NS, SWITCH_NS + DAY_NS, 20 * 60 * SECOND_NS)
    made = []
    for tag, whole in ((0, steady), (1, ragged), (2, rare), (3, rare), (0, night)):
        times = whole[(whole < START_NS + HOUR_NS) | (whole > START_NS + HOUR_NS + 900 * SECOND_NS)]
        values = np.round(rng.normal(50, 10, len(times)) * 4) / 4
        status = np.zeros(len(times), np.uint32)
        if tag == 3:
            values = (values > 50).astype(float)
        elif tag == 1:
            status[rng.choice(len(times), 30, replace=False)] = BAD
            values[rng.choice(np.flatnonzero(status), 15, replace=False)] = np.nan
        made.append(SampleBatch("train", NOW_NS, np.full(len(times), tag, np.uint32), times, None, values, status))
    return made


def texts() -> list[TextRow]:
    return [TextRow(START_NS + k * 700 * SECOND_NS, ("heat", "hold", 'dose "B"')[k % 3], 0) for k in range(12)]


@contextmanager
def plant(folder: Path, *, simulated: bool = False) -> Iterator[Dependencies]:
    """The plant's record, part of it sealed and part of it young."""
    store = ChunkStore.open(folder / "history")
    journal, records, clock = JournalInMemory(), RecordsInMemory(), SetClock(NOW_NS, simulated=simulated)
    records.people = {TOKEN: Person("Ada", "viewer")}
    journal.put(*(TagDefined(tag, START_NS) for tag in TAGS))
    every = batches()
    for batch in every:
        half = len(batch) // 2
        for part in (batch.rows(slice(0, half)), batch.rows(slice(half, None))):
            store.write(journal.put(part), part)
        if batch is every[1]:
            store.flush(everything=True)
    feed = Feed(journal, records, clock)
    try:
        yield Dependencies(SITE, "0.1.0", clock, store, journal, records, feed, RULEBOOK, texts=Texts(texts()))
    finally:
        feed.shut()
        store.close()


def app_of(deps: Dependencies):
    return create_app(deps)
