"""Folders of older programs are taken over with all that is in them; folders of newer ones are refused and left alone."""

import asyncio
import contextlib
import json
import sqlite3
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from detectors import snapshots
from domain.errors import NewerFormat
from historian.journal import ReadOnlyJournal
from historian.journal import schema as journal_schema
from historian.view import HistoryView
from records import schema as records_schema
from records.database import SqlRecords
from service.config.build import load
from service.core import opened, run_until
from service.files import Files
from service.judging import NAME as JUDGING
from service.parts import usual_parts
from tests.acceptance.service.running import ROOT
from tests.acceptance.upgrade.make import FOLDERS
from tests.patience import LIMIT_S

PACKED = sorted(FOLDERS.glob("*.tar.xz"))


def unpacked(packed: Path, folder: Path) -> dict[str, Any]:
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return json.loads((folder / "told.json").read_text())


async def run(folder: Path, *, until_judged: bool = True) -> None:
    """Today's core, until it has judged all that was in the journal and something of its own."""
    configuration = load(folder / "thermowell.yaml")
    files = Files(configuration.data).made()
    stop = asyncio.Event()
    with opened(configuration, files, usual_parts(configuration, files)) as core:
        last = core.journal.last()
        running = asyncio.ensure_future(run_until(core, stop))
        async with asyncio.timeout(LIMIT_S):
            while until_judged and not running.done() and core.records.cursor_of(JUDGING) <= last:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        stop.set()
        await running


def values(folder: Path) -> list[float]:
    journal = ReadOnlyJournal(folder / "data" / "journal.db")
    history = HistoryView(folder / "data" / "history", journal)
    history.refresh()
    (tag,) = journal.tags()
    found = history.read(tag.id, 0, 2**62, versions=True).value.tolist()
    history.close()
    journal.close()
    return found


def number_in(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def change(file: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(statement, values)
        connection.commit()


def content(data: Path) -> dict[str, list[str]]:
    """Every file of the folder as text."""
    found = {}
    for file in sorted(data.rglob("*.db")):
        with contextlib.closing(sqlite3.connect(file)) as connection:
            found[str(file.relative_to(data))] = [
                *connection.iterdump(),
                str(connection.execute("PRAGMA user_version").fetchall()),
            ]
    return found


BETWEEN = {4, 5, 6}
"""Formats of the records that came between two others within a day; each has its dump in `tests/unit/records/released`."""


def test_there_is_a_folder_of_each_older_format() -> None:
    together = sum(packed.stat().st_size for packed in PACKED)
    found = []
    for packed in PACKED:
        with tarfile.open(packed) as archive:
            file = archive.extractfile("told.json")
            assert file is not None
            found.append(json.loads(file.read()))

    assert {told["journal_format"] for told in found} >= set(range(1, journal_schema.FORMAT))
    assert {told["records_format"] for told in found} >= set(range(1, records_schema.FORMAT)) - BETWEEN
    assert {told["state_format"] for told in found} >= set(range(1, snapshots.FORMAT))
    assert together < 200_000


@pytest.mark.parametrize("packed", PACKED, ids=lambda packed: packed.name.partition(".")[0])
async def test_an_older_folder_is_taken_over_with_all_that_is_in_it(packed: Path, tmp_path: Path) -> None:
    told = unpacked(packed, tmp_path)
    before = sorted(values(tmp_path))

    await run(tmp_path)

    assert before == sorted(told["sent"]), "also before it is brought up"
    assert sorted(values(tmp_path)) == sorted(told["sent"])
    assert number_in(tmp_path / "data" / "journal.db") == journal_schema.FORMAT
    with SqlRecords.open(tmp_path / "data" / "records.db") as records:
        written = {(each.id, each.version) for each in records.written_versions()}
        said = {(each.id, each.number, each.what) for each in records.transitions(None, 10_000)}
        assert written >= {tuple(each) for each in told["findings"]}
        assert said >= {tuple(each) for each in told["transitions"]}
        assert sum(each.what == "acknowledged" for each in records.transitions("TT~high", 100)) == 1
        assert records.verify_audit().records >= told["audit"] >= 1
        assert {account.name for account in records.people.accounts()} == set(told["people"]) == {"Ada"}
        for name, position in told["cursors"]:
            assert records.cursor_of(name) >= position
        (alarm,) = records.alarms()
    assert alarm.subject == "TT"
    # Where a newer program's rules are other rules it is judged anew: then it has returned, until the next sample.
    assert not alarm.facts.acknowledged, "nobody has seen the alarm that stood, and it is still on the list"


NEWER = {
    "journal": ("data/journal.db", f"PRAGMA user_version = {journal_schema.FORMAT + 1}"),
    "record": ("data/history/state.db", "PRAGMA user_version = 2"),
    "records": (
        "data/records.db",
        f"UPDATE about SET value = '{records_schema.FORMAT + 1}' WHERE name = 'format'",
    ),
}


@pytest.fixture
async def todays(tmp_path: Path) -> Path:
    """A folder of this program."""
    unpacked(PACKED[-1], tmp_path)
    await run(tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", NEWER)
async def test_a_newer_file_is_refused_by_name_and_nothing_is_changed(todays: Path, what: str) -> None:
    name, statement = NEWER[what]
    change(todays / name, statement)
    before = content(todays / "data")

    with pytest.raises(NewerFormat, match=rf"{name}\b.*format \d"):
        await run(todays)

    assert content(todays / "data") == before


async def test_a_newer_state_of_the_detectors_is_refused_and_stays(todays: Path) -> None:
    records = todays / "data" / "records.db"
    with SqlRecords.open(records) as open_records:
        kept = open_records.snapshot_of(JUDGING)
        cursor = open_records.cursor_of(JUDGING)
    assert kept is not None
    newer = kept[1][:4] + struct.pack("<H", snapshots.FORMAT + 1) + kept[1][6:]
    change(records, "UPDATE snapshots SET state = ? WHERE name = 'judging'", newer)

    with pytest.raises(NewerFormat, match=f"the detectors' state has format {snapshots.FORMAT + 1}"):
        await run(todays)

    with SqlRecords.open(records) as open_records:
        assert open_records.snapshot_of(JUDGING) == (kept[0], newer)
        assert open_records.cursor_of(JUDGING) == cursor


def test_the_command_says_which_file_is_newer_and_is_not_to_be_started_again(tmp_path: Path) -> None:
    unpacked(PACKED[-1], tmp_path)
    journal = tmp_path / "data" / "journal.db"
    change(journal, "PRAGMA user_version = 99")
    command = [sys.executable, "-m", "service.cli", "run", "--config", str(tmp_path / "thermowell.yaml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT)

    assert done.returncode == 2
    assert f"thermowell: {journal} has format 99; this program knows" in done.stderr
