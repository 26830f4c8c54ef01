"""A batch report as canonical JSON: each part with its SHA-256, and one for the whole, which is what people sign.

A part's hash is that of its content written with sorted keys, no blanks, as UTF-8; the whole's is that of the object
of the parts' hashes by name, written likewise. What a report is as of, by which program it was made, and who signed it
stand beside the content: they change nothing of it. Times and durations are integers of ns.
"""

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from domain.batch_report import STATEMENT, BatchReport
from domain.errors import DamagedFile
from domain.review import open_points
from domain.signatures import Shown

SCHEMA = "thermowell/batch-report"
VERSION = 1

Told = dict[str, object]

_PARTS: Mapping[str, tuple[str, ...]] = {
    "batch": ("site", "batch", "product", "simulated", "start_ns", "end_ns", "units", "versions"),
    "procedure": ("phases", "kin", "events"),
    "parameters": ("parameters", "unobserved"),
    "findings": ("findings",),
    "holds": ("holds",),
    "alarms": ("alarms",),
    "record": ("gaps", "late", "calibrations"),
    "audit": ("audit",),
    "software": ("ran", "rules"),
}
"""The parts of the content, and the fields of the report in each."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The content of a report with its hashes; `sha256` is that of the whole."""

    parts: Mapping[str, Told]
    hashes: Mapping[str, str]
    sha256: str


def canonical(told: object) -> bytes:
    """JSON in the one form that is hashed. ValueError for a number that is none."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8", "surrogatepass"
    )


def sha256_of(told: object) -> str:
    """The hash of a content."""
    return hashlib.sha256(canonical(told)).hexdigest()


def sealed(report: BatchReport) -> Sealed:
    """The content of a report, hashed."""
    parts: dict[str, Told] = {name: {each: _plain(getattr(report, each)) for each in of} for name, of in _PARTS.items()}
    parts["open"] = {"points": _plain(open_points(report))}
    hashes = {name: sha256_of(content) for name, content in parts.items()}
    return Sealed(parts, hashes, sha256_of(hashes))


def signature_told(each: Shown) -> Told:
    """A signature as a report tells it: who, when, as what, why, and whether it is of this content."""
    one = each.signature
    return {
        "id": one.id,
        "printed": one.printed,
        "role": one.role,
        "meaning": one.meaning,
        "at_ns": one.at_ns,
        "reason": one.reason,
        "hash": one.hash,
        "stands": each.stands,
        "changes": list(each.changes),
    }


def signed_content(report: BatchReport, content: Sealed) -> Told:
    """What a reviewer signs: the hashes, and by name what they stand for: a later change can be told in words."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "batch": report.batch,
        "sha256": content.sha256,
        "parts": dict(content.hashes),
        "findings": {each.id: each.version for each in report.findings},
        "parameters": {each.id: each.sentence for each in report.parameters},
        "open": len(open_points(report)),
    }


def document(report: BatchReport, content: Sealed, signatures: Sequence[Mapping[str, object]] = ()) -> bytes:
    """The whole file, for machines and for people who look into it: the same report gives the same bytes."""
    told = {
        "schema": SCHEMA,
        "version": VERSION,
        "statement": STATEMENT,
        "as_of": {**cast("Told", _plain(report.as_of)), "text": str(report.as_of)},
        "made_by": report.made_by,
        "sha256": content.sha256,
        "parts": {
            name: {"sha256": content.hashes[name], "content": content.parts[name]} for name in sorted(content.parts)
        },
        "signatures": list(signatures),
    }
    text = json.dumps(told, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a report's file says, and what is wrong with its hashes."""

    batch: str
    as_of: str
    hashes: Mapping[str, str]
    sha256: str
    faults: tuple[str, ...]


def checked(file: bytes) -> Checked:
    """Hash a report's file again, part by part; DamagedFile where it is no report at all."""
    try:
        told = json.loads(file)
        if told["schema"] != SCHEMA or told["version"] != VERSION:
            raise DamagedFile(f"it is {told['schema']!r} version {told['version']!r}, not {SCHEMA} {VERSION}")
        parts = cast("dict[str, Told]", told["parts"])
        batch = str(cast("Told", parts["batch"]["content"])["batch"])
        as_of, whole = str(told["as_of"]["text"]), str(told["sha256"])
        stated = {name: str(part["sha256"]) for name, part in parts.items()}
        found = {name: sha256_of(part["content"]) for name, part in parts.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"it is no batch report: {type(error).__name__} {error}") from None
    faults = [f"part {name} is not as it was hashed" for name in sorted(stated) if stated[name] != found[name]]
    if sha256_of(stated) != whole:
        faults.append("the whole is not as it was hashed")
    return Checked(batch, as_of, stated, whole, tuple(faults))


def changed_parts(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the parts whose hashes differ, or that only one of them has."""
    return tuple(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))


def _plain(value: object) -> object:
    """Dataclasses as objects, sequences as lists, words as text; numbers stay as they are."""
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value
