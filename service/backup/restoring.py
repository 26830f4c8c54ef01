"""Puts a backup into an empty data folder: every file is proved before any is in place."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from domain.audit import AuditEntry
from domain.errors import DamagedFile, NewerFormat, Refused
from historian.chunks.database import FORMAT_VERSION as HISTORY_FORMAT
from historian.durable import sync_folder
from historian.journal.reader import ReadOnlyJournal
from historian.journal.schema import FORMAT as JOURNAL_FORMAT
from historian.verify import verify
from records.address import Server
from records.audit import RESTORE
from records.copying import load_server, standing_of
from records.database import SqlRecords
from records.schema import FORMAT as RECORDS_FORMAT
from service.backup import contents
from service.backup.manifest import Manifest, faults_of, read_manifest, sum_of
from service.backup.pages import Pace, copy_file
from service.backup.restored import write_mark
from service.backup.taking import nothing_told, position_faults
from service.config.build import Configuration
from service.files import Files
from service.keeping import machine_user, open_records
from service.proving import Proof, prove

log = logging.getLogger(__name__)

_KNOWN = {"journal": JOURNAL_FORMAT, "history": HISTORY_FORMAT, "records": RECORDS_FORMAT}
_NO_LIMIT = 1e12
_MOUNTS_OWN = "lost+found"  # what a file system has of itself


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put in place, and what proved it."""

    manifest: Manifest
    proof: Proof


def check_backup(backup: Path) -> Manifest:
    """Prove a backup file by file. DamagedFile names each that is not as written; NewerFormat: by a newer program."""
    manifest = read_manifest(backup)
    for name, known in _KNOWN.items():
        if manifest.formats.get(name, 0) > known:
            raise NewerFormat(f"{backup}: {name} has format {manifest.formats[name]}; this program knows up to {known}")
    faults = faults_of(backup, manifest.files)
    if any(fault.startswith(f"{contents.HISTORY}/") for fault in faults):
        faults += [f"{contents.HISTORY}/{damage}" for damage in verify(backup / contents.DATA).damages]
    if faults:
        raise DamagedFile(f"{backup} is damaged, nothing was restored:\n" + "\n".join(f"  {fault}" for fault in faults))
    return manifest


def restore(backup: Path, configuration: Configuration, step: Callable[[str], None] = nothing_told) -> Restored:
    """Restore into the configuration's data folder and database, which must be empty. Refused, DamagedFile.

    What fails leaves a folder that no service starts on, and that is empty but for what was not put in place.
    """
    backup = backup.absolute()
    files = Files(configuration.data)
    _demand_empty(files)
    step("the sums of the backup's files")
    manifest = check_backup(backup)
    try:
        _stage(backup, manifest, files, step)
        step("verify")
        proof = _check_stage(Files(files.restoring))
        if configuration.records is not None:
            step(f"the records into {configuration.records}")
            _load(files.restoring / files.records.name, configuration.records)
    except BaseException:
        shutil.rmtree(files.restoring, ignore_errors=True)
        raise
    _put_in_place(files)
    with closing(open_records(configuration)) as records:
        if records.verify_audit() != proof.audit:
            raise DamagedFile(f"{configuration.records or files.records}: the audit trail is not the backup's")
        records.audit(_told(backup, manifest, proof))
    return Restored(manifest, proof)


def _told(backup: Path, manifest: Manifest, proof: Proof) -> AuditEntry:
    """What the trail says of a restore: whatever was written after the backup is not in it."""
    now_ns = time.time_ns()
    what = f"restored as of {manifest.taken}; the trail goes on after record {proof.audit.records}"
    subject = backup.name
    return AuditEntry(
        f"restore {now_ns}", now_ns, machine_user(), RESTORE, subject, what, new=proof.audit.hash, origin="cli"
    )


def _demand_empty(files: Files) -> None:
    if files.restoring.exists():
        raise Refused(
            f"{files.data}: a restore was broken off here; empty the folder (and its database) and begin anew"
        )
    if files.data.exists() and (there := sorted(p.name for p in files.data.iterdir() if p.name != _MOUNTS_OWN)):
        raise Refused(f"{files.data} is not empty ({', '.join(there[:5])}): nothing is restored over what is there")


def _stage(backup: Path, manifest: Manifest, files: Files, step: Callable[[str], None]) -> None:
    """Copy what belongs to the data folder, and prove each copy: what was proved before was another reading."""
    files.data.mkdir(parents=True, exist_ok=True, mode=0o750)
    files.restoring.mkdir(mode=0o750)
    pace = Pace(_NO_LIMIT)
    for file in manifest.files:
        if not file.path.startswith(f"{contents.DATA}/"):
            continue
        step(file.path)
        target = files.restoring / Path(file.path).relative_to(contents.DATA)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        copy_file(backup / file.path, target, pace)
        if sum_of(target) != file.sha256:
            raise DamagedFile(f"{target} is not what {backup / file.path} was: nothing was restored")
    write_mark(files.restoring / files.restored.name, str(backup), manifest.moment_ns)
    for folder in (*(path for path in files.restoring.rglob("*") if path.is_dir()), files.restoring, files.data):
        sync_folder(folder)


def _check_stage(staged: Files) -> Proof:
    """The positions belong together, and all of it is what was written; nothing is in place yet."""
    with closing(ReadOnlyJournal(staged.journal)) as journal:
        last = journal.last()
    faults = position_faults(staged.data, standing_of(staged.records), last)
    with closing(SqlRecords.open(staged.records)) as records:
        proof = prove(staged, records)
    if faults := [*faults, *proof.damages]:
        raise DamagedFile("nothing was restored:\n" + "\n".join(faults))
    return proof


def _load(file: Path, server: Server) -> None:
    load_server(file, server)
    file.unlink()


def _put_in_place(files: Files) -> None:
    """Move everything, and at last let the folder that says that it is not all there go."""
    for path in sorted(files.restoring.iterdir()):
        os.rename(path, files.data / path.name)  # noqa: PTH104  both are plain paths
    sync_folder(files.data)
    files.restoring.rmdir()
    sync_folder(files.data)
