"""What each noun looks like in an answer: plain members, times in the form that the caller asked for."""

from collections.abc import Mapping

from api.times import TimeForm
from domain.alarms import Notice, Transition
from domain.entries import Gap, Heartbeat, Quarantined
from domain.findings import Finding, PhaseRecord
from domain.ports import SourceLedger
from domain.recipes import Limits, RangeKind
from domain.tags import Tag

Shape = dict[str, object]

_UNIT_LABELS = {
    "degC": "°C",
    "degF": "°F",
    "kelvin": "K",
    "delta_degC": "K",
    "percent": "%",
    "m3": "m³",
    "m3/h": "m³/h",
    "pH": "",
}


def unit_label(unit: str, reference: str = "") -> str:
    """A unit as people write it: `°C`, `bar (g)`; what has no unit has an empty label."""
    label = _UNIT_LABELS.get(unit, unit)
    short = {"gauge": " (g)", "absolute": " (a)"}.get(reference, "")
    return f"{label}{short}" if label else ""


def tag_shape(tag: Tag) -> Shape:
    """A tag's newest definition; `id` is the dense id that the stream uses."""
    return {
        "id": int(tag.id),
        "name": tag.name,
        "uuid": tag.uuid,
        "version": tag.version,
        "source": tag.source,
        "address": tag.address,
        "unit": tag.unit,
        "unit_label": unit_label(tag.unit, tag.reference),
        "reference": tag.reference,
        "kind": tag.kind,
        "sensor_low": tag.sensor_low,
        "sensor_high": tag.sensor_high,
        "description": tag.description,
    }


def transition_shape(transition: Transition, form: TimeForm) -> Shape:
    """One change of an alarm."""
    facts = transition.facts
    return {
        "id": transition.id,
        "alarm": transition.alarm,
        "number": transition.number,
        **form.put(at=transition.at_ns, since=transition.since_ns),
        "what": transition.what,
        "state": facts.state.value,
        "active": facts.active,
        "acknowledged": facts.acknowledged,
        "latched": facts.latched,
        **form.put(shelved_until=facts.shelved_until_ns),
        "suppressed": facts.suppressed,
        "suppressed_by": facts.suppressed_by,
        "out_of_service": facts.out_of_service,
        "announces": transition.announces,
        "class": transition.alarm_class,
        "first_in_group": transition.first_in_group,
        "position": transition.position,
        "dcs_alarm": transition.dcs_alarm,
        "told_by_dcs": transition.is_told_by_dcs,
        **form.put(
            activated=transition.activated_ns,
            asked=transition.asked_ns,
            acknowledged_at=transition.acknowledged_ns,
        ),
        "priority": int(transition.priority),
        "priority_name": transition.priority.name.lower(),
        "rule": transition.rule,
        "subject": transition.subject,
        "name": transition.name,
        "message": transition.message,
        "unit": transition.unit,
        "batch": transition.batch,
        "phase": transition.phase,
        "finding": transition.finding,
        "finding_version": transition.finding_version,
        "person": transition.person,
        "comment": transition.comment,
        "cause": transition.cause,
        "consequence": transition.consequence,
        "action": transition.action,
        "respond_within_ns": transition.respond_within_ns,
        "occurrence": transition.occurrence,
    }


def finding_shape(finding: Finding, form: TimeForm) -> Shape:
    """One conclusion with its evidence."""
    return {
        "id": finding.id,
        "version": finding.version,
        "rule": finding.rule,
        "subject": finding.subject,
        "stage": finding.stage.value,
        **form.put(onset=finding.onset_ns, end=finding.end_ns, at=finding.at_ns),
        "detected": {"entry": int(finding.detected.entry), "row": finding.detected.row},
        "message": finding.message,
        "unit": finding.unit,
        "batch": finding.batch,
        "phase": finding.phase,
        "phase_instance": finding.phase_instance,
        "ranges_version": finding.ranges_version,
        "rules_hash": finding.rules_hash,
        "evidence": dict(finding.evidence),
    }


def phase_shape(phase: PhaseRecord, form: TimeForm) -> Shape:
    """One run of a phase on a unit."""
    return {
        "instance": phase.instance,
        "unit": phase.unit,
        "batch": phase.batch,
        "phase": phase.phase,
        "recipe": phase.recipe,
        **form.put(start=phase.start_ns, end=phase.end_ns),
    }


def gap_shape(gap: Gap, tag: Tag | None, form: TimeForm) -> Shape:
    """One stretch without samples; `tag` is null where it concerns every tag of the source."""
    return {
        "id": gap.id,
        "tag": None if tag is None else tag.name,
        "source": gap.source,
        **form.put(start=gap.start_ns, end=gap.end_ns),
        "cause": gap.cause.value,
        "detail": gap.detail,
    }


def heartbeat_shape(heartbeat: Heartbeat, form: TimeForm) -> Shape:
    """Whether a source is heard."""
    return {
        "source": heartbeat.source,
        "connected": heartbeat.connected,
        **form.put(now=heartbeat.now_ns, heard=heartbeat.heard_ns),
        "skew_ns": heartbeat.skew_ns,
        "detail": heartbeat.detail,
    }


def ledger_shape(ledger: SourceLedger) -> Shape:
    """The counts of one source, and whether they add up."""
    return {
        "source": ledger.source,
        "received": ledger.received,
        "journaled": ledger.journaled,
        "quarantined": ledger.quarantined,
        "redelivered": ledger.redelivered,
        "unaccounted": ledger.unaccounted,
        "balanced": ledger.unaccounted == 0,
    }


def notice_shape(notice: Notice, state: str, form: TimeForm) -> Shape:
    """A message to people, and what became of it."""
    return {
        "id": notice.id,
        "channel": notice.channel,
        "title": notice.title,
        "text": notice.text,
        "transition": notice.transition,
        **form.put(at=notice.at_ns),
        "state": state,
    }


def quarantined_shape(refused: Quarantined, form: TimeForm) -> Shape:
    """A message that could not become samples."""
    return {
        "source": refused.source,
        **form.put(received=refused.received_ns),
        "address": refused.address,
        "reason": refused.reason,
        "payload": refused.payload,
        "count": refused.count,
    }


def limits_shape(ranges: Mapping[RangeKind, Limits]) -> Shape:
    """Ranges by kind as pairs `[low, high]`; null where a side has no limit."""
    return {kind.value: [limits.low, limits.high] for kind, limits in ranges.items()}
