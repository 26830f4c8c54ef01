"""What a tag's charts have to say at the end of a window: a drift begins, goes on, is over, or stays at a level."""

from detectors.cases import Case, Evidence, Origin, open_case
from detectors.drift.charted import SAY_AGAIN, Charted
from detectors.drift.charts import KEPT, NEWEST, Charts
from detectors.drift.words import Drifting, evidence, sentence
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.shifts import Shifts
from domain.time import format_duration


class Telling:
    """It opens and closes the cases of tags; `charts` are those of the places."""

    def __init__(self, charts: Charts, origin: Origin, shifts: Shifts | None) -> None:
        self._charts = charts
        self._origin = origin
        self._shifts = shifts

    def window(self, charted: Charted, at_ns: int, position: RowPosition) -> list[Finding]:
        """What is to be said at the end of a window, which the row at a position closed."""
        found = self._restarted(charted, at_ns)
        if found:
            return found
        again = int(self._charts.windows[charted.place]) >= charted.say_at
        found += self._of_cusum(charted, at_ns, position, again=again)
        found += self._of_ewma(charted, at_ns, position, again=again)
        if found:
            opened = any(finding.version == 1 for finding in found)
            charted.say_every = SAY_AGAIN if opened else 2 * charted.say_every
            charted.say_at = int(self._charts.windows[charted.place]) + charted.say_every
        return found

    def _of_cusum(self, charted: Charted, at_ns: int, position: RowPosition, *, again: bool) -> list[Finding]:
        sums = self._charts.sums[charted.place]
        if charted.cusum is None:
            beyond = sums - self._charts.h[charted.place]
            if not float(beyond.max()) > 0.0:
                return []
            charted.side = int(beyond.argmax())
            charted.cusum = self._open(charted, "drift.cusum", position)
        elif float(sums[charted.side]) == 0.0:
            said = self._over(charted, charted.cusum, at_ns)
            charted.cusum = None
            return [said]
        elif not again:
            return []
        return [self._say(charted, charted.cusum, at_ns)]

    def _of_ewma(self, charted: Charted, at_ns: int, position: RowPosition, *, again: bool) -> list[Finding]:
        ewma, edge = float(self._charts.ewma[charted.place]), float(self._charts.edge[charted.place])
        if charted.ewma is None:
            if not abs(ewma) > edge:
                return []
            charted.ewma_sign = 1 if ewma > 0.0 else -1
            charted.ewma = self._open(charted, "drift.ewma", position)
        elif charted.ewma_sign * ewma <= 0.5 * edge:
            # An EWMA never is 0 again; half its limit is as far back as it is out. One that is out on the other side by
            # now is another drift: a finding stays on its side.
            said = self._over(charted, charted.ewma, at_ns)
            charted.ewma = None
            return [said]
        elif not again:
            return []
        return [self._say(charted, charted.ewma, at_ns)]

    def _restarted(self, charted: Charted, at_ns: int) -> list[Finding]:
        """Chart about the new level, where a drift has stayed at one for long enough; what was open is over."""
        rule, charts, place, cases = charted.rule, self._charts, charted.place, charted.cases
        if not rule.restart_ns or not cases or int(charts.windows[place]) < NEWEST:
            return []
        oldest_ns = int(charts.at_ns[place, (int(charts.windows[place]) - NEWEST) % KEPT])
        lasting_ns = at_ns - min(case.onset_ns for case in cases)
        if lasting_ns < rule.restart_ns or oldest_ns <= max(case.onset_ns for case in cases):
            return []
        told = [(case, self.drifting(charted, case)) for case in cases]
        words = [(case, evidence(drifting, goes_on=False)) for case, drifting in told]
        target = told[0][1].target
        restarted = charts.restart(place, rule)
        if restarted is None:
            return []
        before, after = restarted
        new, drifting = target - before + after, told[0][1]
        levels: Evidence = {"restarted": "yes", "old_level": target, "new_level": new}
        message = (
            f"{charted.tag.name} has stayed at {drifting.level(new, against=target)} since it left "
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

    def drifting(self, charted: Charted, case: Case) -> Drifting:
        """A case as its chart sees it now."""
        side = charted.side if case.rule == "drift.cusum" else None
        sign = charted.ewma_sign if side is None else -1 if side % 2 else 1
        return Drifting(charted, self._charts, side, sign, self._since_ns(charted), self._baseline(charted))

    def _say(self, charted: Charted, case: Case, at_ns: int) -> Finding:
        drifting = self.drifting(charted, case)
        where = "" if charted.run is None else charted.run.place
        message = sentence(drifting, at_ns, where, self._shifts)
        return case.say(Stage.OPEN, at_ns, message, evidence(drifting, goes_on=True))

    def _over(self, charted: Charted, case: Case, at_ns: int) -> Finding:
        drifting = self.drifting(charted, case)
        message = f"{charted.tag.name} drifts no longer from {drifting.level(drifting.target)}."
        return case.say(Stage.CLEARED, at_ns, message, evidence(drifting, goes_on=False), at_ns)

    def ended(self, charted: Charted, place: str, at_ns: int) -> list[Finding]:
        """What was open is moot: the phase has ended."""
        message = f"{charted.tag.name} drifted until the phase ended,{place}."
        return [
            case.say(Stage.CLEARED, at_ns, message, evidence(self.drifting(charted, case), goes_on=False), at_ns)
            for case in charted.cases
        ]

    def _baseline(self, charted: Charted) -> str:
        """The name of the baseline that it is judged by."""
        if charted.rule.target is not None:
            return "given"
        if charted.run is None or not self._charts.judges_by_course[charted.place]:
            return "the first windows of this phase"
        return charted.baselines[charted.key(charted.run)].name
