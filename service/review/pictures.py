"""The trends of a batch's critical parameters, drawn from the record as of the report's position."""

from domain.batch_report import BatchReport, FindingTold, ParameterHeld
from domain.entries import Position
from domain.picture import Band, Picture, Span, svg
from domain.ports import HistoryReader
from domain.tags import TagTable

BUCKETS = 600
_MARGIN = 50  # this part of the time is shown before and after


def pictures_of(report: BatchReport, history: HistoryReader, tags: TagTable) -> list[str]:
    """One picture for each unit and parameter, over the time that the batch was on the unit. Blocks."""
    groups: dict[tuple[str, str], list[ParameterHeld]] = {}
    for held in report.parameters:
        groups.setdefault((held.unit, held.tag), []).append(held)
    return [svg(_picture(report, history, tags, unit, name, held)) for (unit, name), held in groups.items()]


def _picture(
    report: BatchReport, history: HistoryReader, tags: TagTable, unit: str, name: str, held: list[ParameterHeld]
) -> Picture:
    phases = [each for each in report.phases if each.unit == unit]
    clock_ns = report.as_of.clock_ns
    start_ns = min(each.start_ns for each in phases)
    end_ns = max(max(each.start_ns + 1, clock_ns) if each.end_ns is None else each.end_ns for each in phases)
    margin_ns = (end_ns - start_ns) // _MARGIN + 1
    start_ns, end_ns = start_ns - margin_ns, end_ns + margin_ns
    course = history.aggregate(tags.named(name).id, start_ns, end_ns, BUCKETS, as_of=Position(report.as_of.position))
    return Picture(
        f"{name} on {unit}",
        held[0].measure,
        start_ns,
        end_ns,
        course,
        [
            Band(kept.kind, each.start_ns, each.end_ns, kept.low, kept.high)
            for each in held
            for kept in each.ranges
            if not kept.is_around
        ],
        [Span(each.start_ns, clock_ns if each.end_ns is None else each.end_ns, each.phase) for each in phases],
        [Span(gap.start_ns, gap.end_ns, gap.why) for each in held for gap in each.hidden],
        [_span(each, clock_ns) for each in report.findings if _is_outside(each, name)],
    )


def _is_outside(finding: FindingTold, tag: str) -> bool:
    is_withdrawn = finding.newest.evidence.get("withdrawn") is not None
    return finding.subject == tag and finding.rule.startswith(("excursion.", "fixed.")) and not is_withdrawn


def _span(finding: FindingTold, clock_ns: int) -> Span:
    newest = finding.newest
    end_ns = max(clock_ns, newest.onset_ns) if newest.end_ns is None else newest.end_ns
    return Span(newest.onset_ns, end_ns, str(newest.evidence.get("range", "")))
