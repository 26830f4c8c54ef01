"""Takes a backup of the whole data folder, of one moment, while the service runs or while it does not.

The order makes it one moment. Trimming is held, so that the journal keeps whatever comes after the oldest cursor. Then
come the records (their cursors are the low mark), the store's state, a snapshot of each sealed file, and at last the
journal: every cursor in the backup is at or before the end of its journal, and nothing between is missing, which is
counted. Then trimming goes on, and the sealed files, most of the bytes, are copied from their snapshots.
"""

import contextlib
import logging
import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson

from domain.audit import AuditEntry
from domain.entries import START, Position
from domain.errors import Refused, RetryLater, ThermowellError
from domain.time import format_time
from historian.chunks.copying import allow_for_rows_up_to, format_and_cursor
from historian.chunks.reading import period_paths
from historian.chunks.state import STATE_NAME
from historian.durable import sync_folder
from historian.journal.copying import copy_journal, missing_after
from historian.journal.schema import FORMAT as JOURNAL_FORMAT
from records.address import Server
from records.copying import Standing, copy_server, forget_holder, standing_of
from records.schema import FORMAT as RECORDS_FORMAT
from service.backup import contents
from service.backup.holding import Hold, held
from service.backup.manifest import FORMAT, Manifest, sealed_files, write_manifest
from service.backup.pages import Pace, Snapshot, copy_file, nobody_waits
from service.config.build import Configuration
from service.files import Files
from service.judging import NAME as JUDGING
from service.keeping import address_of, machine_user, open_records
from service.version import VERSION

log = logging.getLogger(__name__)

_UNFINISHED = "unfinished"
_SPARE_BYTES = 16_000_000

Step = Callable[[str], None]
"""Called before each step with what comes next."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished backup."""

    folder: Path
    manifest: Manifest
    held_s: float  # how long nothing could leave the journal
    took_s: float


def nothing_told(_: str) -> None:
    """Nobody listens."""


def take_backup(
    configuration: Configuration, target: Path, *, bytes_per_s: float = 64e6, step: Step = nothing_told
) -> Taken:
    """Write a backup into a new folder. Refused or RetryLater: there is none then, and nothing that looks like one."""
    target = target.absolute()
    if target.exists():
        raise Refused(f"{target} exists already: each backup has a folder of its own")
    files = Files(configuration.data)
    if not files.journal.exists():
        raise Refused(f"{files.data} has no journal: there is nothing to back up")
    begun_s = time.monotonic()
    with _work_folder(target, files) as work:
        copying = _Copying(configuration, files, work, Pace(bytes_per_s), step)
        manifest = copying.run()
        (work / _UNFINISHED).unlink()
        write_manifest(work, manifest)
        work.rename(target)
        sync_folder(target.parent)
    taken = Taken(target, manifest, copying.held_s, time.monotonic() - begun_s)
    _note(files, taken)
    _audit(configuration, taken)
    return taken


@contextlib.contextmanager
def _work_folder(target: Path, files: Files) -> Iterator[Path]:
    """A folder beside the target, that goes where anything fails; one that a killed backup left is replaced."""
    work = target.with_name(target.name + ".partial")
    if (work / _UNFINISHED).exists():
        shutil.rmtree(work)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work.mkdir(mode=0o700)
    except OSError as error:
        raise Refused(f"cannot make {work}: {error.strerror}") from error
    try:
        (work / _UNFINISHED).touch()
        yield work
    except (OSError, sqlite3.Error) as error:
        free = shutil.disk_usage(work).free
        why = f"its disk is full ({error})" if free < _SPARE_BYTES // 16 else str(error)
        raise RetryLater(f"no backup was made: {work}: {why}; {files.data} takes {_bytes_of(files)} bytes") from error
    finally:
        if work.exists():
            shutil.rmtree(work, ignore_errors=True)


def _bytes_of(files: Files) -> int:
    """About what a backup takes."""
    return sum(
        path.stat().st_size for path in files.data.rglob("*") if path.is_file() and files.run not in path.parents
    )


@dataclass(slots=True)
class _Copying:
    """One backup, under way."""

    configuration: Configuration
    files: Files
    work: Path
    pace: Pace
    step: Step
    held_s: float = 0.0
    moment_ns: int = 0  # before the journal's last transaction

    def run(self) -> Manifest:
        """Copy everything; what is to be said of it."""
        needed, free = _bytes_of(self.files), shutil.disk_usage(self.work).free
        if needed + _SPARE_BYTES > free:
            raise Refused(f"no backup was made: {self.work} has {free} bytes free, and needs about {needed}")
        _allow_many_files()
        (self.work / contents.HISTORY).mkdir(parents=True, mode=0o700)
        self.files.run.mkdir(exist_ok=True, mode=0o750)
        with ExitStack() as snapshots:
            sealed, last, standing = self._of_one_moment(snapshots)
            for snapshot in sealed:
                self.step(f"history/{snapshot.path.name}")
                snapshot.copy(self.work / contents.HISTORY / snapshot.path.name, self.pace)
        self._copy_plain()
        return self._manifest(last, standing)

    def _of_one_moment(self, snapshots: ExitStack) -> tuple[list[Snapshot], Position, Standing]:
        """All that has positions; the sealed files as snapshots that are still to be copied."""
        with held(self.files.trimming) as hold:
            self.pace.went_on = hold.moved
            begun_s = time.monotonic()
            standing = self._copy_records()
            state = self.files.history / STATE_NAME
            if state.exists():
                self.step("history/state.db")
                with Snapshot(state) as one:
                    one.copy(self._state, self.pace)
            sealed = [snapshots.enter_context(Snapshot(path)) for path in period_paths(self.files.history)]
            sealed = [one for one in sealed if not one.is_empty]  # being made just now: the journal has its rows
            self.step("journal.db")
            copy = self.work / contents.JOURNAL
            self.moment_ns = time.time_ns()
            last = copy_journal(self.files.journal, copy, lambda: self._copied_some(copy, hold))
            self.pace.went_on = nobody_waits
            self.held_s = time.monotonic() - begun_s
        _sync(copy)
        self._demand_whole(standing, last)
        if self._state.exists():
            allow_for_rows_up_to(self._state, last)
            _sync(self._state)
        return sealed, last, standing

    def _copied_some(self, journal: Path, hold: Hold) -> None:
        _sync(journal)
        hold.moved()
        self.moment_ns = time.time_ns()

    @property
    def _state(self) -> Path:
        return self.work / contents.HISTORY / STATE_NAME

    def _copy_records(self) -> Standing:
        self.step("records")
        address, copy = address_of(self.configuration), self.work / contents.RECORDS
        if isinstance(address, Server):
            copy_server(address, copy, self.pace.went_on)
        elif address.exists():
            with Snapshot(address) as one:
                one.copy(copy, self.pace)
        else:
            raise Refused(f"{address} is not there: the service has never run on this data folder")
        forget_holder(copy)
        _sync(copy)
        return standing_of(copy)

    def _demand_whole(self, standing: Standing, last: Position) -> None:
        """No cursor ahead of the journal, and no entry missing behind the oldest that must go on from it."""
        faults = position_faults(self.work / contents.DATA, standing, last)
        if faults:
            raise RetryLater(f"no backup was made: {'; '.join(faults)}")

    def _copy_plain(self) -> None:
        self.step("certificates, models, configuration")
        for folder in contents.plain_folders(self.files):
            for path in sorted(folder.rglob("*")) if folder.exists() else ():
                if path.is_file():
                    self._copy_one(path, f"{contents.DATA}/{path.relative_to(self.files.data)}")
        for path, place in contents.configuration_files(self.configuration):
            if path.is_file():
                self._copy_one(path, place)

    def _copy_one(self, path: Path, place: str) -> None:
        target = self.work / place
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy_file(path, target, self.pace)

    def _manifest(self, last: Position, standing: Standing) -> Manifest:
        self.step("sums")
        history_format, cursor = format_and_cursor(self._state)
        return Manifest(
            format=FORMAT,
            program=VERSION,
            site=self.configuration.site,
            moment_ns=self.moment_ns,
            taken=format_time(self.moment_ns),
            simulated=self.configuration.clock is not None,
            formats={"journal": JOURNAL_FORMAT, "history": history_format, "records": standing.format},
            positions={
                "journal": last,
                "history": cursor,
                **{f"records.{name}": at for name, at in standing.cursors.items()},
                **{f"snapshot.{name}": at for name, at in standing.snapshots.items()},
            },
            records="sqlite" if self.configuration.records is None else "postgresql",
            not_in_it=contents.left_out(self.configuration),
            files=tuple(file for file in sealed_files(self.work) if file.path != _UNFINISHED),
        )


def position_faults(data: Path, standing: Standing, last: Position) -> list[str]:
    """Why copies do not belong together: a cursor beyond the journal's end, or entries missing after one."""
    _, stored = format_and_cursor(data / "history" / STATE_NAME)
    cursors = {"history": stored, **standing.cursors}
    faults = [f"{name} stands at {at}, and the journal ends at {last}" for name, at in cursors.items() if at > last]
    # The judge goes on from its snapshot. A mirror may be behind: its rows then come from the record.
    low = Position(min(stored, standing.snapshots.get(JUDGING, START)))
    if missing := missing_after(data / "journal.db", low):
        faults.append(f"{missing} entries after {low} had left the journal")
    return faults


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _allow_many_files() -> None:
    """Each sealed file is open, with its log, until it is copied."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _audit(configuration: Configuration, taken: Taken) -> None:
    """Put the backup into the audit trail; that the records cannot be had just now is no reason to fail.

    Records of another release are left as they are: to open them would migrate them below their service.
    """
    if taken.manifest.formats["records"] != RECORDS_FORMAT:
        return
    now_ns = time.time_ns()
    what = f"taken as of {taken.manifest.taken}, {len(taken.manifest.files)} files"
    entry = AuditEntry(f"backup {now_ns}", now_ns, machine_user(), "backup", taken.folder.name, what, origin="cli")
    try:
        with open_records(configuration) as records:
            records.audit(entry)
    except ThermowellError as error:
        log.warning("the backup is made, but the audit trail does not say so: %s", error)


def _note(files: Files, taken: Taken) -> None:
    """Write down when the newest backup was, for who asks; that this cannot be written is no reason to fail."""
    told = {"moment_ns": taken.manifest.moment_ns, "folder": str(taken.folder), "bytes": taken.manifest.size}
    new = files.backed_up.with_suffix(".new")
    try:
        new.write_bytes(orjson.dumps(told))
        new.replace(files.backed_up)
    except OSError as error:
        log.warning("the backup is made, but %s cannot be written: %s", files.backed_up, error)
