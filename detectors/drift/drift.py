"""Report a parameter that drifts within its range, before it leaves it: CUSUM and EWMA on the means of windows.

A tag is charted while its unit is in a phase that has ranges for it, from when they hold. The thresholds follow from
the in-control run length that the rule states, for a known target and sigma; where these are learnt from few windows
the true run length is shorter, and the finding says that they were learnt.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Frame, Index, Mask, grown
from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case, recipe_version
from detectors.drift.advice import Remembered
from detectors.drift.baselines import Baseline, Runs, baseline_from, judge_by
from detectors.drift.charts import BINS, KEPT, NEWEST, SENSIBLE, Charts
from detectors.drift.words import Drifting, evidence, sentence
from detectors.part import Part, Said
from detectors.ranges.limits import Limit
from detectors.ranges.ranges import Ranges
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.recipes import RangeKind
from domain.rules import DriftRule, Rulebook
from domain.tags import Tag
from domain.time import format_duration

_SAY_AGAIN = 5  # windows until the next version of an open finding, then twice as many, and so on
_FLOOR = 0.01  # of the narrowest range: a smaller sigma would find drifts that do not matter
_IN_ORDER = tuple(RangeKind)


@dataclass(slots=True, eq=False)
class Charted:
    """A tag with a drift rule. `warming` means that its first window is to be thrown away: the ranges do not hold."""

    tag: Tag
    rule: DriftRule
    place: int
    run: Run | None = None
    limits: tuple[Limit, ...] = ()
    floor: float = 0.0
    cusum: Case | None = None
    side: int = 0  # which of the CUSUMs opened it
    ewma: Case | None = None
    ewma_sign: int = 1  # 1 where the EWMA that opened it was above, -1 below
    say_at: int = 0  # the number of windows that the next version waits for
    say_every: int = _SAY_AGAIN
    baselines: dict[tuple[str, str], Baseline] = field(default_factory=dict)  # by recipe version and phase

    def open_state(self) -> list[Json]:
        """What is open, and how it is followed; nothing of what was open before."""
        cusum, ewma = self.cusum, self.ewma
        followed = [0, _SAY_AGAIN] if cusum is None and ewma is None else [self.say_at, self.say_every]
        sides = [0 if cusum is None else self.side, 1 if ewma is None else self.ewma_sign]
        return [*followed, *sides, *(None if case is None else case.state() for case in (cusum, ewma))]


class Drifts(Part):
    """Charts of all tags with a drift rule."""

    name = "drifts"

    def __init__(self, rulebook: Rulebook, origin: Origin, ranges: Ranges) -> None:
        self._ranges = ranges
        self._rulebook = rulebook
        self._origin = origin
        self._by_tag: dict[int, Charted] = {}
        self._by_place: list[Charted | None] = [None]
        self._charts = Charts()
        self._runs = Runs()
        self._by_name: dict[str, Charted] = {}
        self._place: Index = np.empty(0, dtype=np.intp)
        self._is_open: Mask = np.zeros(1, dtype=np.bool_)  # by place
        # The open window of each tag, by tag: rows of all tags are added at once, also of those without a rule.
        self._end_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._warming: Mask = np.empty(0, dtype=np.bool_)
        self._total: NDArray[np.float64] = np.empty(0)
        self._count: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._place = grown(self._place, size, 0)
        self._end_ns = grown(self._end_ns, size, FOREVER_NS)
        self._warming = grown(self._warming, size, fill=False)
        self._total = grown(self._total, size, 0.0)
        self._count = grown(self._count, size, 0)

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

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Chart the tags from when their ranges hold in this phase."""
        for tag in tags:
            charted, limits = self._by_tag.get(tag.id), self._phase_limits(tag.id)
            if charted is not None and limits:
                self._start(charted, run, limits)

    def _phase_limits(self, tag: int) -> tuple[Limit, ...]:
        return tuple(limit for limit in self._ranges.limits(tag) if limit.kind != "fixed")

    def _start(self, charted: Charted, run: Run, limits: tuple[Limit, ...]) -> None:
        self._judge_by(charted, run, limits)
        place, tag, from_ns = charted.place, charted.tag.id, limits[0].valid_from_ns
        self._charts.start(place, charted.rule, from_ns, charted.floor)
        self._use_baseline(charted, run)
        self._warming[tag] = True
        self._end_ns[tag] = from_ns
        self._total[tag] = self._count[tag] = 0

    def _use_baseline(self, charted: Charted, run: Run) -> None:
        """Judge by the preceding runs of the phase where there are enough, else learn from this one too."""
        rule, place, charts = charted.rule, charted.place, self._charts
        if not rule.batches or rule.target is not None:
            return
        baseline = charted.baselines.get(_key(run))
        if baseline is None:
            self._runs.start(place, rule.every_ns)
            return
        charts.step_ns[place], charts.course[place] = baseline.step_ns, baseline.course()
        if len(baseline.batches) >= rule.batches:
            judge_by(charts, place, rule, baseline, charted.floor)
        else:
            self._runs.start(place, baseline.step_ns)

    def _judge_by(self, charted: Charted, run: Run, limits: tuple[Limit, ...]) -> None:
        charted.run, charted.limits = run, limits
        bands = [limit.band for limit in limits if limit.band is not None]
        charted.floor = _FLOOR * min(bands, default=0.0)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Chart no longer; what was open is moot."""
        found: list[Finding] = []
        for tag in tags:
            charted = self._by_tag.get(tag.id)
            if charted is not None and charted.run is not None:
                found += self._end(charted, charted.run, at_ns)
        return found

    def _end(self, charted: Charted, run: Run, at_ns: int) -> list[Finding]:
        found: list[Finding] = []
        self._learn_from(charted, run)
        for case in (charted.cusum, charted.ewma):
            if case is not None:
                message = f"{charted.tag.name} drifted until the phase ended,{run.place}."
                told = evidence(self._drifting(charted, case), goes_on=False)
                found.append(case.say(Stage.CLEARED, at_ns, message, told, at_ns))
        charted.cusum = charted.ewma = charted.run = None
        self._is_open[charted.place] = False
        self._end_ns[charted.tag.id] = FOREVER_NS
        return found

    def _learn_from(self, charted: Charted, run: Run) -> None:
        if not self._runs.is_learnt[charted.place]:
            return
        key = _key(run)
        known = charted.baselines.get(key)
        baseline = Baseline(*key, charted.rule.every_ns) if known is None else known
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
        rows = frame.rows
        over = rows.time_ns >= self._end_ns[frame.at]
        if rows.ok is not None:
            over &= rows.ok
        if np.count_nonzero(over):
            return self._close_windows(frame)
        if frame.first is None:
            self._add(frame.at, rows.value if rows.ok is None else np.where(rows.ok, rows.value, 0.0), rows.ok)
        else:
            self._add_in_order(rows.tag, rows.value, self._charted_rows(frame))
        return []

    def _charted_rows(self, frame: Frame) -> Index:
        charted = self._place[frame.rows.tag] > 0
        if frame.rows.ok is not None:
            charted &= frame.rows.ok
        return charted.nonzero()[0]

    def _add(self, at: "slice | Index", value: NDArray[np.float64], ok: Mask | None) -> None:
        """Add rows of distinct tags."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._total[at] += value
        self._count[at] += 1 if ok is None else ok

    def _add_in_order(self, tag: Index, value: NDArray[np.float64], chosen: Index) -> None:
        """Add rows one by one: a sum must not depend on how the rows were batched."""
        with np.errstate(over="ignore", invalid="ignore"):
            np.add.at(self._total, tag[chosen], value[chosen])
        np.add.at(self._count, tag[chosen], 1)

    def _close_windows(self, frame: Frame) -> list[Said]:
        """Add rows window by window: those before the first that is over, then what that one closes, and so on."""
        rows = frame.rows
        said: list[Said] = []
        left = self._charted_rows(frame)
        while len(left):
            over = rows.time_ns[left] >= self._end_ns[rows.tag[left]]
            added = left[~over]
            if frame.first is None:
                self._add(rows.tag[added], rows.value[added], None)
            else:
                self._add_in_order(rows.tag, rows.value, added)
            left = left[over]
            if not len(left):
                break
            opening = np.ones(len(left), dtype=np.bool_)
            opening[1:] = rows.tag[left[1:]] != rows.tag[left[:-1]]
            said += self._close(frame, left[opening])
        return said

    def _close(self, frame: Frame, index: Index) -> list[Said]:
        """Close the windows of distinct tags; `index` are the rows that open the next ones."""
        tag, time_ns = frame.rows.tag[index], frame.rows.time_ns[index]
        places, end_ns, count = self._place[tag], self._end_ns[tag], self._count[tag]
        every_ns = self._charts.every_ns[places]
        full = ~self._warming[tag] & (count > 0)
        mean = np.nan_to_num(self._total[tag] / np.maximum(count, 1))
        np.clip(mean, -SENSIBLE, SENSIBLE, out=mean)
        self._warming[tag] = False
        self._total[tag] = 0.0
        self._count[tag] = 0
        self._end_ns[tag] = end_ns + ((time_ns - end_ns) // every_ns + 1) * every_ns
        if np.count_nonzero(full) < len(full):
            index, places, mean, end_ns = index[full], places[full], mean[full], end_ns[full]
        return self._chart(frame, index, places, mean, end_ns) if len(index) else []

    def _chart(
        self, frame: Frame, index: Index, places: Index, mean: NDArray[np.float64], end_ns: NDArray[np.int64]
    ) -> list[Said]:
        charts = self._charts
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
            found = self._tell(charted, int(end_ns[each]), frame.rows.position(at))
            self._is_open[charted.place] = charted.cusum is not None or charted.ewma is not None
            said += [(frame.place(at), finding) for finding in found]
        return said

    def _charted(self, place: int) -> Charted:
        charted = self._by_place[place]
        assert charted is not None, "place 0 is never charted"
        return charted

    def _tell(self, charted: Charted, at_ns: int, position: RowPosition) -> list[Finding]:
        found = self._restarted(charted, at_ns)
        if found:
            return found
        place, charts = charted.place, self._charts
        sums = charts.sums[place]
        beyond = sums - charts.h[place]
        ewma, edge = float(charts.ewma[place]), float(charts.edge[place])
        again = int(charts.windows[place]) >= charted.say_at
        if charted.cusum is None and float(beyond.max()) > 0.0:
            charted.side = int(beyond.argmax())
            charted.cusum = self._open(charted, "drift.cusum", position)
            found.append(self._say(charted, charted.cusum, at_ns))
        elif charted.cusum is not None and float(sums[charted.side]) == 0.0:
            found.append(self._over(charted, charted.cusum, at_ns))
            charted.cusum = None
        elif charted.cusum is not None and again:
            found.append(self._say(charted, charted.cusum, at_ns))
        if charted.ewma is None and abs(ewma) > edge:
            charted.ewma_sign = 1 if ewma > 0.0 else -1
            charted.ewma = self._open(charted, "drift.ewma", position)
            found.append(self._say(charted, charted.ewma, at_ns))
        elif charted.ewma is not None and charted.ewma_sign * ewma <= 0.5 * edge:
            # An EWMA never is 0 again; half its limit is as far back as it is out. One that is out on the other side by
            # now is another drift: a finding stays on its side.
            found.append(self._over(charted, charted.ewma, at_ns))
            charted.ewma = None
        elif charted.ewma is not None and again:
            found.append(self._say(charted, charted.ewma, at_ns))
        if found:
            opened = any(finding.version == 1 for finding in found)
            charted.say_every = _SAY_AGAIN if opened else 2 * charted.say_every
            charted.say_at = int(charts.windows[place]) + charted.say_every
        return found

    def _restarted(self, charted: Charted, at_ns: int) -> list[Finding]:
        """Chart about the new level, where a drift has stayed at one for long enough; what was open is over."""
        rule, charts, place = charted.rule, self._charts, charted.place
        cases = [case for case in (charted.cusum, charted.ewma) if case is not None]
        if not rule.restart_ns or not cases or int(charts.windows[place]) < NEWEST:
            return []
        oldest_ns = int(charts.at_ns[place, (int(charts.windows[place]) - NEWEST) % KEPT])
        lasting_ns = at_ns - min(case.onset_ns for case in cases)
        if lasting_ns < rule.restart_ns or oldest_ns <= max(case.onset_ns for case in cases):
            return []
        told = [(case, self._drifting(charted, case)) for case in cases]
        words = [(case, evidence(drifting, goes_on=False)) for case, drifting in told]
        target = told[0][1].target
        restarted = charts.restart(place, rule)
        if restarted is None:
            return []
        before, after = restarted
        new, drifting = target - before + after, told[0][1]
        levels: Evidence = {"restarted": "yes", "old_level": target, "new_level": new}
        message = (
            f"{charted.tag.name} has stayed at {drifting.told(new, against=target)} since it left "
            f"{drifting.told(target)} {format_duration(lasting_ns)} ago: it is charted about the new level from now on."
        )
        charted.cusum = charted.ewma = None
        return [case.say(Stage.CLEARED, at_ns, message, {**each, **levels}, at_ns) for case, each in words]

    def _open(self, charted: Charted, rule: str, position: RowPosition) -> Case:
        return open_case(self._origin, rule, charted.tag.name, self._since_ns(charted), position, charted.run)

    def _since_ns(self, charted: Charted) -> int:
        """When the CUSUM nearest to its threshold left 0: the estimate of when the drift began."""
        charts, place = self._charts, charted.place
        nearest = charted.side if charted.cusum is not None else int((charts.sums[place] / charts.h[place]).argmax())
        return int(charts.since_ns[place, nearest])

    def _drifting(self, charted: Charted, case: Case) -> Drifting:
        side = charted.side if case.rule == "drift.cusum" else None
        sign = charted.ewma_sign if side is None else -1 if side % 2 else 1
        since_ns, baseline = self._since_ns(charted), self._baseline_name(charted)
        return Drifting(
            charted.tag, charted.rule, charted.limits, self._charts, charted.place, side, sign, since_ns, baseline
        )

    def _say(self, charted: Charted, case: Case, at_ns: int) -> Finding:
        drifting = self._drifting(charted, case)
        where = "" if charted.run is None else charted.run.place
        message = sentence(drifting, at_ns, where, self._rulebook.shifts)
        return case.say(Stage.OPEN, at_ns, message, evidence(drifting, goes_on=True))

    def _over(self, charted: Charted, case: Case, at_ns: int) -> Finding:
        drifting = self._drifting(charted, case)
        message = f"{charted.tag.name} drifts no longer from {drifting.told(drifting.target)}."
        return case.say(Stage.CLEARED, at_ns, message, evidence(drifting, goes_on=False), at_ns)

    def _baseline_name(self, charted: Charted) -> str:
        if charted.rule.target is not None:
            return "given"
        if charted.run is None or not self._charts.judges_by_course[charted.place]:
            return "the first windows of this phase"
        return charted.baselines[_key(charted.run)].name

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
            "end_ns": self._end_ns,
            "warming": self._warming,
            "total": self._total,
            "count": self._count,
        }
        own["baselines"] = np.array(
            [each.columns() for charted in self._by_place if charted is not None for each in charted.baselines.values()]
        ).reshape(-1, 4, BINS)
        own |= {f"runs/{name}": column for name, column in self._runs.kept(len(self._by_place)).items()}
        return own | {f"charts/{name}": column for name, column in self._charts.kept(len(self._by_place)).items()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told. Places are given in the order in which tags were bound then."""
        # States of format 1 told of every tag, and so its place.
        tags = arrays["places"].tolist() if "places" in arrays else [tag for tag, *_ in state]
        self._by_place = [None]
        self._is_open = grown(np.zeros(1, dtype=np.bool_), len(tags) + 1, fill=False)
        for tag in tags:
            charted = self._by_tag[tag]
            charted.place = len(self._by_place)
            charted.run = None
            self._by_place.append(charted)
            self._place[tag] = charted.place
            run, limits = self._ranges.runs.get(tag), self._phase_limits(tag)
            if run is not None and limits:
                self._judge_by(charted, run, limits)
        columns = iter(arrays["baselines"].astype(np.float64))
        for tag, say_at, say_every, side, *sign, cusum, ewma, baselines in state:
            charted = self._by_tag[tag]
            known = [baseline_from(each, next(columns)) for each in baselines]
            charted.baselines = {(each.recipe, each.phase): each for each in known}
            charted.say_at, charted.say_every, charted.side = say_at, say_every, side
            charted.cusum = None if cusum is None else case_from(cusum)
            charted.ewma = None if ewma is None else case_from(ewma)
            # A state of the time before sides: the one on which it is.
            upwards = float(arrays["charts/ewma"][charted.place]) >= 0.0
            charted.ewma_sign = sign[0] if sign else (1 if upwards else -1)
            self._is_open[charted.place] = cusum is not None or ewma is not None
        self._end_ns = arrays["end_ns"].astype(np.int64)
        self._warming = arrays["warming"].astype(np.bool_)
        self._total = arrays["total"].astype(np.float64)
        self._count = arrays["count"].astype(np.int64)
        self._runs.load({key[5:]: column for key, column in arrays.items() if key.startswith("runs/")})
        self._charts.load({key[7:]: column for key, column in arrays.items() if key.startswith("charts/")})

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
                        charted.baselines[each.recipe, each.phase] = each


def _key(run: Run) -> tuple[str, str]:
    return recipe_version(run.recipe), run.phase
