"""CUSUMs and EWMA of many tags at once: columns of statistics, one place per tag with a drift rule.

One value per window is charted: what the baseline and the window before do not explain, in units of its standard
deviation. A baseline is given by the rule, learnt from preceding runs of the phase (`baselines`), or learnt
from the first windows of this run, and frozen then.

With d the mean's distance from its target, φ the AR(1) coefficient, b the run's own offset (0 where the target was
learnt from the run itself) and g windows since the last one, ψ = φ^g, H = 1 - ψ:

    u = d - ψ·d₋₁ - H·b̂,  S = H²V + (1 - ψ²)/(1 - φ²),  z = u / (sigma √S)

and b̂ += (VH/S)·u, V -= (VH)²/S while the run's first windows tell its offset: the innovations of a Kalman filter, which
are independent and standard normal as long as the baseline holds. The first window of a run has ψ = 0.
"""

import math

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Index, Scalar
from detectors.drift.arl import cusum_threshold, ewma_threshold
from detectors.drift.learning import (
    Column,
    add,
    autoregression,
    cautious,
    centred,
    forget,
    is_enough,
    no_moments,
    spread_of,
)
from detectors.drift.widening import cusum_widening, ewma_widening
from domain.rules import DriftRule

KEPT = 32
"""Windows of each tag that are remembered for slopes."""

NEWEST = 20
"""Windows that tell the level about which a chart restarts; an even number, not above `KEPT`."""

BINS = 32
"""Steps of a phase's mean course."""

SIDES = 4
"""CUSUMs of a tag: of the first k up and down, of the second k up and down."""

SENSIBLE = 1e100
"""Windows' means are cut here, so that their squares are still numbers."""

_SIGN = np.array([1.0, -1.0, 1.0, -1.0])
_COURSES = ("course", "rough")
_CAP = 2.0  # times its threshold: a statistic further out would take too long to come back
_SMALLEST = 1e-12
_MANY = 1e6  # windows: what a given sigma is worth
_FARTHEST = 1e6  # sigma: a value without sense is no more than very far out
_LONGEST_LEARNING = 4  # times the windows to learn from, where they are too much alike to say enough
_SLOW = 0.4  # a CUSUM of smaller k remembers long
_LONGEST_GAP = 1e6  # windows; any power of φ < 1 is 0 by then


class Charts:
    """Statistics by place; place 0 belongs to nobody. All arrays have the places as their first axis."""

    def __init__(self) -> None:
        # Of the rule.
        self.stated_k: Column = np.full((1, SIDES), np.inf)
        self.stated_h: Column = np.full((1, SIDES), np.inf)
        self.stated_edge: Column = np.zeros(1)  # of the EWMA, in sigma
        self.lam: Column = np.zeros(1)
        self.every_ns: NDArray[np.int64] = np.ones(1, dtype=np.int64)
        # Of the baseline.
        self.k: Column = np.full((1, SIDES), np.inf)
        self.h: Column = np.full((1, SIDES), np.inf)
        self.edge: Column = np.zeros(1)
        self.target: Column = np.zeros(1)
        self.sigma: Column = np.zeros(1)  # of an innovation; NaN: still learning
        self.phi: Column = np.zeros(1)
        self.step_ns: NDArray[np.int64] = np.zeros(1, dtype=np.int64)  # of the course; 0: there is none
        self.course: Column = np.zeros((1, BINS))  # of the preceding runs
        self.rough: Column = np.ones((1, BINS))  # how much more runs differ in a step
        self.judges_by_course: NDArray[np.bool_] = np.zeros(1, dtype=np.bool_)  # added to the target
        self.learnt_from: Column = np.zeros(1)  # windows
        self.level_doubt: Column = np.zeros(1)  # variance of what was learnt of the level, in sigma²
        # Of the run.
        self.from_ns: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self.offset: Column = np.zeros(1)
        self.doubt: Column = np.zeros(1)  # variance of the offset, in σ²; 0: it is not learnt, or no longer
        self.settles_at: NDArray[np.int64] = np.zeros(1, dtype=np.int64)  # windows after which the offset stays
        self.sums: Column = np.zeros((1, SIDES))
        self.since_ns: NDArray[np.int64] = np.zeros((1, SIDES), dtype=np.int64)
        self.ewma: Column = np.zeros(1)
        self.last: Column = np.zeros(1)
        self.last_ns: NDArray[np.int64] = np.full(1, NEVER_NS)
        self.windows: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self.mean: Column = np.zeros((1, KEPT))  # a ring
        self.at_ns: NDArray[np.int64] = np.zeros((1, KEPT), dtype=np.int64)  # the middle of each window
        self.moments = no_moments(1)

    def add(self, place: int, rule: DriftRule) -> None:
        """Give a place to a rule; its thresholds follow from the stated run length."""
        if place >= len(self.lam):
            for name, column in vars(self).items():
                if isinstance(column, np.ndarray):
                    setattr(self, name, longer(column, place + 1))
            for name in self.moments.__slots__:
                setattr(self.moments, name, longer(getattr(self.moments, name), place + 1))
        for chart, k in enumerate(rule.k):
            self.stated_k[place, 2 * chart : 2 * chart + 2] = k
            self.stated_h[place, 2 * chart : 2 * chart + 2] = cusum_threshold(k, rule.arl0, fast_start=rule.fast_start)
        self.lam[place] = rule.lam
        self.stated_edge[place] = ewma_threshold(rule.lam, rule.arl0) * math.sqrt(rule.lam / (2.0 - rule.lam))
        self.every_ns[place] = rule.every_ns

    def start(self, place: int, rule: DriftRule, from_ns: int, floor: float) -> None:
        """Begin anew with a run of a phase. `floor` is the least sigma that matters."""
        self.from_ns[place] = self.since_ns[place] = from_ns
        self.last_ns[place] = NEVER_NS
        self.windows[place] = 0
        for column in (self.offset, self.doubt, self.ewma, self.last, self.phi, self.learnt_from):
            column[place] = 0.0
        self.sums[place] = 0.0
        self.step_ns[place] = self.settles_at[place] = 0
        self.judges_by_course[place] = False
        self.rough[place] = 1.0
        forget(self.moments, place)
        if rule.target is not None and rule.sigma is not None:
            self.target[place], self.sigma[place] = rule.target, max(rule.sigma, floor, _SMALLEST)
            self.widen(place, rule, 0.0, 0.0)
        else:
            self.target[place] = self.sigma[place] = np.nan

    def widen(self, place: int, rule: DriftRule, level: float, count: float, phi: float = 0.0) -> None:
        """Set the thresholds for a baseline from `count` windows (0: given), whose level is off by `level` sigma.

        `phi` is the coefficient as it may be: a chart is as unsure as that makes it.
        """
        self.learnt_from[place] = count
        self.level_doubt[place] = (level / (1.0 - float(self.phi[place]))) ** 2
        factor = np.ones(SIDES + 1)
        if count > 0.0:
            slow, quick = spread_of(count, phi, slow=True), spread_of(count, phi, slow=False)
            for chart, k in enumerate(rule.k):
                h = float(self.stated_h[place, 2 * chart])
                spread = slow if k < _SLOW else quick
                factor[2 * chart : 2 * chart + 2] = cusum_widening(k, h, level, spread)
            limit = float(self.stated_edge[place]) / math.sqrt(rule.lam / (2.0 - rule.lam))
            factor[SIDES] = ewma_widening(rule.lam, limit, level, quick)
        self.k[place] = self.stated_k[place] * factor[:SIDES]
        self.h[place] = self.stated_h[place] * factor[:SIDES]
        self.edge[place] = self.stated_edge[place] * factor[SIDES]
        if rule.fast_start:
            half = 0.5 * self.h[place]
            self.sums[place] = np.where(np.isfinite(half), half, 0.0)

    def restart(self, place: int, rule: DriftRule) -> tuple[float, float] | None:
        """Chart about the level of the newest windows, if they have one; return it and the one before.

        The level is told by `NEWEST` windows to about 1 / ((1 - φ)√n) sigma, and by those that follow: the filter goes
        on from there, so that what is charted stays standard normal. None, and nothing is changed, where the halves of
        the newest windows differ by more than two standard errors: then it has not settled.
        """
        newest = np.arange(int(self.windows[place]) - NEWEST, int(self.windows[place])) % KEPT
        at_ns, mean = self.at_ns[place, newest], self.mean[place, newest]
        away = mean - self.expected(np.full(NEWEST, place), at_ns)
        own, before = 1.0 - float(self.phi[place]), float(self.offset[place])
        half = NEWEST // 2
        error = float(self.sigma[place]) / own * math.sqrt(2.0 / half)
        if abs(float(away[half:].mean() - away[:half].mean())) > 2.0 * error:
            return None
        after = float(away.mean())
        doubt = 1.0 / (NEWEST * own * own)
        self.offset[place], self.doubt[place] = after, doubt
        self.settles_at[place] = self.windows[place] + rule.learn
        self.sums[place] = self.ewma[place] = 0.0
        self.since_ns[place] = int(at_ns[-1]) + int(self.every_ns[place]) // 2
        left = 1.0 / (1.0 / doubt + rule.learn * own * own)
        learnt = float(self.learnt_from[place])
        self.widen(place, rule, own * math.sqrt(left), learnt or _MANY, float(self.phi[place]))
        self.learnt_from[place] = learnt
        return before, after

    def keep(self, places: Index, mean: Column, middle_ns: NDArray[np.int64]) -> None:
        """Remember the windows that have just closed."""
        ring = self.windows[places] % KEPT
        self.mean[places, ring] = mean
        self.at_ns[places, ring] = middle_ns
        self.windows[places] += 1

    def course_at(self, places: Index, at_ns: NDArray[np.int64]) -> Column:
        """The preceding runs' mean at a time, made of lines; 0 where there is none."""
        return self._along(self.course, places, at_ns, 0.0)

    def expected(self, places: Index, at_ns: NDArray[np.int64]) -> Column:
        """What the baseline says for a time: the target, and the phase's course where it judges by one."""
        expected: Column = self.target[places] + self.course_at(places, at_ns) * self.judges_by_course[places]
        return expected

    def _along(self, values: Column, places: Index, at_ns: NDArray[np.int64], otherwise: float) -> Column:
        """Values of a phase's steps at times, made of lines between the middles of the steps."""
        found = np.full(len(places), otherwise)
        shaped = self.step_ns[places] > 0
        if np.count_nonzero(shaped):
            at, own_ns = places[shaped], at_ns[shaped] - self.from_ns[places[shaped]]
            steps = np.clip(own_ns / self.step_ns[at] - 0.5, 0.0, BINS - 1.0)
            low = np.minimum(steps.astype(np.intp), BINS - 2)
            part = steps - low
            found[shaped] = (1.0 - part) * values[at, low] + part * values[at, low + 1]
        return found

    def chart(self, places: Index, mean: Column, middle_ns: NDArray[np.int64]) -> None:
        """Fold one window's mean into the statistics of each place, all of them past their learning."""
        z = self._innovation(places, mean, middle_ns)
        end_ns = middle_ns + self.every_ns[places] // 2
        sums = self.sums[places]
        sums += z[:, None] * _SIGN
        sums -= self.k[places]
        np.clip(sums, 0.0, _CAP * self.h[places], out=sums)
        self.sums[places] = sums
        self.since_ns[places] = np.where(sums > 0.0, self.since_ns[places], end_ns[:, None])
        lam = self.lam[places]
        self.ewma[places] = lam * z + (1.0 - lam) * self.ewma[places]

    def _innovation(self, places: Index, mean: Column, middle_ns: NDArray[np.int64]) -> Column:
        """What the baseline and the window before do not explain, in its standard deviations."""
        phi, last_ns = self.phi[places], self.last_ns[places]
        with np.errstate(over="ignore", invalid="ignore"):
            away = mean - self.expected(places, middle_ns)
            gap = np.where(last_ns == NEVER_NS, _LONGEST_GAP, (middle_ns - last_ns) / self.every_ns[places])
            carried = phi ** np.clip(np.rint(gap), 1.0, _LONGEST_GAP)  # 0 to the power of anything here is 0
            own = 1.0 - carried
            doubt = self.doubt[places]
            spread = own * own * doubt + (1.0 - carried * carried) / (1.0 - phi * phi)
            new = away - carried * self.last[places] - own * self.offset[places]
            z = new / (self.sigma[places] * np.sqrt(spread) * self._along(self.rough, places, middle_ns, 1.0))
        gain = np.where(self.windows[places] <= self.settles_at[places], doubt * own / spread, 0.0)
        self.offset[places] += gain * np.clip(np.nan_to_num(new), -SENSIBLE, SENSIBLE)
        self.doubt[places] = np.where(gain > 0.0, doubt - gain * own * doubt, 0.0)
        self.last[places], self.last_ns[places] = away, middle_ns
        clipped: Column = np.clip(np.nan_to_num(z), -_FARTHEST, _FARTHEST)
        return clipped

    def out(self, places: Index) -> NDArray[np.bool_]:
        """Which places have a statistic beyond its threshold."""
        beyond = np.count_nonzero(self.sums[places] > self.h[places], axis=1) > 0
        out: NDArray[np.bool_] = beyond | (np.abs(self.ewma[places]) > self.edge[places])
        return out

    def is_learning(self, places: Index) -> NDArray[np.bool_]:
        """Which places have no sigma yet."""
        learning: NDArray[np.bool_] = np.isnan(self.sigma[places])
        return learning

    def learn(self, places: Index, mean: Column, rules: list[DriftRule], floors: list[float]) -> None:
        """Take a window of each place that has no baseline, and freeze those that have seen enough."""
        with np.errstate(over="ignore", invalid="ignore"):
            add(self.moments, places, mean)
        level, products = centred(self.moments, places)
        count = products.count
        phi, sigma = autoregression(products)
        least = np.array([rule.learn for rule in rules], dtype=np.float64)
        may_be = cautious(phi, count)
        ready = (count >= least) & (is_enough(count, may_be) | (count >= _LONGEST_LEARNING * least))
        for each in ready.nonzero()[0].tolist():
            place, rule = int(places[each]), rules[each]
            self.phi[place], self.target[place] = phi[each], level[each]
            self.freeze(place, rule, float(sigma[each]), floors[each])
            unsure = max(float(may_be[each]), float(self.phi[place]))
            uncertain = (1.0 - float(self.phi[place])) / (1.0 - unsure) / math.sqrt(count[each])
            self.widen(place, rule, 0.0 if rule.target is not None else uncertain, float(count[each]), unsure)

    def freeze(self, place: int, rule: DriftRule, sigma: float, floor: float) -> None:
        """Set the sigma of the innovations; what the rule gives goes before what was learnt."""
        if rule.target is not None:
            self.target[place] = rule.target
        if rule.sigma is not None:
            self.phi[place], sigma = 0.0, rule.sigma
        elif sigma < floor * (1.0 - self.phi[place]):
            # In the long run it would move by less than matters.
            self.phi[place], sigma = 0.0, floor
        self.sigma[place] = max(sigma, _SMALLEST)

    def recent(self, place: int, since_ns: int) -> tuple[NDArray[np.int64], Column]:
        """The remembered windows from a time on, oldest first; at least the newest four, if there are so many."""
        count = min(int(self.windows[place]), KEPT)
        order = np.arange(int(self.windows[place]) - count, int(self.windows[place])) % KEPT
        at_ns, mean = self.at_ns[place, order], self.mean[place, order]
        chosen = at_ns >= since_ns
        chosen[-4:] = True
        return at_ns[chosen], mean[chosen]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All columns by name, and the sums of those that learn."""
        own = {name: column for name, column in vars(self).items() if isinstance(column, np.ndarray)}
        return own | {f"moments/{name}": getattr(self.moments, name) for name in self.moments.__slots__}

    def kept(self, places: int) -> dict[str, NDArray[np.generic]]:
        """The columns of a snapshot: as many places as there are, and courses only of those that have one."""
        kept = {name: column[:places] for name, column in self.arrays().items()}
        has_course = self.step_ns[:places] > 0
        return kept | {name: kept[name][has_course] for name in _COURSES}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `kept` told."""
        has_course = arrays["step_ns"].astype(np.int64) > 0
        for name, column in arrays.items():
            owner, _, key = name.rpartition("/")
            whole = column.copy()
            if name in _COURSES:
                whole = np.full((len(has_course), BINS), 0.0 if name == "course" else 1.0)
                whole[has_course] = column
            setattr(self.moments if owner else self, key, whole)


def longer(array: NDArray[Scalar], size: int) -> NDArray[Scalar]:
    """The array with room for `size` places, the new ones as place 0 is."""
    if len(array) >= size:
        return array
    grown = np.empty((max(size, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    grown[len(array) :] = array[0]
    return grown


def slope_per_ns(at_ns: NDArray[np.int64], mean: Column) -> tuple[float, float]:
    """The straight line through the windows: its slope, and its value at the newest."""
    if len(at_ns) < 2:
        return 0.0, float(mean[-1]) if len(mean) else math.nan
    x = (at_ns - at_ns[-1]).astype(np.float64)
    centred_x = x - x.mean()
    slope = float(centred_x @ mean) / float(centred_x @ centred_x)
    return slope, float(mean.mean() - slope * x.mean())
