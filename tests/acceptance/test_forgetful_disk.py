"""Power cuts: what was acknowledged is there afterwards, on a disk that forgets everything that was not synced.

SIGKILL proves nothing of that, because the operating system keeps what a killed process wrote. The same test with
`synchronous=NORMAL` must lose acknowledged entries: else it could not find anything.
"""

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

apsw = pytest.importorskip("apsw", reason="apsw is not installed: the journal is not tried on a disk that forgets")

from domain.entries import START, Entry, Gap, GapCause, Position  # noqa: E402 - after apsw is known to be there
from domain.errors import RetryLater, ThermowellError  # noqa: E402
from domain.ports import Delivery  # noqa: E402
from domain.samples import SampleBatch  # noqa: E402
from historian.journal import SqliteJournal  # noqa: E402
from historian.journal.following import DiskReader  # noqa: E402
from historian.journal.schema import Rows, SqlValue  # noqa: E402
from tests.checks.journal import samples  # noqa: E402
from tests.forgetful import Disk, ForgetfulVfs  # noqa: E402

CUTS = 300
_VFS_NUMBERS = count()


class Plain:
    """An apsw connection on a forgetful disk; alone on its file, because such a disk has no shared memory."""

    def __init__(self, path: str, vfs: str) -> None:
        self._apsw = apsw.Connection(path, vfs=vfs)
        self._apsw.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()

    def execute(self, statement: str, values: Sequence[SqlValue] = ()) -> Rows:
        return self._apsw.execute(statement, values)

    def executemany(self, statement: str, values: Sequence[Sequence[SqlValue]]) -> object:
        return self._apsw.executemany(statement, values)

    def close(self) -> None:
        self._apsw.close()

    @property
    def in_transaction(self) -> bool:
        return self._apsw.in_transaction


class Careless(Plain):
    """Says that it syncs every commit, and does not."""

    def execute(self, statement: str, values: Sequence[SqlValue] = ()) -> Rows:
        if statement == "PRAGMA synchronous = 2":
            return super().execute("PRAGMA synchronous = NORMAL")
        if statement == "PRAGMA synchronous":
            return super().execute("SELECT 2")
        return super().execute(statement, values)


@dataclass
class Machine:
    """A machine whose power fails again and again while it journals; knows what was acknowledged."""

    path: Path
    connection: type[Plain]
    chance: random.Random
    disk: Disk = field(default_factory=Disk)
    sent: int = 0
    rows: dict[int, int] = field(default_factory=dict)
    acknowledged: list[int] = field(default_factory=list)
    may_be_trimmed: int = 0  # the samples of deliveries up to this number

    def live_until_the_power_fails(self) -> None:
        self.disk.operations = self.chance.choice([self.chance.randrange(60), self.chance.randrange(600)])
        vfs = ForgetfulVfs(f"forgetful-{next(_VFS_NUMBERS)}", self.disk)
        try:
            journal = SqliteJournal.open(
                self.path,
                flush_interval_s=0.0,
                connect=lambda path: self.connection(path, vfs.name),
            )
        except apsw.Error:
            pass  # it failed while the file was being opened
        else:
            self._journal_until_the_power_fails(journal)
            journal.close()
        finally:
            vfs.unregister()
        self.disk = self.disk.after_power_cut(self.chance)

    def _journal_until_the_power_fails(self, journal: SqliteJournal) -> None:
        while journal.health().problem is None:
            settled = threading.Event()
            for _ in range(self.chance.randrange(1, 4)):
                journal.submit(self._delivery(settled))
            while not settled.wait(0.001) and journal.health().problem is None:
                pass
            if self.chance.random() < 0.1:
                self._trim(journal)

    def _trim(self, journal: SqliteJournal) -> None:
        self.may_be_trimmed = max(self.acknowledged, default=0)
        with contextlib.suppress(ThermowellError):  # the power fails during it
            asyncio.run(journal.trim(journal.last()))

    def _delivery(self, settled: threading.Event) -> Delivery:
        self.sent = number = self.sent + 1

        def acknowledge() -> None:
            self.acknowledged.append(number)
            settled.set()

        self.rows[number] = self.chance.choice([1, 40, 400])
        batch = samples([float(number)] * self.rows[number])
        gap = Gap(str(number), "train1", None, number, None, GapCause.UNKNOWN)
        entries: list[Entry] = [batch, gap] if number % 3 == 0 else [batch]
        return Delivery("train1", entries, len(batch), acknowledge)

    def found(self) -> list[tuple[Position, Entry]]:
        """Everything that the journal holds now."""
        vfs = ForgetfulVfs(f"forgetful-{next(_VFS_NUMBERS)}", self.disk)
        reader = DiskReader(self.path, lambda path: self.connection(path, vfs.name))
        found: list[tuple[Position, Entry]] = []
        try:
            reader.open()
        except RetryLater:  # the power failed before there were tables
            vfs.unregister()
            return []
        try:
            while some := reader.after(found[-1][0] if found else START, 500):
                found += some
        finally:
            reader.close()
            vfs.unregister()
        return found


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that many cuts fall into one."""
    monkeypatch.setattr("historian.journal.schema.CHECKPOINT_PAGES", 40)
    monkeypatch.setattr("historian.journal.committer._REMEMBER_COMMITS", 5)


def lost(machine: Machine) -> list[int]:
    """The acknowledged deliveries of which something is missing."""
    found = machine.found()
    rows = Counter(value for _, entry in found if isinstance(entry, SampleBatch) for value in entry.value.tolist())
    gaps = {int(entry.id) for _, entry in found if isinstance(entry, Gap)}
    return [
        number
        for number in machine.acknowledged
        if (number > machine.may_be_trimmed and rows[number] != machine.rows[number])
        or (number % 3 == 0 and number not in gaps)
    ]


def test_no_acknowledged_entry_is_lost_in_hundreds_of_power_cuts(tmp_path: Path):
    machine = Machine(tmp_path / "journal.db", Plain, random.Random(3))
    for cut in range(1, CUTS + 1):
        machine.live_until_the_power_fails()
        if cut % 10 == 0:
            assert lost(machine) == []

    positions = [position for position, _ in machine.found()]
    assert len(machine.acknowledged) > 10 * CUTS
    assert positions == sorted(set(positions))


def test_without_the_sync_of_each_commit_acknowledged_entries_are_lost(tmp_path: Path):
    machine = Machine(tmp_path / "journal.db", Careless, random.Random(3))
    losses = 0
    for _ in range(30):
        machine.live_until_the_power_fails()
        losses += len(lost(machine))
        machine.acknowledged.clear()

    assert losses > 0
