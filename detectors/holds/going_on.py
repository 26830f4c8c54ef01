"""What another program announced of a hold is followed on where the hold is still the same."""

from detectors.cases import case_of
from detectors.holds.measures import Measures
from detectors.holds.saying import BREACH, INDETERMINATE, WARNING
from detectors.holds.stays import Stay, Waiting
from domain.findings import Finding


def go_on(waiting: Waiting, finding: Finding, measures: Measures) -> bool:
    """Follow on what was announced of a hold, if it still runs and its limit is the same; else it is left alone."""
    stay = waiting.running
    if stay is None or finding.rule in stay.cases:
        return False
    if finding.rule not in (BREACH, WARNING, INDETERMINATE):
        return False
    hold = waiting.hold
    started_ns = stay.start.time_ns if stay.knows_start else None
    if (finding.evidence.get("started_ns"), finding.evidence.get("limit_ns")) != (started_ns, hold.limit_ns):
        return False
    if finding.rule == WARNING:
        then = measures.now(stay.start.source, finding.at_ns, finding.detected)
        used = measures.used(hold, stay, then)
        worst_ns = used.low_ns if used.high_ns is None else used.high_ns
        stay.warned = sum(worst_ns >= after_ns for after_ns in hold.warnings_ns)
        stay.forecast = "runs_out_ns" in finding.evidence
        if not stay.warned and not stay.forecast:
            return False
    stay.cases[finding.rule] = case_of(finding)
    return True


def forget_said(stay: Stay) -> None:
    """Begin to announce anew: the rules are others."""
    stay.cases, stay.said, stay.warned, stay.forecast, stay.base = {}, {}, 0, False, None
    stay.told, stay.unknown_until_ns, stay.outside = [], stay.told_ns, None
