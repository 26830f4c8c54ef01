"""The audit trail: a chain in which each record carries the hash of the one before, so damage has a name.

hash = SHA-256 of the record's fields as JSON (sorted keys, UTF-8), with the previous record's hash among them. A
changed, missing or inserted record breaks the chain there. That the newest records were cut off can only be seen by
somebody who kept the head (`AuditHead`) elsewhere.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, select

from domain.entries import ActionKind, PersonAction
from domain.errors import DamagedFile
from records.tables import audit, people

FIRST_HASH = "0" * 64
_HASHED = (
    *("sequence", "reference", "at_ns", "recorded_ns", "person", "role"),
    *("kind", "subject", "what", "comment", "previous"),
)
_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, when and why. The same `reference` twice is one deed."""

    reference: str
    at_ns: int
    person: str
    kind: str
    subject: str
    what: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry in its place in the chain; `recorded_ns` is the wall's time."""

    sequence: int
    entry: AuditEntry
    role: str
    recorded_ns: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest record's number and hash: kept elsewhere, it proves that nothing was cut off."""

    records: int
    hash: str


def entry_of(action: PersonAction, what: str) -> AuditEntry:
    """A person's action as an audit entry."""
    return AuditEntry(
        action.id, action.at_ns, action.person, str(action.kind), action.subject, what, action.comment.strip()
    )


def write_audit(connection: Connection, entry: AuditEntry, recorded_ns: int) -> None:
    """Append to the chain; a reference that is there already stays as it is."""
    # Two writers at once would fork the chain: the newest record is locked (SQLite has one writer anyway).
    newest = select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc()).limit(1).with_for_update()
    before = connection.execute(newest).one_or_none()
    there = select(audit.c.sequence).where(audit.c.reference == entry.reference)
    if connection.execute(there).one_or_none() is not None:
        return
    row: dict[str, object] = {
        "sequence": 1 if before is None else before.sequence + 1,
        "reference": entry.reference,
        "at_ns": entry.at_ns,
        "recorded_ns": recorded_ns,
        "person": entry.person,
        "role": _role_of(connection, entry.person),
        "kind": entry.kind,
        "subject": entry.subject,
        "what": entry.what,
        "comment": entry.comment,
        "previous": FIRST_HASH if before is None else before.hash,
    }
    connection.execute(insert(audit).values(row | {"hash": _hash_of(row)}))


def _role_of(connection: Connection, person: str) -> str:
    held = select(people.c.role).where(people.c.name == person).order_by(people.c.sequence.desc()).limit(1)
    role: str | None = connection.execute(held).scalar()
    return "" if role is None else role


def _hash_of(row: "dict[str, object] | RowMapping") -> str:
    told = json.dumps({name: row[name] for name in _HASHED}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def verified_audit(connection: Connection) -> AuditHead:
    """Walk the whole chain; DamagedFile names the first record that is not as it was written."""
    expected, previous, after = 1, FIRST_HASH, 0
    while True:
        some = select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence).limit(_READ_AT_ONCE)
        rows = connection.execute(some).mappings().all()
        if not rows:
            return AuditHead(expected - 1, previous)
        for row in rows:
            if row["sequence"] != expected:
                message = f"audit record {expected} is missing"
                raise DamagedFile(message)
            if row["previous"] != previous or row["hash"] != _hash_of(row):
                message = f"audit record {expected} ({row['kind']} by {row['person']}) is not as it was written"
                raise DamagedFile(message)
            expected, previous, after = expected + 1, row["hash"], row["sequence"]


def listed_deeds(connection: Connection, kinds: Sequence[ActionKind], limit: int) -> Sequence[PersonAction]:
    """The actions of some kinds that counted, newest first: what counted says its kind alone."""
    names = [str(kind) for kind in kinds]
    found = select(audit).where(audit.c.kind.in_(names), audit.c.what == audit.c.kind)
    return [
        PersonAction(
            row["reference"], row["at_ns"], row["person"], ActionKind(row["kind"]), row["subject"], row["comment"]
        )
        for row in connection.execute(found.order_by(audit.c.sequence.desc()).limit(limit)).mappings()
    ]


def listed_audit(connection: Connection, limit: int) -> Sequence[AuditRecord]:
    """The newest records, newest first."""
    query = select(audit).order_by(audit.c.sequence.desc()).limit(limit)
    return [
        AuditRecord(
            row["sequence"],
            AuditEntry(*(row[name] for name in ("reference", "at_ns", "person", "kind", "subject", "what", "comment"))),
            row["role"],
            row["recorded_ns"],
            row["hash"],
        )
        for row in connection.execute(query).mappings()
    ]
