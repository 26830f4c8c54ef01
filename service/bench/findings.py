"""`findings.json`: what a system under test told, in a form that any system can write.

A list of objects, in any order:

| field    | what                                                                           | may be left out |
|----------|--------------------------------------------------------------------------------|-----|
| id       | a text that no other finding has                                               | no  |
| rule     | a rule of `domain.findings.RULES`, or a word of one's own (see `matching`)     | no  |
| subject  | the tag, the unit, the hold or the server (`opcua`, `mqtt`) that it is about   | no  |
| unit     | the unit of equipment; where left out, the one that the subject belongs to     | yes |
| detected | when it was told, plant time                                                   | no  |
| onset    | since when, as the system sees it; else as `detected`                          | yes |
| end      | until when, as the system sees it; null: it still lasts                        | yes |
| message  | one sentence for people                                                        | yes |
| alarm    | true: it was annunciated to people (the default); false: it was only recorded  | yes |

Times are ISO 8601 (without a zone: UTC) or integer nanoseconds since 1970, between 1970 and 2200.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import DamagedFile
from domain.time import format_time, parse_time_ns
from service.bench.values import LATEST_NS
from simulators.truth.told import Json, flag, text

_FIELDS = frozenset(("id", "rule", "subject", "unit", "detected", "onset", "end", "message", "alarm"))


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a system under test told; see the fields above. Times are UTC ns of the plant."""

    id: str
    rule: str
    subject: str
    detected_ns: int
    unit: str = ""
    onset_ns: int | None = None
    end_ns: int | None = None
    message: str = ""
    alarm: bool = True


def write_findings(findings: Iterable[Told], file: Path) -> None:
    """Write `findings.json`."""
    rows = [as_row(each) for each in findings]
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_findings(file: Path) -> tuple[Told, ...]:
    """Read `findings.json`; DamagedFile names the file, the finding and the field that is wrong."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{file}: these are no findings that can be read: {error}") from error
    if not isinstance(rows, list):
        raise DamagedFile(f"{file}: findings are a list, this is {type(rows).__name__}")
    return _unique([_told(row, f"{file}: finding {number}") for number, row in enumerate(rows, 1)], file)


def contradictions(findings: Iterable[Told]) -> list[str]:
    """Findings whose times contradict each other, in words; a server's clock that is wrong can be why."""
    said = []
    for each in findings:
        if each.onset_ns is not None and each.onset_ns > each.detected_ns:
            said.append(f"finding {each.id}: its onset is after it was detected")
        if each.end_ns is not None and each.onset_ns is not None and each.end_ns < each.onset_ns:
            said.append(f"finding {each.id}: its end is before its onset")
    return said


def as_row(told: Told) -> dict[str, object]:
    """One finding as the file has it."""
    return {
        "id": told.id,
        "rule": told.rule,
        "subject": told.subject,
        "unit": told.unit,
        "onset": format_time(told.detected_ns if told.onset_ns is None else told.onset_ns),
        "detected": format_time(told.detected_ns),
        "end": None if told.end_ns is None else format_time(told.end_ns),
        "message": told.message,
        "alarm": told.alarm,
    }


def _told(row: object, where: str) -> Told:
    if not isinstance(row, dict):
        raise DamagedFile(f"{where}: a finding is an object, this is {type(row).__name__}")
    if unknown := row.keys() - _FIELDS:
        raise DamagedFile(f"{where}: there is no field {min(unknown)!r}")
    if row.get("detected") is None:
        raise DamagedFile(f"{where}: detected is missing: when was it told?")
    try:
        return Told(
            id=text(row, "id"),
            rule=text(row, "rule"),
            subject=text(row, "subject"),
            detected_ns=_time(row, "detected"),
            unit=text(row, "unit") if row.get("unit") else "",
            onset_ns=None if row.get("onset") is None else _time(row, "onset"),
            end_ns=None if row.get("end") is None else _time(row, "end"),
            message=text(row, "message") if row.get("message") else "",
            alarm=flag(row, "alarm") if "alarm" in row else True,
        )
    except (TypeError, ValueError) as error:
        name = f" ({row['id']!r})" if isinstance(row.get("id"), str) else ""
        raise DamagedFile(f"{where}{name}: {error}") from error


def _time(row: Json, field: str) -> int:
    value = row.get(field)
    try:
        time_ns = value if isinstance(value, int) and not isinstance(value, bool) else parse_time_ns(text(row, field))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{field}: {error}") from error
    if not 0 <= time_ns <= LATEST_NS:
        raise ValueError(f"{field} is no time between 1970 and 2200 (ISO 8601, or nanoseconds since 1970)")
    return time_ns


def _unique(findings: Sequence[Told], file: Path) -> tuple[Told, ...]:
    seen: set[str] = set()
    for each in findings:
        if each.id in seen:
            raise DamagedFile(f"{file}: two findings have the id {each.id!r}")
        seen.add(each.id)
    return tuple(findings)
