"""Drift rules: a plant's budget of false alarms, divided over the charts of its tags."""

import re
from dataclasses import dataclass

from domain.errors import Complaint
from domain.rules import DriftRule
from domain.time import DAY_NS, HOUR_NS
from service.config.document import Document
from service.config.model import ConfigFile, Drift
from service.config.tags import Expanded

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s+per\s+(hour|day|week|month|year)")
_PERIOD_NS = {"hour": HOUR_NS, "day": DAY_NS, "week": 7 * DAY_NS, "month": 30 * DAY_NS, "year": 365 * DAY_NS}
_MOST_ARL = 1e10
_LEAST_ARL = 10.0


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
    k = text.k if isinstance(text.k, tuple) else (text.k,)
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
    )
