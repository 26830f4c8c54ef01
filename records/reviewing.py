"""What the records have of one batch as of a position, for its review; and what people say of its findings."""

from dataclasses import asdict

from sqlalchemy import Connection, func, insert, or_, select

from domain.alarms import Transition
from domain.audit import AuditEntry
from domain.batch_report import Audited, Disposition
from domain.entries import Position
from domain.errors import Refused
from domain.findings import Finding
from domain.genealogy import BatchLink
from domain.review import SIGNED, Kept
from domain.signatures import Signature
from records.audit import write_audit
from records.batches import links_of, listed_told
from records.chunks import in_chunks
from records.cursors import cursor_of
from records.findings import from_row as finding_from_row
from records.judged import Known, known_at, noted_since
from records.phases import known_phases_of
from records.signatures import signatures_of
from records.tables import audit, batch_links, dispositions, findings, transitions
from records.transitions import from_row as transition_from_row

JUDGING = "judging"
"""The cursor of the judge: a report knows what was judged up to there."""

MOST_ROWS = 50_000
"""Of versions of findings, and of transitions: a report that left some out would be none."""

MOST_DEPTH = 64
_UNTOLD_KINDS = ("export", "sign", "review_batch")  # what is done with a report changes nothing of it
_DISPOSED = ("id", "batch", "item", "version", "kind", "comment", "number", "person", "role", "at_ns")


def kept_of(connection: Connection, batch: str, position: Position | None, deeds: int | None) -> Kept:
    """All of a batch as of a position and a deed; None: as of now. Refused where it cannot be."""
    judged_to = cursor_of(connection, JUDGING)
    newest = connection.execute(select(func.max(audit.c.sequence))).scalar() or 0
    position, deeds = judged_to if position is None else position, newest if deeds is None else deeds
    if position > judged_to or deeds > newest:
        raise Refused(f"the records know positions up to {judged_to}/{newest}: {position}/{deeds} is beyond them")
    known = known_at(connection, position)
    if known is None:
        since = noted_since(connection)
        if since is not None:
            raise Refused(f"what was known as of position {position} was not noted: that began at {since}")
        known = Known(0, 0, 0)
    told = [each for each in listed_told(connection, batch, MOST_ROWS) if each.position.entry <= position]
    given = _dispositions(connection, batch, deeds)
    said = _transitions(connection, batch, known.transitions)
    subjects = {batch, *(each.alarm for each in said), *(each.item for each in given)}
    return Kept(
        position,
        deeds,
        _findings(connection, batch, known.findings),
        said,
        known_phases_of(connection, batch, position),
        told[::-1],
        _walked(connection, batch, known.links, back=True),
        _walked(connection, batch, known.links, back=False),
        given,
        _deeds(connection, batch, subjects, deeds),
    )


def _findings(connection: Connection, batch: str, newest: int) -> list[Finding]:
    query = select(findings).where(findings.c.batch == batch, findings.c.sequence <= newest)
    rows = connection.execute(query.order_by(findings.c.sequence).limit(MOST_ROWS + 1)).mappings().all()
    _demand_few(len(rows), "versions of findings")
    return [finding_from_row(row) for row in rows]


def _transitions(connection: Connection, batch: str, newest: int) -> list[Transition]:
    query = select(transitions).where(transitions.c.batch == batch, transitions.c.sequence <= newest)
    rows = connection.execute(query.order_by(transitions.c.sequence).limit(MOST_ROWS + 1)).mappings().all()
    _demand_few(len(rows), "changes of alarms")
    return [transition_from_row(row) for row in rows]


def _demand_few(count: int, what: str) -> None:
    if count > MOST_ROWS:
        raise Refused(f"the batch has more than {MOST_ROWS:,} {what}: a report of it would have to leave some out")


def _walked(connection: Connection, batch: str, newest: int, *, back: bool) -> list[tuple[int, BatchLink]]:
    """Links from a batch outwards with their distance, the nearest first, each batch visited once."""
    last = {
        (row.parent, row.child)
        for row in connection.execute(
            select(batch_links.c.parent, batch_links.c.child).where(batch_links.c.sequence > newest)
        )
    }
    found: list[tuple[int, BatchLink]] = []
    seen, front = {batch}, [batch]
    for depth in range(1, MOST_DEPTH + 1):
        near = [each for each in links_of(connection, front, back=back, limit=MOST_ROWS) if front]
        known = [each for each in near if (each.parent, each.child) not in last]
        found += [(depth, each) for each in known]
        front = list(dict.fromkeys(each.parent if back else each.child for each in known))
        front = [each for each in front if each not in seen]
        seen.update(front)
        if not front:
            break
    return found


def _dispositions(connection: Connection, batch: str, deeds: int) -> list[Disposition]:
    columns = (dispositions.c[name] for name in _DISPOSED)
    query = select(*columns).where(dispositions.c.batch == batch, dispositions.c.deed <= deeds)
    return [Disposition(*row) for row in connection.execute(query.order_by(dispositions.c.sequence))]


def _deeds(connection: Connection, batch: str, subjects: set[str], deeds: int) -> list[Audited]:
    """The entries of the trail about a batch: its alarms, holds and dispositions, by their numbers."""
    found: dict[int, Audited] = {}
    of_batch = or_(audit.c.batch == batch, audit.c.subject.endswith(f"/{batch}", autoescape=True))
    for chunk in in_chunks(sorted(subjects)):
        query = select(audit).where(
            or_(audit.c.subject.in_(chunk), of_batch), audit.c.sequence <= deeds, audit.c.kind.not_in(_UNTOLD_KINDS)
        )
        for row in connection.execute(query).mappings():
            found[row["sequence"]] = Audited(
                row["sequence"],
                row["at_ns"],
                row["recorded_ns"],
                *(row[name] for name in ("person", "role", "kind", "subject", "what", "comment", "hash")),
            )
    return [found[number] for number in sorted(found)]


def signatures_known(connection: Connection, batch: str, deeds: int) -> list[Signature]:
    """The signatures of a batch's review up to a deed, oldest first."""
    given = signatures_of(connection, SIGNED, batch)
    references = [f"signature {each.id}" for each in given]
    known: set[str] = set()
    for chunk in in_chunks(references):
        query = select(audit.c.reference).where(audit.c.reference.in_(chunk), audit.c.sequence <= deeds)
        known |= set(connection.execute(query).scalars())
    return [each for each in given if f"signature {each.id}" in known]


def disposition_audit(given: Disposition, origin: str) -> AuditEntry:
    """Who said what of which version of which finding, and from where."""
    number = f", {given.number}" if given.number else ""
    what = f"disposition of version {given.version}: {given.kind}{number} (batch {given.batch})"
    return AuditEntry(
        given.id,
        given.at_ns,
        given.person,
        "disposition",
        given.item,
        what,
        given.comment,
        batch=given.batch,
        origin=origin,
        role=given.role,
    )


def write_disposition(connection: Connection, given: Disposition, origin: str, recorded_ns: int) -> None:
    """Add a disposition with its audit entry; the same id again changes nothing."""
    if connection.execute(select(dispositions.c.id).where(dispositions.c.id == given.id)).first() is not None:
        return
    entry = disposition_audit(given, origin)
    write_audit(connection, entry, recorded_ns)
    deed = connection.execute(select(audit.c.sequence).where(audit.c.reference == entry.reference)).scalar_one()
    connection.execute(insert(dispositions).values({**asdict(given), "deed": deed}))
