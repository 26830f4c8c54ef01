"""Report a parameter that drifts within its range, before it leaves it: CUSUM and EWMA on the means of windows.

A tag is charted while its unit is in a phase that has ranges for it, from when they hold. The thresholds follow from
the in-control run length that the rule states, for a known target and sigma; where these are learnt from few windows
the true run length is shorter, and the finding says that they were learnt.
"""

import math
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Frame, Index, Mask, grown
from detectors.cases import Json, Origin, Run
from detectors.drift.advice import Remembered
from detectors.drift.baselines import Baseline, Runs, baseline_from, judge_by
from detectors.drift.charted import Charted
from detectors.drift.charts import BINS, Charts
from detectors.drift.telling import Telling
from detectors.drift.windows import Closed, Windows
from detectors.part import Part, Said
from detectors.ranges.limits import Limit
from detectors.ranges.ranges import Ranges
from detectors.ranges.set_points import SetPoints
from domain.entries import RowPosition
from domain.findings import Finding
from domain.rules import Rulebook
from domain.tags import Tag


class Drifts(Part):
    """Charts of all tags with a drift rule."""

    name = "drifts"

    def __init__(self, rulebook: Rulebook, origin: Origin, ranges: Ranges, set_points: SetPoints) -> None:
        """`ranges` and `set_points` hear of everything before this part does."""
        self._ranges = ranges
        self._set_points = set_points
        self._rulebook = rulebook
        self._by_tag: dict[int, Charted] = {}
        self._by_place: list[Charted | None] = [None]
        self._charts = Charts()
        self._runs = Runs()
        self._telling = Telling(self._charts, origin, rulebook.shifts)
        self._by_name: dict[str, Charted] = {}
        self._place: Index = np.empty(0, dtype=np.intp)
        self._is_open: Mask = np.zeros(1, dtype=np.bool_)  # by place
        self._windows = Windows()

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._place = grown(self._place, size, 0)
        self._windows.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        rule = None if rules is None else rules.drift
        known = self._by_tag.get(tag.id)
        if known is not None:
            known.tag = tag
            return
        if rule is None:
            return
        place = len(self._by_place)
        charted = Charted(tag, rule, place)
        self._by_tag[tag.id] = charted
        self._by_place.append(charted)
        self._by_name[tag.name] = charted
        self._charts.add(place, rule)
        self._runs.add(place)
        self._is_open = grown(self._is_open, place + 1, fill=False)
        self._place[tag.id] = place
        self._windows.every_ns[tag.id] = rule.every_ns

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Chart the tags from when their ranges hold in this phase."""
        for tag in tags:
            charted = self._by_tag.get(tag.id)
            if charted is not None:
                deviates = self._set_points.has_ranges(run, tag.id)
                limits = self._limits(run, tag.id, deviates=deviates)
                if limits:
                    self._start(charted, run, limits, deviates=deviates)

    def _limits(self, run: Run, tag: int, *, deviates: bool) -> tuple[Limit, ...]:
        """Those of the phase: around the set point, where it has such ranges."""
        if deviates:
            return self._set_points.limits(run, tag)
        return tuple(limit for limit in self._ranges.limits(tag) if limit.kind != "fixed")

    def _start(self, charted: Charted, run: Run, limits: tuple[Limit, ...], *, deviates: bool) -> None:
        charted.judge_by(run, limits, deviates=deviates)
        from_ns = limits[0].valid_from_ns
        self._charts.start(charted.place, charted.rule, from_ns, charted.floor)
        self._use_baseline(charted, run)
        self._windows.start(charted.tag.id, from_ns, deviates=deviates)

    def _use_baseline(self, charted: Charted, run: Run) -> None:
        """Judge by the preceding runs of the phase where there are enough, else learn from this one too."""
        rule, place, charts = charted.rule, charted.place, self._charts
        if not rule.batches or rule.target is not None:
            return
        baseline = charted.baselines.get(charted.key(run))
        if baseline is None:
            self._runs.start(place, rule.every_ns)
            return
        charts.step_ns[place], charts.course[place] = baseline.step_ns, baseline.course()
        if len(baseline.batches) >= rule.batches:
            judge_by(charts, place, rule, baseline, charted.floor)
        else:
            self._runs.start(place, baseline.step_ns)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Chart no longer; what was open is moot."""
        found: list[Finding] = []
        for tag in tags:
            charted = self._by_tag.get(tag.id)
            if charted is not None and charted.run is not None:
                found += self._end(charted, charted.run, at_ns)
        return found

    def _end(self, charted: Charted, run: Run, at_ns: int) -> list[Finding]:
        self._learn_from(charted, run)
        found = self._telling.ended(charted, run.place, at_ns)
        charted.cusum = charted.ewma = charted.run = None
        self._is_open[charted.place] = False
        self._windows.stop(charted.tag.id)
        return found

    def _learn_from(self, charted: Charted, run: Run) -> None:
        if not self._runs.is_learnt[charted.place]:
            return
        recipe, phase, deviates = key = charted.key(run)
        known = charted.baselines.get(key)
        baseline = known or Baseline(recipe, phase, charted.rule.every_ns, deviates=deviates)
        self._runs.end(charted.place, charted.rule, baseline, run.batch or run.label)
        if baseline.batches:
            charted.baselines[key] = baseline

    def hear(self, finding: Finding, run: Run | None) -> list[Finding]:
        """A run in which anything but drift was found on a tag is no reference for later ones."""
        charted = self._by_name.get(finding.subject)
        if charted is not None and not finding.rule.startswith("drift."):
            self._runs.is_learnt[charted.place] = False
        return []

    def judge(self, frame: Frame) -> list[Said]:
        """Add every proven row to its window; chart the windows that it closes."""
        if len(self._by_place) == 1:
            return []
        closed = self._windows.take(frame, self._set_points.deviations)
        return list(chain.from_iterable(self._chart(frame, each) for each in closed))

    def _chart(self, frame: Frame, closed: Closed) -> list[Said]:
        charts = self._charts
        index, tag, mean, end_ns = closed
        places = self._place[tag]
        middle_ns = end_ns - charts.every_ns[places] // 2
        charts.keep(places, mean, middle_ns)
        self._runs.take(charts, places, mean, middle_ns)
        learning = charts.is_learning(places)
        if np.count_nonzero(learning):
            learners = [self._charted(place) for place in places[learning].tolist()]
            rules, floors = [each.rule for each in learners], [each.floor for each in learners]
            charts.learn(places[learning], mean[learning], rules, floors)
            index, places, end_ns = index[~learning], places[~learning], end_ns[~learning]
            mean, middle_ns = mean[~learning], middle_ns[~learning]
        if not len(places):
            return []
        charts.chart(places, mean, middle_ns)
        told = charts.out(places) | self._is_open[places]
        said: list[Said] = []
        for each in told.nonzero()[0].tolist():
            at, charted = int(index[each]), self._charted(int(places[each]))
            found = self._telling.window(charted, int(end_ns[each]), frame.rows.position(at))
            self._is_open[charted.place] = charted.cusum is not None or charted.ewma is not None
            said += [(frame.place(at), finding) for finding in found]
        return said

    def _charted(self, place: int) -> Charted:
        charted = self._by_place[place]
        assert charted is not None, "place 0 is never charted"
        return charted

    def remembered(self, name: str, since_ns: int) -> Remembered | None:
        """What the charts remember of a tag and of the others of its unit, at the times that all have."""
        charted, charts = self._by_name[name], self._charts
        if charted.run is None:
            return None
        others = (each for each in self._by_place if each is not None and each is not charted)
        unit = [charted, *(each for each in others if each.run == charted.run)]
        by_time = [self._sigmas(each) for each in unit]
        shared = sorted(set(by_time[0]).intersection(*by_time[1:]))
        own = np.array([by_time[0][at_ns] for at_ns in sorted(by_time[0])])
        rows = np.array([[each[at_ns] for each in by_time] for at_ns in shared]).reshape(len(shared), len(unit))
        assert len(own) <= charts.mean.shape[1], "no more than is kept"
        return Remembered(own, rows, sum(at_ns < since_ns for at_ns in shared))

    def _sigmas(self, charted: Charted) -> dict[int, float]:
        """The remembered windows of a tag by time, in its long-run standard deviations from where it should be."""
        charts, place = self._charts, charted.place
        at_ns, mean = charts.recent(place, NEVER_NS)
        away = mean - charts.expected(np.full(len(at_ns), place), at_ns) - charts.offset[place]
        spread = float(charts.sigma[place]) / math.sqrt(1.0 - float(charts.phi[place]) ** 2)
        return dict(zip(at_ns.tolist(), np.nan_to_num(away / spread).tolist(), strict=True))

    def state(self) -> Json:
        """What is open or was learnt, in the order of places; nothing of a tag without either."""
        return [
            [charted.tag.id, *charted.open_state(), [baseline.state() for baseline in charted.baselines.values()]]
            for charted in self._by_place
            if charted is not None and (charted.baselines or self._is_open[charted.place])
        ]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Windows and statistics."""
        own: dict[str, NDArray[np.generic]] = {
            "places": np.array([each.tag.id for each in self._by_place if each is not None], dtype=np.int64),
        }
        own |= self._windows.arrays()
        own["baselines"] = np.array(
            [each.columns() for charted in self._by_place if charted is not None for each in charted.baselines.values()]
        ).reshape(-1, 4, BINS)
        own |= {f"runs/{name}": column for name, column in self._runs.kept(len(self._by_place)).items()}
        return own | {f"charts/{name}": column for name, column in self._charts.kept(len(self._by_place)).items()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told. Places are given in the order in which tags were bound then."""
        # States of format 1 told of every tag, and so its place.
        tags = arrays["places"].tolist() if "places" in arrays else [tag for tag, *_ in state]
        self._windows.load(arrays)
        self._by_place = [None]
        self._is_open = grown(np.zeros(1, dtype=np.bool_), len(tags) + 1, fill=False)
        for tag in tags:
            self._place_again(tag)
        columns = iter(arrays["baselines"].astype(np.float64))
        for tag, *open_, baselines in state:
            charted = self._by_tag[tag]
            known = [baseline_from(each, next(columns)) for each in baselines]
            charted.baselines = {each.key: each for each in known}
            charted.load_open(open_, is_above=float(arrays["charts/ewma"][charted.place]) >= 0.0)
            self._is_open[charted.place] = bool(charted.cases)
        self._runs.load({key[5:]: column for key, column in arrays.items() if key.startswith("runs/")})
        self._charts.load({key[7:]: column for key, column in arrays.items() if key.startswith("charts/")})

    def _place_again(self, tag: int) -> None:
        """Give a tag the next place, and the run in which it is charted."""
        charted = self._by_tag[tag]
        charted.place = len(self._by_place)
        charted.run = None
        self._by_place.append(charted)
        self._place[tag] = charted.place
        run, deviates = self._ranges.runs.get(tag), bool(self._windows.deviates[tag])
        if run is not None and self._windows.end_ns[tag] != FOREVER_NS:
            charted.judge_by(run, self._limits(run, tag, deviates=deviates), deviates=deviates)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep what was learnt of each tag that is still charted in windows of the same length."""
        if "baselines" not in arrays:  # written by a program that learnt none
            return
        columns = iter(arrays["baselines"].astype(np.float64))
        for tag, *_, baselines in state:
            known = [baseline_from(each, next(columns)) for each in baselines]
            charted = self._by_tag.get(tag)
            if charted is not None:
                for each in known:
                    if each.step_ns % charted.rule.every_ns == 0:
                        charted.baselines[each.key] = each
