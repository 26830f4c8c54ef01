"""The hand-over: what the next shift has to know, gathered from the records; each part that cannot be read says so."""

import hashlib
import json
from collections.abc import Callable, Sequence

from api.alarm_list import AlarmList, suppression_shapes
from api.dependencies import Dependencies
from api.holds import hold_shapes
from api.shapes import Shape, gap_shape
from api.times import TimeForm
from domain.alarms import Sought
from domain.audit import AuditQuestion, AuditRecord
from domain.errors import RetryLater
from domain.handover import NOTE, TAKEN_OVER, happened_in, left_by
from domain.time import HOUR_NS

WITHOUT_SHIFTS_NS = 12 * HOUR_NS
MOST_TRANSITIONS = 5_000
MOST_NOTES = 500
MOST_GAPS = 100
HOLD_FINDINGS = 1_000


def span_of(deps: Dependencies, now_ns: int) -> tuple[int, int | None]:
    """When the shift that runs began and ends; without `shifts:` the last twelve hours, whose end nobody knows."""
    shifts = deps.rulebook.shifts
    if shifts is None:
        return now_ns - WITHOUT_SHIFTS_NS, None
    return shifts.start_ns(now_ns), shifts.end_ns(now_ns)


def handover_shape(deps: Dependencies, alarms: AlarmList, start_ns: int, now_ns: int, form: TimeForm) -> Shape:
    """What is handed over at `now_ns` of a shift that began at `start_ns`; blocks.

    `unknown` names the parts that could not be read: they are null, and never empty instead.
    """
    unknown: list[str] = []

    def part(name: str, read: Callable[[], object]) -> object:
        try:
            return read()
        except (RetryLater, OSError) as error:
            unknown.append(f"{name}: {error}")
            return None

    told: Shape = {
        "left": part("alarms", lambda: _left(deps, alarms, form)),
        "happened": part("what happened", lambda: _happened(deps, start_ns, now_ns)),
        "suppressions": part("suppressions", lambda: suppression_shapes(deps.suppressions(), deps.rulebook, form)),
        "holds": part("holds", lambda: _holds(deps, now_ns, form)),
        "gaps": part("gaps", lambda: _gaps(deps, start_ns, now_ns, form)),
        "notes": part("notes", lambda: said(deps, NOTE, start_ns, form)),
        "taken_over": part("who took over", lambda: said(deps, TAKEN_OVER, start_ns, form)),
    }
    return told | {"unknown": unknown, "hash": content_hash(told)}


def content_hash(told: Shape) -> str:
    """SHA-256 over what is handed over: the alarms with their transitions, the holds and the notes."""
    left = told["left"]
    lists = left if isinstance(left, dict) else {}
    content = {
        "alarms": {name: sorted(str(each["transition"]) for each in alarms) for name, alarms in lists.items()},
        "holds": [[each["hold"], each["batch"], each["state"]] for each in _members(told["holds"])],
        "notes": [each["id"] for each in _members(told["notes"])],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _members(listed: object) -> list[Shape]:
    return listed if isinstance(listed, list) else []


def _left(deps: Dependencies, alarms: AlarmList, form: TimeForm) -> Shape:
    left = left_by(deps.records.alarms())
    names = ("waiting", "standing", "shelved", "suppressed", "out_of_service")
    return {name: [alarms.shape(each, form) for each in getattr(left, name)] for name in names}


def _happened(deps: Dependencies, start_ns: int, now_ns: int) -> Shape:
    transitions = deps.records.sought(Sought(start_ns, now_ns), MOST_TRANSITIONS)
    happened = happened_in(transitions)
    return {
        "by_unit": [{"unit": unit, "alarms": count} for unit, count in happened.by_unit],
        "by_person": [{"person": person, "acknowledged": count} for person, count in happened.by_person],
        "alarms": happened.alarms,
        "acknowledged": happened.acknowledged,
        "cut": len(transitions) >= MOST_TRANSITIONS,
    }


def _holds(deps: Dependencies, now_ns: int, form: TimeForm) -> list[Shape]:
    findings = deps.records.list_findings(None, None, None, HOLD_FINDINGS)
    return hold_shapes(deps.rulebook, deps.holds(), findings, now_ns, form)


def _gaps(deps: Dependencies, start_ns: int, now_ns: int, form: TimeForm) -> list[Shape]:
    found = deps.journal.gaps(None, None, start_ns, now_ns, MOST_GAPS)
    named = {int(tag.id): tag for tag in deps.feed.tags}
    # A gap of no length was withdrawn: backfill found everything.
    told = [gap for gap in found if gap.end_ns is None or gap.end_ns > gap.start_ns]
    return [gap_shape(gap, named.get(-1 if gap.tag is None else gap.tag), form) for gap in told]


def said(deps: Dependencies, kind: str, start_ns: int, form: TimeForm) -> list[Shape]:
    """Notes, or who took over, since the shift began, oldest first: records of the audit trail."""
    found: Sequence[AuditRecord] = deps.records.find_audit(AuditQuestion(kind=kind, start_ns=start_ns), MOST_NOTES)
    return [
        {
            "id": each.entry.reference,
            **form.put(at=each.entry.at_ns),
            "person": each.entry.person,
            "role": each.role,
            "unit": each.entry.subject if kind == NOTE else "",
            "words": each.entry.comment,
            "hash": each.entry.new,
            "record": each.sequence,
        }
        for each in reversed(found)
        if each.entry.kind == kind and each.entry.at_ns >= start_ns
    ]
