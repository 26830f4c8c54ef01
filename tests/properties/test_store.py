"""Whatever is written in whatever order, and whenever it is sealed: the chunk store answers as the one in memory."""

import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain.entries import Position
from domain.ports import HistoryReader
from domain.samples import SampleBatch
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from historian.memory import MemoryStore
from historian.verify import verify
from historian.view import HistoryView
from tests.checks.store import NAN, T0_NS, S, batch
from tests.unit.historian.chunks.rigs import ListedJournal

POLICY = Policy(
    rows_per_chunk=6, settle_ns=3 * S, check_every_ns=0, patches_allowed=2, future_limit=4, waiting_limit=60
)
MONTH_END_S = 1_761_955_200 - T0_NS // S  # the rows lie around the end of a month

TAGS = 3
tags = st.integers(0, TAGS - 1)
seconds = st.one_of(
    st.integers(MONTH_END_S - 12, MONTH_END_S + 12), st.sampled_from([0, MONTH_END_S, MONTH_END_S + 90_000])
)
values = st.sampled_from([1.0, 2.0, 0.1, 0.30000000000000004, 0.0, -0.0, NAN, float("inf"), 1e300, -1e300, 5e-324])
codes = st.sampled_from([0, 0, 0, 0x480, 0x4000_0000, 0x8000_0000, 0x8031_0000])
samples = st.tuples(tags, seconds, values, codes)
entries = st.lists(samples, max_size=14)
STRETCHES = ((MONTH_END_S - 20, MONTH_END_S + 20), (MONTH_END_S - 5, MONTH_END_S + 3), (-1, MONTH_END_S + 100_000))


class StoreMachine(RuleBasedStateMachine):
    """Writes, seals, compacts, checkpoints, crashes; after each step all three histories are asked."""

    @initialize()
    def start(self) -> None:
        self.scratch = tempfile.TemporaryDirectory()
        self.directory = Path(self.scratch.name) / "history"
        self.memory = MemoryStore()
        self.store = ChunkStore.open(self.directory, policy=POLICY)
        self.journal = ListedJournal()
        self.view = HistoryView(self.directory, self.journal)
        self.written: list[tuple[Position, SampleBatch]] = []
        self.at = 0
        self.steps = 0

    @rule(rows=entries, later_s=st.integers(0, 6), skipped=st.integers(0, 2))
    def write(self, rows: list[tuple[int, int, float, int]], later_s: int, skipped: int) -> None:
        self.at += 1 + skipped
        received_s = MONTH_END_S - 8 + len(self.written) + later_s
        self._put(batch(*rows, received_s=received_s))

    @rule(number=st.integers(0, 20))
    def send_again(self, number: int) -> None:
        if self.written:
            self.at += 1
            self._put(self.written[number % len(self.written)][1])

    @rule(number=st.integers(0, 40), corrections=st.lists(st.tuples(values, codes), min_size=1, max_size=3))
    def correct(self, number: int, corrections: list[tuple[float, int]]) -> None:
        """Rows for a tag and a time that are there already."""
        known = [entry for _, entry in self.written if len(entry)]
        if known:
            self.at += 1
            entry = known[number % len(known)]
            row = number % len(entry)
            tag, second = int(entry.tag[row]), (int(entry.time_ns[row]) - T0_NS) // S
            self._put(batch(*((tag, second, value, code) for value, code in corrections)))

    @rule(how=st.sampled_from(["flush", "checkpoint", "seal", "seal", "compact", "crash", "refresh"]))
    def maintain(self, how: str) -> None:
        if how == "flush":
            self.store.flush()
        elif how == "checkpoint":
            self.journal.trim(self.store.flush(everything=True))
        elif how == "seal":
            self.store.seal()
        elif how == "compact":
            self.store.compact()
        elif how == "crash":
            self._crash()
        else:
            self.view.refresh()

    def _crash(self) -> None:
        """What is after the cursor is written again, as the service does."""
        self.store.close()
        self.store = ChunkStore.open(self.directory, policy=POLICY)
        for at, entry in self.written:
            if at > self.store.cursor():
                self.store.write(at, entry)

    @invariant()
    def the_store_answers_as_memory(self) -> None:
        self.steps += 1
        compare(self.memory, self.store, self.at, STRETCHES[self.steps % 3])
        assert sum(self.memory.counts().values()) == sum(self.store.counts().values())

    @invariant()
    def the_view_answers_as_memory(self) -> None:
        self.view.refresh()
        compare(self.memory, self.view, self.at, STRETCHES[self.steps % 3])

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.store.seal()
        compare(self.memory, self.store, self.at, *STRETCHES)
        assert self.store.counts() == self.memory.counts()
        self.view.close()
        self.store.close()
        report = verify(self.directory.parent)
        assert report.is_sound, [str(damage) for damage in report.damages]
        assert report.rows == self.memory.counts()["stored"]
        self.scratch.cleanup()

    def _put(self, entry: SampleBatch) -> None:
        at = Position(self.at)
        self.written.append((at, entry))
        self.journal.put(at, entry)
        self.memory.write(at, entry)
        self.store.write(at, entry)


def compare(expected: HistoryReader, found: HistoryReader, last: int, *stretches: tuple[int, int]) -> None:
    """Every kind of question, with and without `as_of`."""
    for tag in range(TAGS):
        for start_s, end_s in stretches:
            start_ns, end_ns = T0_NS + start_s * S, T0_NS + end_s * S
            for as_of in (None, Position(last // 2)):
                for versions in (False, True):
                    for limit in (None, 4):
                        same(
                            expected.read(tag, start_ns, end_ns, as_of=as_of, versions=versions, limit=limit),
                            found.read(tag, start_ns, end_ns, as_of=as_of, versions=versions, limit=limit),
                        )
                same(
                    expected.aggregate(tag, start_ns, end_ns, 7, as_of=as_of),
                    found.aggregate(tag, start_ns, end_ns, 7, as_of=as_of),
                )
                same(expected.at_time(tag, end_ns, as_of=as_of), found.at_time(tag, end_ns, as_of=as_of))
    same(expected.latest(), found.latest())


def same(one: object, other: object) -> None:
    """Equal in every array; values to the bit, figures of buckets as numbers (0.0 and -0.0 are one minimum)."""
    assert type(one) is type(other)
    for field in fields(one):  # type: ignore[arg-type]
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "value":
            mine, theirs = mine.view(np.int64), theirs.view(np.int64)
        if isinstance(mine, np.ndarray):
            assert np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"), (field.name, mine, theirs)
        else:
            assert mine == theirs, field.name


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=25,
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
