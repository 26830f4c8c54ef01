"""Electronic signatures: a table that only grows; each has its record in the audit chain."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import Connection, RowMapping, insert, inspect, select

from domain.audit import AuditEntry
from domain.errors import DamagedFile
from domain.signatures import Signature, hash_of
from records.audit import write_audit
from records.tables import audit, signatures

KIND = "sign"
_COLUMNS = tuple(field.name for field in fields(Signature))


def signed_audit(signature: Signature) -> AuditEntry:
    """A signature's record in the chain: whatever is changed in the one no longer agrees with the other."""
    one = signature
    return AuditEntry(
        f"signature {one.id}",
        one.at_ns,
        one.person,
        KIND,
        f"{one.kind} {one.subject}",
        f"signed as {one.meaning}: {one.printed}",
        one.reason,
        new=one.hash,
        batch=one.subject if one.kind == "batch" else "",
        origin=one.origin,
        role=one.role,
    )


def write_signature(connection: Connection, signature: Signature, recorded_ns: int) -> None:
    """Keep a signature for good; the same id again changes nothing."""
    if connection.execute(select(signatures.c.id).where(signatures.c.id == signature.id)).first() is None:
        row = {name: getattr(signature, name) for name in _COLUMNS}
        connection.execute(insert(signatures).values(row | {"recorded_ns": recorded_ns}))
        write_audit(connection, signed_audit(signature), recorded_ns)


def signatures_of(connection: Connection, kind: str, subject: str) -> Sequence[Signature]:
    """What was signed of one thing, oldest first."""
    query = select(signatures).where(signatures.c.kind == kind, signatures.c.subject == subject)
    return [_from_row(row) for row in connection.execute(query.order_by(signatures.c.sequence)).mappings()]


def verify_signatures(connection: Connection) -> int:
    """Hold every signature against its content and its record in the chain; return how many. DamagedFile names one."""
    count = 0
    if not inspect(connection).has_table(signatures.name):  # records of an earlier release, which nobody migrated
        return 0
    for row in connection.execute(select(signatures).order_by(signatures.c.sequence)).mappings():
        one, count = _from_row(row), count + 1
        if hash_of(one.content) != one.hash:
            raise DamagedFile(f"signature {one.id} of {one.kind} {one.subject!r}: its content is not what was signed")
        wanted = signed_audit(one)
        found = connection.execute(select(audit).where(audit.c.reference == wanted.reference)).mappings().one_or_none()
        told = ("at_ns", "person", "subject", "what", "comment", "new", "role")
        if found is None or any(found[name] != getattr(wanted, name) for name in told):
            raise DamagedFile(f"signature {one.id} by {one.person} is not the one in the audit trail")
    written = select(audit.c.reference).where(audit.c.kind == KIND, audit.c.reference.like("signature %"))
    known = {f"signature {id_}" for (id_,) in connection.execute(select(signatures.c.id))}
    for (reference,) in connection.execute(written):
        if reference not in known:
            raise DamagedFile(f"{reference} is missing; the audit trail has it")
    return count


def _from_row(row: RowMapping) -> Signature:
    return Signature(**{name: row[name] for name in _COLUMNS})
