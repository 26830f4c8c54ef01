"""Proposed and approved versions of ranges. Both only grow; what was approved never changes (domain rule 3)."""

from sqlalchemy import Connection, insert, select

from domain.approvals import Decision, Proposal
from domain.audit import SERVICE, AuditEntry
from domain.entries import Position, RecipeApproved
from domain.time import format_time
from records.audit import write_audit
from records.requests import answer
from records.tables import range_proposals, range_versions

_PROPOSED = ("id", "at_ns", "product", "version", "change", "study", "person", "reason", "content", "hash")
_APPROVED = (
    *("id", "at_ns", "product", "version", "change", "study", "valid_from_ns"),
    *("proposal", "proposer", "approver", "reason", "content", "hash"),
)


def proposed_audit(proposal: Proposal) -> AuditEntry:
    """Who put which draft forward, and why."""
    what = f"proposed with change {proposal.change}, content {proposal.hash[:16]}"
    return AuditEntry(
        proposal.id,
        proposal.at_ns,
        proposal.person,
        "propose_ranges",
        f"{proposal.product} v{proposal.version}",
        what,
        proposal.reason,
    )


def decided_audit(decision: Decision) -> AuditEntry:
    """Who approved what, from when on, and why; or why that counts for nothing."""
    entry = decision.approved
    what = f"approval refused: {decision.error}"
    if not decision.error:
        what = (
            f"approved, valid from {format_time(entry.valid_from_ns)}; proposed by {entry.proposer}, "
            f"change {entry.change}, content {entry.hash[:16]}"
        )
    subject = f"{entry.product} v{entry.version}"
    return AuditEntry(entry.id, entry.at_ns, entry.approver, "approve_ranges", subject, what, entry.reason)


def changed_audit(entry: RecipeApproved, reason: str, before: RecipeApproved | None) -> AuditEntry:
    """Whose change of the ranges came into force, and who authorised it. `reason`: why it was proposed."""
    return AuditEntry(
        f"{entry.id} in force",
        entry.at_ns,
        entry.proposer,
        "change_ranges",
        f"{entry.product} v{entry.version}",
        f"in force as proposed, valid from {format_time(entry.valid_from_ns)}, change {entry.change}",
        reason,
        old="" if before is None else f"v{before.version}, content {before.hash[:16]}",
        new=f"v{entry.version}, content {entry.hash[:16]}",
        authoriser=entry.approver,
        origin=SERVICE,
    )


def write_proposal(connection: Connection, proposal: Proposal, recorded_ns: int) -> None:
    """Keep a draft as it was put forward; the same id again changes nothing."""
    if connection.execute(select(range_proposals.c.id).where(range_proposals.c.id == proposal.id)).first() is None:
        connection.execute(insert(range_proposals).values({name: getattr(proposal, name) for name in _PROPOSED}))
        write_audit(connection, proposed_audit(proposal), recorded_ns)


def write_decision(connection: Connection, decision: Decision, at: Position, recorded_ns: int) -> None:
    """Write what became of an approval, and answer its request; the same one twice is one."""
    entry = decision.approved
    there = connection.execute(select(range_versions.c.id).where(range_versions.c.id == entry.id)).first()
    write_audit(connection, decided_audit(decision), recorded_ns)
    if not decision.error and there is None:
        proposal = proposal_of(connection, entry.proposal)
        before = _version_before(connection, entry)
        row = {name: getattr(entry, name) for name in _APPROVED}
        connection.execute(insert(range_versions).values(row | {"recorded_ns": recorded_ns, "entry": int(at)}))
        reason = entry.reason if proposal is None else proposal.reason
        write_audit(connection, changed_audit(entry, reason, before), recorded_ns)
    answer(connection, entry.id, decision.error or None)


def _version_before(connection: Connection, entry: RecipeApproved) -> RecipeApproved | None:
    """What was in force of that product at the time from which a version is valid."""
    query = select(*(range_versions.c[name] for name in _APPROVED)).where(
        range_versions.c.product == entry.product, range_versions.c.valid_from_ns <= entry.valid_from_ns
    )
    newest_first = query.order_by(range_versions.c.valid_from_ns.desc(), range_versions.c.sequence.desc())
    row = connection.execute(newest_first.limit(1)).one_or_none()
    return None if row is None else RecipeApproved(*row)


def listed_proposals(connection: Connection, limit: int) -> list[Proposal]:
    """The newest first."""
    query = select(*(range_proposals.c[name] for name in _PROPOSED)).order_by(range_proposals.c.sequence.desc())
    return [Proposal(*row) for row in connection.execute(query.limit(limit))]


def proposal_of(connection: Connection, id_: str) -> Proposal | None:
    """A proposal, if there is one by that id."""
    query = select(*(range_proposals.c[name] for name in _PROPOSED)).where(range_proposals.c.id == id_)
    row = connection.execute(query).one_or_none()
    return None if row is None else Proposal(*row)


def listed_versions(connection: Connection, limit: int) -> list[RecipeApproved]:
    """Approved versions, the newest first."""
    query = select(*(range_versions.c[name] for name in _APPROVED)).order_by(range_versions.c.sequence.desc())
    return [RecipeApproved(*row) for row in connection.execute(query.limit(limit))]


def approved_entries(connection: Connection) -> list[tuple[Position, RecipeApproved]]:
    """Every approved version with its place in the journal, in that order."""
    columns = (range_versions.c[name] for name in _APPROVED)
    query = select(range_versions.c.entry, *columns).order_by(range_versions.c.entry)
    return [(Position(entry), RecipeApproved(*row)) for entry, *row in connection.execute(query)]
