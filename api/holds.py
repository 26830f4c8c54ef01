"""Holds as people watch them: how long, against which limit, and how it stands."""

import math
from collections.abc import Sequence

from api.dependencies import BudgetRun, HoldRun
from api.shapes import Shape
from api.times import TimeForm
from domain.findings import Finding, Stage
from domain.holds import Hold, HoldMode
from domain.rules import Rulebook

_STANDING = {"hold.breach": "breached", "hold.indeterminate": "indeterminate", "hold.warning": "warned"}
_WORST_FIRST = ("breached", "indeterminate", "warned", "running", "stopped")


def hold_shapes(
    rulebook: Rulebook,
    running: Sequence[HoldRun],
    findings: Sequence[Finding],
    now_ns: int,
    form: TimeForm,
) -> list[Shape]:
    """Running holds with what was found about them, and broken ones that nobody reports as running.

    Worst first; of one state the one with the least time left first, and one with no limit last.
    """
    found = _open_findings(rulebook, findings)
    shapes = []
    for run in running:
        hold = rulebook.holds.get(run.hold)
        if hold is not None:
            finding = found.pop((run.hold, run.batch), None)
            shapes.append(_shape(hold, run, finding, now_ns, form))
    for (name, batch), finding in found.items():
        hold = rulebook.holds[name]
        run = HoldRun(name, hold.unit, batch, _started_ns(finding))
        shapes.append(_shape(hold, run, finding, now_ns, form))
    return sorted(shapes, key=_urgency)


def budget_shapes(
    rulebook: Rulebook, running: Sequence[BudgetRun], findings: Sequence[Finding], form: TimeForm
) -> list[Shape]:
    """What the batches that wait have used of their budgets, with what was found about it; ordered like holds."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in sorted(findings, key=lambda each: each.rule != "hold.warning"):  # a breach counts more
        if finding.rule in _STANDING and finding.stage is Stage.OPEN and finding.subject in rulebook.budgets:
            found[finding.subject, finding.batch] = finding
    shapes = [_budget_shape(rulebook, run, found.get((run.budget, run.batch)), form) for run in running]
    return sorted(shapes, key=_urgency)


def _urgency(shape: Shape) -> tuple[int, float]:
    """Orders holds and budgets by how they stand, then by the time that is left."""
    left_ns = shape["left_ns"]
    return _WORST_FIRST.index(str(shape["state"])), left_ns if isinstance(left_ns, int) else math.inf


def _budget_shape(rulebook: Rulebook, run: BudgetRun, finding: Finding | None, form: TimeForm) -> Shape:
    budget = rulebook.budgets.get(run.budget)
    if run.used_min_ns > run.limit_ns or (run.used_max_ns is not None and run.used_max_ns > run.limit_ns):
        state = "breached"
    elif run.used_max_ns is None:
        state = "indeterminate"
    else:
        state = "running" if finding is None else _STANDING[finding.rule]
    return {
        "budget": run.budget,
        "unit": run.unit,
        "batch": run.batch,
        **form.put(as_of=run.as_of_ns),
        "used_min_ns": run.used_min_ns,
        "used_max_ns": run.used_max_ns,
        "inherited_min_ns": run.inherited_min_ns,
        "inherited_max_ns": run.inherited_max_ns,
        "limit_ns": run.limit_ns,
        "left_ns": run.left_ns,
        "of": [
            {"hold": hold, "used_min_ns": least_ns, "used_max_ns": most_ns, "runs": runs}
            for hold, least_ns, most_ns, runs in run.of
        ],
        "state": state,
        "study": "" if budget is None else budget.study,
        "finding": None if finding is None else finding.id,
        "message": "" if finding is None else finding.message,
    }


def _open_findings(rulebook: Rulebook, findings: Sequence[Finding]) -> dict[tuple[str, str], Finding]:
    """The worst open finding of each hold and batch."""
    worst: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        if finding.rule not in _STANDING or finding.stage is not Stage.OPEN or finding.subject not in rulebook.holds:
            continue
        key = (finding.subject, finding.batch)
        ranks = list(_STANDING)
        if key not in worst or ranks.index(finding.rule) < ranks.index(worst[key].rule):
            worst[key] = finding
    return worst


def _started_ns(finding: Finding) -> int | None:
    """When the hold began, as its finding tells; where an end of it is missing, perhaps nobody knows."""
    started = finding.evidence.get("started_ns")
    if isinstance(started, int):
        return started
    return None if finding.rule == "hold.indeterminate" else finding.onset_ns


def _shape(hold: Hold, run: HoldRun, finding: Finding | None, now_ns: int, form: TimeForm) -> Shape:
    until_ns = now_ns if run.stopped_ns is None else run.stopped_ns
    elapsed_ns = None if run.started_ns is None else max(0, until_ns - run.started_ns)
    condition = hold.condition
    return {
        "hold": hold.name,
        "kind": hold.kind.value,
        "mode": hold.mode.value,
        "unit": run.unit,
        "batch": run.batch,
        **form.put(start=run.started_ns, stop=run.stopped_ns, as_of=run.as_of_ns, runs_out=run.runs_out_ns),
        "elapsed_ns": elapsed_ns,
        "elapsed_min_ns": run.elapsed_min_ns,
        "elapsed_max_ns": run.elapsed_max_ns,
        "counted_min_ns": run.counted_min_ns,
        "counted_max_ns": run.counted_max_ns,
        "outside_min_ns": run.outside_min_ns,
        "outside_max_ns": run.outside_max_ns,
        "limit_ns": hold.limit_ns,
        "left_ns": run.left_ns,
        "warn_before_ns": list(hold.warn_before_ns),
        "warn_after_ns": list(hold.warn_after_ns),
        "condition": None if condition is None else [condition.tag, condition.low, condition.high],
        "budget": hold.budget,
        "state": _state(hold, run, finding, elapsed_ns),
        "study": hold.study,
        "finding": None if finding is None else finding.id,
        "message": "" if finding is None else finding.message,
    }


def _state(hold: Hold, run: HoldRun, finding: Finding | None, elapsed_ns: int | None) -> str:
    if finding is not None:
        return _STANDING[finding.rule]
    if elapsed_ns is None:
        return "indeterminate"
    if hold.mode is HoldMode.WALL and hold.limit_ns is not None and elapsed_ns > hold.limit_ns:
        return "breached"
    return "running" if run.stopped_ns is None else "stopped"
