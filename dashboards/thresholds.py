"""Ranges as Grafana's threshold steps: grey is normal, colour only for what is not (ISA-101)."""

import math
from collections.abc import Mapping

from domain.recipes import Limits, RangeKind

NORMAL = "transparent"
OUTSIDE_NOR = "rgba(237, 129, 40, 0.25)"
OUTSIDE_VALIDATED = "rgba(212, 74, 58, 0.30)"

_SHOWN = (RangeKind.VALIDATED, RangeKind.NOR)


def steps(ranges: Mapping[RangeKind, Limits]) -> list[tuple[float | None, str]]:
    """The steps from below: each colour holds from its value up to the next one's. Empty without NOR and validated."""
    shown = {kind: ranges[kind] for kind in _SHOWN if kind in ranges}
    edges = sorted(edge for limits in shown.values() for edge in {limits.low, limits.high} if edge is not None)
    if not edges:
        return []
    found: list[tuple[float | None, str]] = [(None, _colour(-math.inf, shown))]
    for low, high in zip(edges, [*edges[1:], math.inf], strict=True):
        middle = math.inf if math.isinf(high) else low + (high - low) / 2
        colour = _colour(middle, shown)
        if low < high and colour != found[-1][1]:
            found.append((low, colour))
    return found


def _colour(value: float, shown: Mapping[RangeKind, Limits]) -> str:
    outside = {kind for kind, limits in shown.items() if not _inside(value, limits)}
    if RangeKind.VALIDATED in outside:
        return OUTSIDE_VALIDATED
    return OUTSIDE_NOR if RangeKind.NOR in outside else NORMAL


def _inside(value: float, limits: Limits) -> bool:
    return not limits.is_below(value) and not limits.is_above(value)
