"""Backups in their parts: what is held, what a full disk leaves, a service that is stopped, either database."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from domain.entries import GapCause, Heartbeat, Position
from domain.errors import DamagedFile, Refused, RetryLater
from domain.samples import SampleBatch
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.view import HistoryView
from records.address import Server
from records.copying import copy_server, load_server, standing_of
from records.database import SqlRecords
from service.backup import holding, taking
from service.backup.holding import Trimming, held
from service.backup.restored import demand_whole, gaps_since
from service.backup.restoring import check_backup, restore
from service.backup.taking import take_backup
from service.config.build import load
from service.files import Files
from service.storing import StoreFollower
from tests.acceptance.service.running import until
from tests.checks.records import action, finding, notice, phase, transition

SECOND_NS = 10**9
ENTRIES = 200


def batch(number: int) -> SampleBatch:
    start_ns = number * SECOND_NS
    times = start_ns + np.arange(50, dtype=np.int64) * 20_000_000
    tags, status = np.zeros(50, np.uint32), np.zeros(50, np.uint32)
    return SampleBatch("floor", start_ns + SECOND_NS, tags, times, None, np.arange(50.0) + number, status)


def configured(folder: Path, records: str = ""):
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    (folder / "recipes" / "none.yaml").write_text("recipes: {}\n")
    (folder / "secret").write_text("s3cret")
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: north
include: [recipes/*.yaml]
sources: {{floor: {{mqtt: {{url: "mqtt://127.0.0.1:1", topics: [plant/#], user: us, password_file: secret}}}}}}
tags: {{T7: {{source: floor, topic: plant/t7}}}}
{records}
"""
    )
    return load(file)


async def filled(configuration, judged: int = ENTRIES // 2) -> None:
    """A data folder whose judge and store are behind the journal's end, as they are at any moment."""
    files = Files(configuration.data).made()
    journal = SqliteJournal.open(files.journal, flush_interval_s=0.001)
    with ChunkStore.open(files.history) as store:
        for number in range(ENTRIES):
            at = await journal.append(batch(number))
            if number < ENTRIES * 3 // 4:
                store.write(at, batch(number))
        store.flush(everything=True)
    await journal.append(Heartbeat("floor", ENTRIES * SECOND_NS, connected=True, heard_ns=ENTRIES * SECOND_NS - 5))
    journal.close()
    (files.certificates / "own").mkdir()
    (files.certificates / "own" / "thermowell.key.pem").write_text("key")
    (files.certificates / "own" / "thermowell.key.pem").chmod(0o600)
    with SqlRecords.open(files.records) as records, records.unit_of_work() as work:
        work.cursor("judging", Position(judged + 5))
        work.snapshot("judging", Position(judged), b"state")


def values_of(folder: Path) -> list[float]:
    journal = ReadOnlyJournal(folder / "journal.db")
    history = HistoryView(folder / "history", journal)
    history.refresh()
    found = history.read(0, 0, 2**62, versions=True).value.tolist()
    history.close()
    journal.close()
    return found


@pytest.fixture
async def site(tmp_path):
    configuration = configured(tmp_path / "site")
    await filled(configuration)
    return configuration


async def test_nothing_leaves_the_journal_while_a_backup_holds_it(tmp_path):
    lock = tmp_path / "lock"
    journal = SqliteJournal.open(tmp_path / "journal.db", flush_interval_s=0.001)
    reader = ReadOnlyJournal(tmp_path / "journal.db")
    flushes = 0

    class Store:
        def cursor(self):
            return Position(0)

        def write(self, at, batch):
            pass

        def flush(self, *, everything=False):
            nonlocal flushes
            flushes += 1
            return Position(10)

    following = StoreFollower(journal, Store(), lambda: Position(10), flush_every_s=0.01, trimming=Trimming(lock))
    with held(lock):
        for number in range(10):
            await journal.append(batch(number))
        running = asyncio.create_task(following.run())
        await asyncio.to_thread(until, lambda: flushes > 5, 10, 0.01)
        kept = len(reader.read(Position(0)))
    await asyncio.to_thread(until, lambda: not reader.read(Position(0)), 10, 0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    reader.close()
    journal.close()

    assert kept == 10


def may_trim(trimming: Trimming) -> bool:
    with trimming() as allowed:
        return allowed


def test_a_backup_that_hangs_is_passed_over_told_once_and_fails(tmp_path, caplog):
    times = iter([1000.0, 1599.0, 1600.0, 1630.0])
    trimming = Trimming(tmp_path / "lock", lambda: next(times))
    seen: list[bool] = []
    with (
        pytest.raises(RetryLater, match="no backup was made: it stood still for more than 10 min"),
        held(tmp_path / "lock"),
    ):
        seen.extend(may_trim(trimming) for _ in range(4))

    assert seen == [False, False, True, True]
    assert [record.message for record in caplog.records if "backup has not moved" in record.message] == [
        "a backup has not moved for 10 min: the journal is trimmed on, the backup fails"
    ]
    assert may_trim(trimming)


def test_a_backup_that_moves_holds_as_long_as_it_takes_and_the_next_one_is_not_blamed(tmp_path):
    now_s = 1000.0
    trimming = Trimming(tmp_path / "lock", lambda: now_s)
    with held(tmp_path / "lock") as hold:
        for step in range(20):
            now_s += 300
            os.utime(tmp_path / "lock", ns=(step, step))  # as `moved` does, whatever this disk's clock counts in
            assert not may_trim(trimming)
        hold.moved()

    (tmp_path / "lock").write_bytes(b"passed over")  # what an earlier one was told
    with held(tmp_path / "lock"):
        assert not may_trim(trimming)


async def test_every_piece_of_a_backup_says_that_it_moves(site, tmp_path, monkeypatch):
    steps, moved = ["taken"], []
    monkeypatch.setattr(holding.Hold, "moved", lambda _: moved.append(steps[-1]))
    await asyncio.to_thread(take_backup, site, tmp_path / "backup", step=steps.append)

    assert set(moved) == {"taken", "records", "history/state.db", "journal.db"}  # what comes then is not held


async def test_a_backup_that_was_passed_over_leaves_nothing_that_looks_whole(site, tmp_path):
    def hangs(step: str) -> None:
        if step == "journal.db":
            Files(site.data).trimming.write_bytes(b"passed over")

    with pytest.raises(RetryLater, match="it stood still"):
        await asyncio.to_thread(take_backup, site, tmp_path / "backup", step=hangs)

    assert not list(tmp_path.glob("backup*"))


def test_two_backups_at_once_are_refused(tmp_path):
    with held(tmp_path / "lock"), pytest.raises(RetryLater, match="another backup"), held(tmp_path / "lock", 0.0):
        pass


async def test_a_stopped_service_is_backed_up_and_restored_with_its_key_and_without_its_secrets(site, tmp_path):
    taken = take_backup(site, tmp_path / "backup")
    again = configured(tmp_path / "again")
    restored = restore(tmp_path / "backup", again)
    files = Files(again.data)
    key = files.certificates / "own" / "thermowell.key.pem"
    with closing(ReadOnlyJournal(files.journal)) as journal:
        gaps = gaps_since(files, journal.heartbeats(), ENTRIES * SECOND_NS + 77)

    assert taken.manifest.positions == {
        "journal": ENTRIES + 1, "history": ENTRIES * 3 // 4, "records.judging": ENTRIES // 2 + 5,
        "snapshot.judging": ENTRIES // 2,
    }  # fmt: skip
    assert values_of(again.data) == values_of(site.data)
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("key", 0o600)
    assert [line.endswith("/secret") for line in taken.manifest.not_in_it] == [True]
    assert "s3cret" not in "".join(p.read_text("latin1") for p in (tmp_path / "backup").rglob("*") if p.is_file())
    assert (tmp_path / "backup" / "configuration" / "recipes" / "none.yaml").exists()
    assert restored.proof.damages == ()
    assert [(gap.start_ns, gap.end_ns, gap.cause) for gap in gaps] == [
        (ENTRIES * SECOND_NS - 5, ENTRIES * SECOND_NS + 77, GapCause.RESTORED)
    ]


async def test_an_entry_that_left_the_journal_before_the_judge_had_it_is_noticed(site, tmp_path):
    with sqlite3.connect(site.data / "journal.db") as live:
        live.execute("DELETE FROM passing WHERE position = ?", (ENTRIES // 2 + 20,))
    live.close()

    with pytest.raises(RetryLater, match="1 entries after 100 had left the journal"):
        take_backup(site, tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]


async def test_a_judge_ahead_of_the_journal_is_noticed(site, tmp_path):
    with SqlRecords.open(site.data / "records.db") as records, records.unit_of_work() as work:
        work.cursor("judging", Position(ENTRIES + 50))

    with pytest.raises(RetryLater, match="judging stands at 250, and the journal ends at 201"):
        take_backup(site, tmp_path / "backup")


async def test_a_disk_without_room_is_refused_before_anything_is_written(site, tmp_path, monkeypatch):
    full = shutil._ntuple_diskusage(10**12, 10**12 - 10**6, 10**6)
    monkeypatch.setattr(taking.shutil, "disk_usage", lambda _: full)

    with pytest.raises(Refused, match="has 1000000 bytes free, and needs about"):
        take_backup(site, tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]


@contextmanager
def small_disk(folder: Path):
    """A file system of 256 kB; skipped where this user may not mount one."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here: a disk that fills while a backup is written is not tried")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_fills_meanwhile_leaves_nothing_that_looks_whole(site, tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    monkeypatch.setattr(taking, "_bytes_of", lambda _: -taking._SPARE_BYTES)  # nobody knew
    with small_disk(disk):
        with pytest.raises(RetryLater, match=r"no backup was made: .*its disk is full"):
            take_backup(site, disk / "backup")

        assert list(disk.iterdir()) == []


async def test_a_folder_that_a_restore_left_half_is_neither_started_on_nor_restored_into(site, tmp_path, monkeypatch):
    take_backup(site, tmp_path / "backup")
    again = configured(tmp_path / "again")
    rename, renamed = os.rename, []

    def dies(source, target):
        if len(renamed) == 3:
            raise KeyboardInterrupt
        renamed.append(target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "backup", again)

    with pytest.raises(Refused, match="broken off"):
        demand_whole(Files(again.data))
    with pytest.raises(Refused, match="broken off"):
        restore(tmp_path / "backup", again)


async def test_a_flipped_bit_in_a_sealed_file_is_named_to_the_segment(site, tmp_path):
    with ChunkStore.open(site.data / "history") as store:
        store.seal()
    backup = take_backup(site, tmp_path / "backup").folder
    (sealed,) = (backup / "data" / "history").glob("[0-9]*.db")
    with sqlite3.connect(sealed) as file:
        columns = file.execute("SELECT columns FROM segment").fetchone()[0]
        file.execute("UPDATE segment SET columns = ?", (columns[:-1] + bytes([columns[-1] ^ 1]),))
    file.close()

    with pytest.raises(
        DamagedFile, match=r"(?s)SHA-256 is not the manifest's.*segment 1: tag 0.*does not match its hash"
    ):
        check_backup(backup)


def test_records_of_a_server_go_into_a_file_and_from_it_into_an_empty_database(postgres, tmp_path):
    with postgres.databases() as give:
        source, target = give(), give()
        with SqlRecords.open(source) as records:
            with records.unit_of_work() as work:
                work.findings([finding(), finding("f\x00\x1a2")])
                work.phases([phase()])
                work.transitions([transition()])
                work.notices([notice()])
                work.audit(action(), "shelved")
                work.cursor("judging", Position(3))
                work.snapshot("judging", Position(2), b"\x00state")
            token = records.add_person("Ada", "operator")
            assert records.lease("core").attempt()
        copy_server(source, tmp_path / "records.db")
        load_server(tmp_path / "records.db", target)
        with SqlRecords.open(tmp_path / "records.db") as file:
            in_file = (file.list_findings(None, None, None, 10), file.verify_audit())
        with SqlRecords.open(target) as records:
            assert (records.list_findings(None, None, None, 10), records.verify_audit()) == in_file
            assert records.snapshot_of("judging") == (2, b"\x00state")
            assert records.person_of(token) is not None
            assert records.lease("core").attempt()  # the first one's is not there
            with records.unit_of_work() as work:
                work.findings([finding("f3")])
                work.transitions([transition(number=2)])
            assert len(records.list_findings(None, None, None, 10)) == 3
        with pytest.raises(Refused, match="is not empty"):
            load_server(tmp_path / "records.db", target)

    assert standing_of(tmp_path / "records.db").cursors == {"judging": 3}


async def test_a_backup_with_records_on_a_server_is_restored_into_a_new_database(site, postgres, tmp_path):
    with postgres.databases() as give:
        told = [_told(give()) for _ in range(2)]
        first, second = configured(tmp_path / "site", told[0]), configured(tmp_path / "again", told[1])
        with SqlRecords.open(first.records) as records, records.unit_of_work() as work:
            work.cursor("judging", Position(9))
            work.snapshot("judging", Position(8), b"state")
            work.findings([finding()])
        take_backup(first, tmp_path / "backup")
        restore(tmp_path / "backup", second)
        with SqlRecords.open(second.records) as records:
            found = records.cursor_of("judging"), records.list_findings(None, None, None, 10)

    assert found == (9, [finding()])
    assert not (second.data / "records.db").exists()


def _told(server: Server) -> str:
    return (
        f"records: {{postgresql: {{host: {server.host}, port: {server.port}, database: {server.database}, "
        f"user: {server.user}, password_file: {server.password_file}}}}}"
    )
