"""The audit trail: a chain in which each record carries the hash of the one before, so damage has a name.

hash = SHA-256 of the record's fields as JSON (sorted keys, UTF-8), with the previous record's hash among them. Which
fields those are follows from the record's `format`, which is among them from format 2 on; older records stay as they
were hashed. A changed, missing or inserted record breaks the chain there. That the newest records were cut off can only
be seen by somebody who kept the head (`AuditHead`) elsewhere. Nothing here can be switched off, and the database
refuses to change or delete what is written (`records.growing`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Column, Connection, RowMapping, insert, inspect, or_, select, update

from domain.audit import SERVICE, AuditEntry, AuditQuestion, AuditRecord
from domain.entries import ActionKind, ConfigurationActivated, PersonAction
from domain.errors import DamagedFile
from domain.people import Person
from domain.time import SECOND_NS
from records.tables import about, accounts, audit, requests

FIRST_HASH = "0" * 64
FORMAT: Final = 2
RESTORE: Final = "restore"
"""The kind of record that says that the trail goes on from a backup."""
_FIRST = (
    *("sequence", "reference", "at_ns", "recorded_ns", "person", "role"),
    *("kind", "subject", "what", "comment", "previous"),
)
_HASHED: Mapping[int, tuple[str, ...]] = {
    1: _FIRST,
    2: (*_FIRST, "format", "old", "new", "batch", "authoriser", "origin", "zone", "offset_s"),
}
_READ_AT_ONCE = 1_000


_OF_ENTRY = tuple(field.name for field in fields(AuditEntry))


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest record's number and hash: kept elsewhere, it proves that nothing was cut off."""

    records: int
    hash: str


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A head as somebody kept it elsewhere, and when."""

    records: int
    hash: str
    at_ns: int


def entry_of(action: PersonAction, what: str, old: str = "", new: str = "", batch: str = "") -> AuditEntry:
    """A person's action as an audit entry."""
    comment = action.comment.strip()
    return AuditEntry(
        action.id, action.at_ns, action.person, str(action.kind), action.subject, what, comment, old, new, batch
    )


def write_audit(connection: Connection, entry: AuditEntry, recorded_ns: int) -> None:
    """Append to the chain; a reference that is there already stays as it is.

    Role and origin of a deed that was asked for are those with which it was asked for.
    """
    # Two writers at once would fork the chain: the newest record is locked (SQLite has one writer anyway).
    newest = select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc()).limit(1).with_for_update()
    before = connection.execute(newest).one_or_none()
    there = select(audit.c.sequence).where(audit.c.reference == entry.reference)
    if connection.execute(there).one_or_none() is not None:
        return
    by = _asked_by(connection, entry)
    zone = zone_of(connection)
    row: dict[str, object] = {
        **{name: getattr(entry, name) for name in _OF_ENTRY},
        "sequence": 1 if before is None else before.sequence + 1,
        "recorded_ns": recorded_ns,
        "role": by.role,
        "origin": by.origin,
        "previous": FIRST_HASH if before is None else before.hash,
        "format": FORMAT,
        "zone": zone,
        "offset_s": _offset_s(zone, entry.at_ns),
    }
    connection.execute(insert(audit).values(row | {"hash": _hash_of(row)}))


def _asked_by(connection: Connection, entry: AuditEntry) -> Person:
    """In which role, and from where, somebody did it."""
    if entry.role and entry.origin:
        return Person(entry.person, entry.role, entry.origin)
    asked = connection.execute(select(requests.c.role, requests.c.origin).where(requests.c.id == entry.reference))
    role, origin = asked.one_or_none() or ("", "")
    return Person(entry.person, entry.role or role or _role_of(connection, entry.person), entry.origin or origin)


def _role_of(connection: Connection, person: str) -> str:
    role: str | None = connection.execute(select(accounts.c.role).where(accounts.c.name == person)).scalar()
    return "" if role is None else role


def zone_of(connection: Connection) -> str:
    """The plant's time zone, as it was last told; UTC until then."""
    told: str | None = connection.execute(select(about.c.value).where(about.c.name == "zone")).scalar()
    return told or "UTC"


def put_zone(connection: Connection, zone: str) -> None:
    """Keep the plant's time zone."""
    changed = connection.execute(update(about).where(about.c.name == "zone").values(value=zone))
    if changed.rowcount == 0:
        connection.execute(insert(about).values(name="zone", value=zone))


def write_activation(connection: Connection, activated: ConfigurationActivated, zone: str, recorded_ns: int) -> None:
    """Keep the zone, and put a configuration into the chain that is another than the newest one there."""
    put_zone(connection, zone)
    query = select(audit.c.new).where(audit.c.kind == "configuration").order_by(audit.c.sequence.desc()).limit(1)
    before: str = connection.execute(query).scalar() or ""
    now = f"{activated.hash}, program {activated.version}"
    if now != before:
        at_ns = activated.at_ns
        what = f"activated, as the journal keeps it; times are shown by {zone}"
        entry = AuditEntry(f"configuration {at_ns}", at_ns, SERVICE, "configuration", "", what, old=before, new=now)
        write_audit(connection, entry, recorded_ns)


def _offset_s(zone: str, at_ns: int) -> int:
    """How far a zone's clock is ahead of UTC; 0 where this machine knows no such zone, or the time is no date."""
    try:
        offset = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return 0
    return 0 if offset is None else round(offset.total_seconds())


def _hash_of(row: "dict[str, object] | RowMapping") -> str:
    told = json.dumps({name: row[name] for name in _fields_of(row)}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _fields_of(row: "dict[str, object] | RowMapping") -> tuple[str, ...]:
    """What of a record is hashed. One from before there were formats has none."""
    format_ = row.get("format", 1)
    assert isinstance(format_, int)
    return _HASHED.get(format_, _HASHED[FORMAT])


def verified_audit(connection: Connection, heads: Sequence[KeptHead] = ()) -> AuditHead:
    """Walk the whole chain; DamagedFile names the first record that is not as it was written, missing or cut off.

    `heads` were kept elsewhere. What a restore from a backup took away, and says so in the trail, is no damage.
    """
    expected, previous = 1, FIRST_HASH
    numbers = {head.records for head in heads}
    found: dict[int, str] = {}
    restores: list[tuple[int, int]] = []
    for row in _rows(connection):
        if row["sequence"] != expected:
            message = f"audit record {expected} is missing"
            raise DamagedFile(message)
        if row["previous"] != previous or row["hash"] != _hash_of(row):
            message = f"audit record {expected} ({row['kind']} by {row['person']}) is not as it was written"
            raise DamagedFile(message)
        if row["kind"] == RESTORE:
            restores.append((expected, row["recorded_ns"]))
        if expected in numbers:
            found[expected] = row["hash"]
        expected, previous = expected + 1, row["hash"]
    _compare_heads([head for head in heads if not _excused(head, restores)], found, expected - 1)
    return AuditHead(expected - 1, previous)


def _excused(head: KeptHead, restores: Sequence[tuple[int, int]]) -> bool:
    """Whether a head is of a time that a restore took away: the trail goes on from a backup that was older."""
    return any(sequence <= head.records and recorded_ns >= head.at_ns for sequence, recorded_ns in restores)


def _compare_heads(heads: Sequence[KeptHead], found: Mapping[int, str], last: int) -> None:
    stood = max((head.records for head in heads if found.get(head.records) == head.hash), default=0)
    for head in sorted(heads, key=lambda head: head.records):
        if head.records > last:
            message = (
                f"audit record {last + 1} is missing: the trail is cut off, a kept head is of record {head.records}"
            )
            raise DamagedFile(message)
        if found[head.records] != head.hash:
            first = max((each.records for each in heads if each.records < head.records), default=0) + 1
            message = f"audit record {first} or one up to {head.records} was written anew: a kept head has another hash"
            raise DamagedFile(f"{message} (the newest head that agrees is of record {stood})")


def newest_head(connection: Connection) -> AuditHead:
    """The newest record, without a look at the others."""
    query = select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return AuditHead(0, FIRST_HASH) if row is None else AuditHead(row.sequence, row.hash)


def hash_at(connection: Connection, sequence: int) -> str | None:
    """The hash of a record, if it is there."""
    told: str | None = connection.execute(select(audit.c.hash).where(audit.c.sequence == sequence)).scalar()
    return told


def restored_since(connection: Connection, head: KeptHead) -> bool:
    """Whether the trail says that it was restored from a backup older than a head."""
    query = select(audit.c.sequence, audit.c.recorded_ns).where(audit.c.kind == RESTORE)
    return _excused(head, [(row.sequence, row.recorded_ns) for row in connection.execute(query)])


def _rows(connection: Connection) -> Iterator[RowMapping]:
    """Every record in its order, as far as the table of whichever release has its columns."""
    there = {column["name"] for column in inspect(connection).get_columns(audit.name)}
    columns: list[Column[object]] = [column for column in audit.c if column.name in there]
    after = 0
    while True:
        some = select(*columns).where(audit.c.sequence > after).order_by(audit.c.sequence).limit(_READ_AT_ONCE)
        rows = connection.execute(some).mappings().all()
        if not rows:
            return
        yield from rows
        after = rows[-1]["sequence"]


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
    return [record_of(row) for row in connection.execute(query).mappings()]


def record_of(row: RowMapping) -> AuditRecord:
    """A record of the table `audit`."""
    entry = AuditEntry(**{name: row[name] for name in _OF_ENTRY})
    return AuditRecord(
        row["sequence"], entry, row["role"], row["recorded_ns"], row["hash"], row["zone"], row["offset_s"]
    )


def found_audit(
    connection: Connection, asked: AuditQuestion, limit: int, before: int | None = None
) -> list[AuditRecord]:
    """The newest records that answer a question, newest first; `before`: only those with a lower number."""
    query = select(audit)
    for name in ("person", "role", "kind", "subject", "batch"):
        wanted = getattr(asked, name)
        if wanted:
            query = query.where(audit.c[name] == wanted)
    if asked.start_ns is not None:
        query = query.where(audit.c.at_ns >= asked.start_ns)
    if asked.end_ns is not None:
        query = query.where(audit.c.at_ns < asked.end_ns)
    if asked.text:
        told = ("subject", "what", "comment", "old", "new", "authoriser")
        query = query.where(or_(*(audit.c[name].icontains(asked.text, autoescape=True) for name in told)))
    if before is not None:
        query = query.where(audit.c.sequence < before)
    query = query.order_by(audit.c.sequence.desc()).limit(limit)
    return [record_of(row) for row in connection.execute(query).mappings()]
