"""The audit trail as people read it: entries, records in their place, questions, and exports that prove themselves."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from domain.time import SECOND_NS, format_time

SCHEMA: Final = "thermowell-audit/2"
SERVICE: Final = "service"
"""Who did what nobody asked for."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, when, why, and who authorised it. The same `reference` twice is one deed.

    `old` and `new` are what was there before and is now. `origin` is the address that it came from, or `cli`;
    `authoriser` the second person where there is one. A `role` that is not given is the one that the person holds.
    """

    reference: str
    at_ns: int
    person: str
    kind: str
    subject: str
    what: str
    comment: str = ""
    old: str = ""
    new: str = ""
    batch: str = ""
    authoriser: str = ""
    origin: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry in its place in the chain; `recorded_ns` is the wall's time.

    `zone` is the plant's, and `offset_s` how far its clock was ahead of UTC at the deed.
    """

    sequence: int
    entry: AuditEntry
    role: str
    recorded_ns: int
    hash: str
    zone: str = "UTC"
    offset_s: int = 0


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """Which records are asked for; what is empty lets all pass. `text` is looked for in what was said and changed."""

    person: str = ""
    role: str = ""
    kind: str = ""
    subject: str = ""
    batch: str = ""
    start_ns: int | None = None
    end_ns: int | None = None  # the first moment left out
    text: str = ""

    def told(self) -> dict[str, str]:
        """What is asked, for people."""
        names = ("person", "role", "kind", "subject", "batch", "text")
        found = {name: str(getattr(self, name)) for name in names if getattr(self, name)}
        times = {"start": self.start_ns, "end": self.end_ns}
        return found | {name: format_time(at_ns) for name, at_ns in times.items() if at_ns is not None}


COLUMNS: Final[Mapping[str, str]] = {
    "sequence": "the record's number, from 1, without a hole",
    "at": "when it was done, UTC",
    "local": "the same by the plant's clock, with its offset",
    "zone": "the plant's time zone",
    "recorded": "when it was written, UTC, by the wall's clock",
    "person": "who",
    "role": "the role that the person held",
    "kind": "what kind of deed",
    "subject": "to what",
    "what": "what was done",
    "old": "what was there before",
    "new": "what is there since",
    "comment": "why, in the person's words",
    "authoriser": "the second person, where there is one",
    "origin": "the address that it came from, or cli",
    "batch": "the batch that it is about",
    "reference": "the deed's own id: the same twice is one",
    "hash": "SHA-256 over the record and the hash of the one before",
}
"""What an export tells of each record, in this order."""


def row_of(record: AuditRecord) -> dict[str, str | int]:
    """A record as an export tells it."""
    entry = record.entry
    told: dict[str, str | int] = {
        "sequence": record.sequence,
        "at": format_time(entry.at_ns),
        "local": local_time(entry.at_ns, record.offset_s),
        "zone": record.zone or "UTC",
        "recorded": format_time(record.recorded_ns),
        "role": record.role,
        "hash": record.hash,
    }
    return {name: told[name] if name in told else getattr(entry, name) for name in COLUMNS}


def local_time(at_ns: int, offset_s: int) -> str:
    """A time by the plant's clock, to the second, with its offset; UTC ns in, ISO 8601 out."""
    try:
        moment = datetime.fromtimestamp(at_ns // SECOND_NS, UTC)
        return moment.astimezone(timezone(timedelta(seconds=offset_s))).isoformat()
    except (ValueError, OverflowError, OSError):
        return format_time(at_ns)


def as_json(records: Sequence[AuditRecord], asked: AuditQuestion, exported_ns: int) -> bytes:
    """An export as JSON: its schema, the question, the records, and the SHA-256 of the records as canonical JSON."""
    rows = [row_of(record) for record in records]
    canonical = json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    told = {
        "schema": {"name": SCHEMA, "columns": COLUMNS},
        "asked": asked.told(),
        "exported": format_time(exported_ns),
        "count": len(rows),
        "sha256": hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
        "records": rows,
    }
    return json.dumps(told, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")


def as_csv(records: Sequence[AuditRecord]) -> bytes:
    """An export as CSV (RFC 4180, UTF-8): a line of names, then a line a record."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerow([safe_cell(value) for value in row_of(record).values()])
    return text.getvalue().encode("utf-8", "surrogatepass")


def safe_cell(value: str | int) -> str | int:
    """A cell that no spreadsheet takes for a formula: `'` before what begins with = + - @, a tab or a line's end."""
    return f"'{value}" if isinstance(value, str) and value[:1] in set("=+-@\t\r\n") else value
