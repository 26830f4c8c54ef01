"""What a person needs who releases or rejects a batch: versions, holds, findings in numbers, and who said what."""

from collections.abc import Mapping, Sequence

from api.dependencies import Dependencies
from api.holds import hold_shapes
from api.shapes import Shape, transition_shape
from api.times import TimeForm
from domain.approvals import Standing
from domain.findings import Finding, PhaseRecord, Stage
from domain.time import format_duration

_PROVEN = ("excursion.validated.", "excursion.par.", "excursion.action.")
_SORTS = ("outside the action, validated or proven ranges", "outside other ranges", "holds", "not judged", "other")


def review_shape(deps: Dependencies, batch: str, phases: Sequence[PhaseRecord], limit: int, now_ns: int) -> Shape:
    """Everything beside what the batch's own answer tells; blocks."""
    findings = deps.records.findings_of(batch, limit)
    said = deps.records.transitions_of(batch, limit + 1)
    running = [hold for hold in deps.holds() if hold.batch == batch]
    return {
        "versions": _versions(deps, phases),
        "sums": _sums(findings),
        "holds": hold_shapes(
            deps.rulebook,
            running,
            [each for each in findings if each.subject in deps.rulebook.holds],
            now_ns,
            TimeForm.MS,
        ),
        "numbers": {each.id: numbers(each) for each in findings},
        "said": [transition_shape(each, TimeForm.MS) for each in said[:limit]],
        "said_cut": len(said) > limit,
    }


def _versions(deps: Dependencies, phases: Sequence[PhaseRecord]) -> list[Shape]:
    """Each version that judged a phase, and who stands behind it."""
    first_ns: dict[str, int] = {}
    for phase in phases:
        first_ns.setdefault(phase.recipe, phase.start_ns)
    shapes: list[Shape] = []
    for recipe, start_ns in first_ns.items():
        if recipe:
            shapes.append({"recipe": recipe, "words": _approval_words(recipe, deps.standings(start_ns))})
    if "" in first_ns:
        shapes.append({"recipe": "", "words": "phases without a recipe: no range judged them"})
    return shapes


def _approval_words(recipe: str, standings: Sequence[Standing]) -> str:
    product, _, version = recipe.rpartition(" v")
    standing = next((each for each in standings if each.product == product), None)
    if standing is None:
        return "nobody's approval of it is known"
    if not standing.required:
        return "the file judged, which nobody had approved (approval: off)"
    judged = standing.in_force
    if judged is None or str(judged.version) != version:
        return "pinned by the batch; another version was in force at its start"
    return f"approved by {judged.approver} (proposed by {judged.proposer}), change {judged.change}: {judged.reason}"


def _sort(finding: Finding) -> str:
    if finding.rule.startswith(_PROVEN):
        return _SORTS[0]
    if finding.rule.startswith("excursion."):
        return _SORTS[1]
    if finding.rule.startswith("hold."):
        return _SORTS[2]
    return _SORTS[3] if finding.rule == "ranges.missing" else _SORTS[4]


def _sums(findings: Sequence[Finding]) -> list[Shape]:
    """How many findings there are of each sort, and how many of them last."""
    sums: list[Shape] = []
    for sort in _SORTS:
        own = [each for each in findings if _sort(each) == sort]
        sums.append({"sort": sort, "count": len(own), "open": sum(each.stage is not Stage.CLEARED for each in own)})
    return sums


def numbers(finding: Finding) -> str:
    """What a person checks an excursion by, as far as its evidence has it; empty where it has nothing of it."""
    return numbers_of(finding.evidence)


def numbers_of(evidence: Mapping[str, object]) -> str:
    """The same of evidence alone; of a hold how long it was, at least and at most, and against which limit."""
    unit = str(evidence.get("unit") or "")
    parts = [f"{name} {value:.6g} {unit}".rstrip() for name, value in _of(evidence, "limit", "peak")]
    area_unit = f"{unit}·min" if unit else "min"
    parts += [f"area {value:.6g} {area_unit}" for _, value in _of(evidence, "area")]
    least, most = evidence.get("dur_min_ns"), evidence.get("dur_max_ns")
    if isinstance(least, int) and isinstance(most, int):
        both = format_duration(most) if least == most else f"{format_duration(least)} to {format_duration(most)}"
        parts.append(f"outside for {both}")
    return " · ".join([*parts, *_waited(evidence)])


def _waited(evidence: Mapping[str, object]) -> list[str]:
    parts = []
    for name, words in (("counted", "counted"), ("elapsed", "elapsed"), ("outside", "out of condition")):
        least, most = evidence.get(f"{name}_min_ns"), evidence.get(f"{name}_max_ns")
        if isinstance(least, int):
            known = f"at most {format_duration(most)}" if isinstance(most, int) else "nobody can say how long at most"
            parts.append(f"{words} at least {format_duration(least)}, {known}")
    limit_ns = evidence.get("limit_ns")
    return [*parts, f"limit {format_duration(limit_ns)}"] if parts and isinstance(limit_ns, int) else parts


def _of(evidence: Mapping[str, object], *names: str) -> list[tuple[str, float]]:
    return [
        (name, float(value))
        for name in names
        if isinstance(value := evidence.get(name), int | float) and not isinstance(value, bool)
    ]
