"""Whether what is stored is what was written: hashes, chains, the ledger's sums, the audit trail."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from historian.journal.reader import ReadOnlyJournal
from historian.verify import Report, verify
from records.audit import AuditHead, KeptHead
from records.database import SqlRecords
from service.files import Files


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what is damaged, each with its place."""

    record: Report
    audit: AuditHead
    damages: tuple[str, ...]

    def __str__(self) -> str:
        record = self.record
        return (
            f"{record.rows} rows in {record.segments} segments, {record.waiting} rows waiting, "
            f"audit trail of {self.audit.records} entries: {len(self.damages)} damages"
        )


def prove(files: Files, records: SqlRecords, heads: Sequence[KeptHead] = ()) -> Proof:
    """Look at all of it; it may be in use. DamagedFile: the audit trail is not as it was written."""
    report = verify(files.data)
    with closing(ReadOnlyJournal(files.journal)) as journal:
        unaccounted = [
            f"{files.journal}: source {line.source!r}: {line.unaccounted} samples are unaccounted for"
            for line in journal.ledger()
            if line.unaccounted
        ]
    return Proof(report, records.verify_audit(heads), (*map(str, report.damages), *unaccounted))
