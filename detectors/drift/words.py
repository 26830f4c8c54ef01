"""What a drift finding says: the sentence for the operator, and the numbers that prove it."""

import math
from dataclasses import dataclass

import numpy as np

from detectors.cases import Evidence, quantity
from detectors.drift.charted import Charted
from detectors.drift.charts import KEPT, Charts, slope_per_ns
from detectors.drift.forecast import SURE, Forecast, forecast
from detectors.ranges.limits import Limit
from domain.rules import DriftRule
from domain.shifts import Shifts
from domain.tags import Tag
from domain.time import DAY_NS, HOUR_NS, MINUTE_NS, format_duration, format_time

_MINUTES = 60
_LEAST_RATE = 0.01  # as a number: below, a longer span is told
_MOST_OF = 0.5  # of the way from the target, made since the drift began: it moves; else it stands apart


@dataclass(frozen=True, slots=True)
class Drifting:
    """A tag's drift at the end of a window, as one of its charts sees it."""

    charted: Charted
    charts: Charts
    side: int | None  # of the CUSUMs; None: the EWMA
    sign: int  # 1 where it drifts up
    since_ns: int
    baseline: str

    @property
    def tag(self) -> Tag:
        """Its tag."""
        return self.charted.tag

    @property
    def rule(self) -> DriftRule:
        """Its rule."""
        return self.charted.rule

    @property
    def place(self) -> int:
        """Its place in the charts."""
        return self.charted.place

    @property
    def target(self) -> float:
        """Where the parameter should be by its baseline, at the newest window."""
        charts, place = self.charts, np.array([self.place])
        newest = (int(charts.windows[self.place]) - 1) % KEPT
        return float(charts.expected(place, charts.at_ns[place, newest])[0] + charts.offset[self.place])

    def line(self) -> tuple[float, float]:
        """The straight line since it began: slope per ns, and its value at the newest window."""
        return slope_per_ns(*self.charts.recent(self.place, self.since_ns))

    def ahead(self, level: float) -> tuple[Limit, Forecast] | None:
        """The nearest limit ahead and when the mean meets it; None where that is not sure."""
        ahead = [limit for limit in self.charted.limits if limit.sign == self.sign and limit.excess(level) < 0]
        if not ahead:
            return None
        nearest = max(ahead, key=lambda limit: limit.excess(level))
        meets = forecast(self.charts, self.place, nearest.value, self.sign, self.since_ns)
        return None if meets is None else (nearest, meets)

    def told(self, value: float, against: float | None = None) -> str:
        """A level in words, to what is known of one: the scatter of its windows."""
        known = float(self.charts.sigma[self.place])
        return quantity(value, self.tag.unit, signed=self.charted.deviates, known=known, against=against)

    def level(self, value: float, against: float | None = None) -> str:
        """A level in words, and what it is counted from where that is no 0."""
        return self.told(value, against) + (" from its set point" if self.charted.deviates else "")

    @property
    def chart(self) -> str:
        """The chart, and how often it may alarm falsely."""
        often = f"{self._name}, one false alarm in {self._lasting(self.rule.arl0)}"
        return f"{often}, {self.confirmed}" if self.confirmed else often

    @property
    def confirmed(self) -> str:
        """What quiet data of the tag told of that, with these thresholds; empty where nobody asked them."""
        each = next((one for one in self.rule.confirmed if one.chart == self._name), None)
        if each is None or not math.isclose(each.stated, self.rule.arl0, rel_tol=0.01):
            return ""
        link, high = ("or", "more") if each.high is None else ("to", self._lasting(each.high))
        return f"confirmed on {each.on}: {self._lasting(each.low)} {link} {high}"

    @property
    def _name(self) -> str:
        return self.rule.chart_names[-1 if self.side is None else self.side // 2]

    def _lasting(self, windows: float) -> str:
        return format_duration(round(windows * self.rule.every_ns))


def sentence(drifting: Drifting, at_ns: int, where: str, shifts: Shifts | None) -> str:
    """`R101.PT has risen 0.8 kPa/min for 14 min, now 338 kPa; it reaches 350 kPa at 14:32 ± 4 min …`."""
    slope, level = drifting.line()
    unit, target, sign = drifting.tag.unit, drifting.target, drifting.sign
    lasting_ns = max(at_ns - drifting.since_ns, drifting.rule.every_ns)
    lasts = format_duration(lasting_ns)
    deviates = drifting.charted.deviates
    now = f"now {drifting.told(level, against=target)}"
    if sign * slope * lasting_ns >= _MOST_OF * abs(level - target):
        moves = "risen" if sign > 0 else "fallen"
        against = " against its set point" if deviates else ""
        said = f"{drifting.tag.name} has {moves} {_rate(abs(slope), unit)}{against} for {lasts}, {now}"
        said += " from it" if deviates else ""
    else:
        side = "above" if sign > 0 else "below"
        said = f"{drifting.tag.name} has been {side} its usual {drifting.level(target)} for {lasts}, {now}"
    ahead = drifting.ahead(level)
    if ahead is not None:
        limit, meets = ahead
        half_ns = max(meets.at_ns - meets.early_ns, meets.late_ns - meets.at_ns)
        minutes = max(-(-half_ns // MINUTE_NS), 1)
        half = f"{minutes} min" if minutes < 2 * _MINUTES else format_duration(minutes * MINUTE_NS)
        reached = quantity(limit.stated, unit, signed=deviates)
        said += f"; it reaches {reached} at {_clock(meets.at_ns, at_ns, shifts)} ± {half}"
    return f"{said},{where} ({drifting.chart})."


def _rate(per_ns: float, unit: str) -> str:
    """A rate per minute, or where that is a small number per hour or per day."""
    spans = (("min", MINUTE_NS), ("h", HOUR_NS), ("day", DAY_NS))
    name, span_ns = next((each for each in spans if per_ns * each[1] >= _LEAST_RATE), spans[-1])
    return f"{quantity(per_ns * span_ns, unit, digits=2)}/{name}".replace(" /", "/")


def _clock(time_ns: int, now_ns: int, shifts: Shifts | None) -> str:
    """A time of day as the plant's clock shows it; with its date where a day lies between."""
    if time_ns - now_ns >= DAY_NS:
        return format_time(time_ns // MINUTE_NS * MINUTE_NS)
    return format_time(time_ns)[11:16] + " UTC" if shifts is None else shifts.local_clock(time_ns)


def evidence(drifting: Drifting, *, goes_on: bool) -> Evidence:
    """The numbers; with the time to the limit while it goes on."""
    charts, place, side = drifting.charts, drifting.place, drifting.side
    slope, level = drifting.line()
    threshold = float(charts.edge[place] if side is None else charts.h[place, side])
    stated = float(charts.stated_edge[place] if side is None else charts.stated_h[place, side])
    learnt = float(charts.learnt_from[place])
    told: dict[str, float | int | str | None] = {
        "side": "high" if drifting.sign > 0 else "low",
        "arl0": drifting.rule.arl0,
        "chart": drifting.chart,
        "statistic": float(abs(charts.ewma[place]) if side is None else charts.sums[place, side]),
        "threshold": threshold,
        "widened": threshold / stated,
        "target": drifting.target,
        "sigma": float(charts.sigma[place]),
        "autocorrelation": float(charts.phi[place]),
        "learnt": f"from {learnt:.0f} windows" if learnt else "no",
        "baseline": drifting.baseline,
        "mean": level,
        "slope_per_min": slope * MINUTE_NS,
        "unit": drifting.tag.unit,
    }
    if drifting.confirmed:
        told["confirmed"] = drifting.confirmed
    if drifting.charted.deviates:
        told["around"] = "set point"
    ahead = drifting.ahead(level) if goes_on else None
    if ahead is not None:
        limit, meets = ahead
        told |= {
            "limit": limit.stated,
            "range": limit.kind,
            "forecast_ns": meets.at_ns,
            "forecast_early_ns": meets.early_ns,
            "forecast_late_ns": meets.late_ns,
            "forecast_sure": SURE,
        }
    return told
