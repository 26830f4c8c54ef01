"""Findings in the database: every version is kept, and the newest of each is found at once."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select

from domain.entries import Position, RowPosition
from domain.findings import Finding, FindingId, Stage
from records.chunks import in_chunks
from records.tables import alarms_now, findings, findings_now, transitions

_OFF_DELAYS_KEPT = 16  # cleared findings per active alarm's subject that may still be within their off-delay


def write_findings(connection: Connection, given: Sequence[Finding]) -> None:
    """Add versions that are not there yet; one that is there stays as it is."""
    for chunk in in_chunks(given):
        ids = {finding.id for finding in chunk}
        known = connection.execute(select(findings.c.id, findings.c.version).where(findings.c.id.in_(ids)))
        there = {(row.id, row.version) for row in known}
        fresh = {
            (finding.id, finding.version): _to_row(finding)
            for finding in reversed(chunk)
            if (finding.id, finding.version) not in there
        }
        if fresh:
            # Of a version that is given twice the first stands, as it would one by one.
            connection.execute(insert(findings), list(reversed(fresh.values())))
            _point_at_newest(connection, {id_ for id_, _ in fresh})


def _point_at_newest(connection: Connection, ids: set[FindingId]) -> None:
    every = connection.execute(
        select(*(findings.c[name] for name in ("id", "sequence", "version", "subject", "stage", "onset_ns", "end_ns")))
        .where(findings.c.id.in_(ids))
        .order_by(findings.c.version)
    )
    newest = {row["id"]: dict(row) for row in every.mappings()}
    connection.execute(delete(findings_now).where(findings_now.c.id.in_(ids)))
    connection.execute(insert(findings_now), list(newest.values()))


def listed_findings(
    connection: Connection,
    start_ns: int | None,
    end_ns: int | None,
    subject: str | None,
    limit: int,
    before: str | None,
) -> list[Finding]:
    """The newest version of each finding that overlaps [start, end); what was concluded last comes first."""
    query = select(findings).join(findings_now, findings_now.c.sequence == findings.c.sequence)
    if start_ns is not None:
        query = query.where(or_(findings_now.c.end_ns.is_(None), findings_now.c.end_ns >= start_ns))
    if end_ns is not None:
        query = query.where(findings_now.c.onset_ns < end_ns)
    if subject is not None:
        query = query.where(findings_now.c.subject == subject)
    if before is not None:
        place = select(findings_now.c.sequence).where(findings_now.c.id == before).scalar_subquery()
        query = query.where(findings_now.c.sequence < place)
    query = query.order_by(findings_now.c.sequence.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(query).mappings()]


def findings_of_batch(connection: Connection, batch: str, limit: int) -> list[Finding]:
    """The newest version of each finding about a batch; what was concluded last comes first."""
    query = select(findings).join(findings_now, findings_now.c.sequence == findings.c.sequence)
    query = query.where(findings.c.batch == batch).order_by(findings.c.sequence.desc()).limit(limit)
    return [from_row(row) for row in connection.execute(query).mappings()]


def newest_sequence(connection: Connection) -> int:
    """The number of the row that was written last; 0 before the first."""
    return connection.execute(select(func.max(findings.c.sequence))).scalar() or 0


def versions_of(connection: Connection, id_: str) -> list[Finding]:
    """Every version of a finding, oldest first."""
    query = select(findings).where(findings.c.id == id_).order_by(findings.c.version)
    return [from_row(row) for row in connection.execute(query).mappings()]


def written_versions(connection: Connection, after: int, limit: int) -> list[tuple[int, Finding]]:
    """The next versions in the order of writing, each with its number."""
    query = select(findings).where(findings.c.sequence > after).order_by(findings.c.sequence).limit(limit)
    return [(row["sequence"], from_row(row)) for row in connection.execute(query).mappings()]


def findings_for_the_book(connection: Connection) -> list[Finding]:
    """The newest version of what is not cleared, and of what cleared lately under an active alarm; in written order."""
    newest = select(findings).join(findings_now, findings_now.c.sequence == findings.c.sequence)
    rows = list(connection.execute(newest.where(findings_now.c.stage != Stage.CLEARED)).mappings())
    active = (
        select(transitions.c.subject)
        .join(alarms_now, alarms_now.c.sequence == transitions.c.sequence)
        .where(transitions.c.active)
    )
    age = func.row_number().over(partition_by=findings_now.c.subject, order_by=findings_now.c.sequence.desc())
    cleared = (
        select(findings_now.c.sequence, age.label("age"))
        .where(findings_now.c.stage == Stage.CLEARED, findings_now.c.subject.in_(active))
        .subquery()
    )
    lately = select(findings).join(cleared, cleared.c.sequence == findings.c.sequence)
    rows += connection.execute(lately.where(cleared.c.age <= _OFF_DELAYS_KEPT)).mappings()
    return [from_row(row) for row in sorted(rows, key=lambda row: row["sequence"])]


def _to_row(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "version": finding.version,
        "rule": finding.rule,
        "subject": finding.subject,
        "stage": str(finding.stage),
        "onset_ns": finding.onset_ns,
        "end_ns": finding.end_ns,
        "at_ns": finding.at_ns,
        "entry": finding.detected.entry,
        "row": finding.detected.row,
        "message": finding.message,
        "unit": finding.unit,
        "batch": finding.batch,
        "phase": finding.phase,
        "phase_instance": finding.phase_instance,
        "ranges_version": finding.ranges_version,
        "rules_hash": finding.rules_hash,
        "evidence": json.dumps(dict(finding.evidence), ensure_ascii=False),
    }


def from_row(row: RowMapping) -> Finding:
    """A row as a finding."""
    return Finding(
        id=FindingId(row["id"]),
        version=row["version"],
        rule=row["rule"],
        subject=row["subject"],
        stage=Stage(row["stage"]),
        onset_ns=row["onset_ns"],
        end_ns=row["end_ns"],
        at_ns=row["at_ns"],
        detected=RowPosition(Position(row["entry"]), row["row"]),
        message=row["message"],
        unit=row["unit"],
        batch=row["batch"],
        phase=row["phase"],
        phase_instance=row["phase_instance"],
        ranges_version=row["ranges_version"],
        rules_hash=row["rules_hash"],
        evidence=json.loads(row["evidence"]),
    )
