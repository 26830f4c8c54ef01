"""Drift rules: a plant's budget of false alarms, divided over the charts of its tags."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import Complaint
from domain.recipes import ParameterRanges, RangeKind, Recipe
from domain.rules import ConfirmedRunLength, DriftRule
from domain.time import DAY_NS, HOUR_NS
from service.config.document import Document
from service.config.model import ConfigFile
from service.config.shape.tags import ConfirmedDrift, Drift
from service.config.tags import Expanded

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s+per\s+(hour|day|week|month|year)")
_PERIOD_NS = {"hour": HOUR_NS, "day": DAY_NS, "week": 7 * DAY_NS, "month": 30 * DAY_NS, "year": 365 * DAY_NS}
_MOST_ARL = 1e10
_LEAST_ARL = 10.0
_HONEST_LEARN = 100
"""From so many learnt windows on the run length measured is .86 to 1.3 times the stated one (docs/detectors.md)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms that all charts of a plant may raise together, and the tags that share them."""

    alarms: float
    period_ns: int
    tags: int  # with a drift rule that states no run length of its own

    def arl0(self, every_ns: int, charts: int) -> float:
        """Windows between false alarms of one chart, if each tag has the same share and each of its charts too.

        It is as if every tag were charted all the time and no two charts alarmed together, so the plant stays
        within the budget.
        """
        windows = self.period_ns / every_ns * charts * max(self.tags, 1) / self.alarms
        return min(max(windows, _LEAST_ARL), _MOST_ARL)


def drift_budget(document: Document, file: ConfigFile, expanded: Expanded, complaints: list[Complaint]) -> Budget:
    """The plant's budget; a complaint where it cannot be read."""
    drifts = [placed.text.drift for placed in expanded.tags.values()]
    sharing = sum(drift is not None and drift.arl0 is None for drift in drifts)
    said = _RATE.fullmatch(file.drift.false_alarms.strip())
    if said is None or float(said[1]) == 0.0:
        message = f"{file.drift.false_alarms!r} is no rate (such as 1 per week)"
        complaints.append(document.complain(("drift", "false_alarms"), message))
        return Budget(1.0, _PERIOD_NS["week"], sharing)
    return Budget(float(said[1]), _PERIOD_NS[said[2]], sharing)


def drift_rule(text: Drift, budget: Budget) -> DriftRule:
    """A tag's rule; a run length of its own goes before its share of the budget."""
    k = _slacks(text)
    arl0 = text.arl0 if text.arl0 is not None else budget.arl0(text.every, len(k) + 1)
    return DriftRule(
        text.every,
        arl0,
        k,
        text.lam,
        text.target,
        text.sigma,
        text.learn,
        text.fast_start,
        text.batches,
        text.advisory,
        text.restart_after or 0,
        _confirmed(text.confirmed),
    )


def _confirmed(text: ConfirmedDrift | None) -> tuple[ConfirmedRunLength, ...]:
    if text is None:
        return ()
    on = text.on.isoformat()
    return tuple(ConfirmedRunLength(chart, on, text.stated, *ends) for chart, ends in text.windows.items())


def check_confirmed(document: Document, expanded: Expanded, complaints: list[Complaint]) -> None:
    """Refuse what was confirmed of a chart that the tag does not have."""
    for placed in expanded.tags.values():
        drift = placed.text.drift
        if drift is None or drift.confirmed is None:
            continue
        names = DriftRule(drift.every, k=_slacks(drift), lam=drift.lam).chart_names
        for chart in drift.confirmed.windows:
            if chart not in names:
                path = (*placed.path, "drift", "confirmed", "windows", chart)
                message = f"the tag has no chart {chart!r} but {', '.join(names)}; confirm its drift again"
                complaints.append(document.complain(path, message))


def learn_warnings(document: Document, expanded: Expanded) -> tuple[Complaint, ...]:
    """Charts whose run length is far from the stated one until `batches` judge: they learn from few windows.

    Each place of the file once, for however many tags it stands. What was confirmed on the tag's own data needs none.
    """
    found: dict[Complaint, None] = {}
    for placed in expanded.tags.values():
        drift = placed.text.drift
        if drift is None or drift.learn >= _HONEST_LEARN or drift.confirmed is not None:
            continue
        if drift.target is not None and drift.sigma is not None:
            continue
        message = (
            f"a baseline learnt from {drift.learn} windows alarms falsely more often than stated, or finds a drift "
            "late (measured run lengths over the stated one: with 20 windows 0.47 to 4.0, with 50 0.68 to 1.9, "
            f"with {_HONEST_LEARN} 0.86 to 1.3); write "
            f"`learn: {_HONEST_LEARN}` or more, `target` and `sigma`, or what `thermowell drift confirm` measures"
        )
        found[document.complain((*placed.path, "drift", "learn"), message)] = None
    return tuple(found)


def _slacks(text: Drift) -> tuple[float, ...]:
    return text.k if isinstance(text.k, tuple) else (text.k,)


def check_targets(
    document: Document, expanded: Expanded, recipes: Mapping[str, Recipe], complaints: list[Complaint]
) -> None:
    """Refuse a `target` that is a reading where the deviation from a set point is charted, or would have to be both.

    Such a chart would be out from its first window on.
    """
    for placed in expanded.tags.values():
        drift = placed.text.drift
        if drift is None or drift.target is None:
            continue
        found = _ranges_of(placed.name, expanded, recipes)
        around = [(where, ranges) for where, ranges in found if ranges.relative]
        path = (*placed.path, "drift", "target")
        readings = [where for where, ranges in found if not ranges.relative]
        if around and readings:
            message = (
                f"the tag is charted by its deviation from a set point in {around[0][0]} and by its reading in "
                f"{readings[0]}: no one target is right for both; without it it is learnt"
            )
            complaints.append(document.complain(path, message))
            continue
        for where, ranges in around:
            innermost = next(ranges.relative[kind] for kind in RangeKind if kind in ranges.relative)
            if innermost.is_below(drift.target) or innermost.is_above(drift.target):
                message = (
                    f"{drift.target:g} lies outside the ranges around the set point in {where}: there it is the usual "
                    f"deviation from the set point, most often 0"
                )
                complaints.append(document.complain(path, message))
                break


def _ranges_of(tag: str, expanded: Expanded, recipes: Mapping[str, Recipe]) -> list[tuple[str, ParameterRanges]]:
    """The ranges of a tag in every phase, and which phase that is."""
    roles = {role for parameters in expanded.parameters.values() for role, name in parameters.items() if name == tag}
    return [
        (f"phase {name!r} of {product}", ranges)
        for product, recipe in recipes.items()
        for name, phase in recipe.phases.items()
        for role, ranges in phase.parameters.items()
        if role in roles and (ranges.relative or ranges.ranges)
    ]
