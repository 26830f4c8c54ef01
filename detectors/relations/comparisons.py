"""Report instruments of a unit that contradict each other, and phases that do not do what is expected of them.

Every minute of the heartbeats, in a run of a phase, each relation of the unit is judged on the means of its windows; a
relation is violated after `IN_A_ROW` windows beyond its limit and agrees again after as many within. While it agrees,
the first windows of a phase are learnt. Relations are not judged where one of their readings is missing or Bad.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case, quantity, recipe_version
from detectors.part import Part, Said
from detectors.relations.expectations import Expected, expected
from detectors.relations.residuals import Learnt, Relation, relations
from detectors.relations.windows import History, Sums, Window
from domain.checks import Expectation
from domain.entries import Heartbeat, RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS, format_duration

IN_A_ROW: Final = 3
_BEFORE: Final = 10  # windows that a reading is compared with, to say whether it moved
_WIDTHS: Final = 1.0


@dataclass(slots=True, eq=False)
class Judged:
    """A relation in the run that goes on."""

    residual: float | None = None
    mean: float = 0.0
    limit: float | None = None
    beyond: int = 0  # windows in a row beyond the limit; below 0: within
    since_ns: int = 0
    suspect: str = ""
    sudden: bool = False  # from well within the limit to beyond it from one window to the next
    case: Case | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether the instruments agree; None: nobody can tell."""
        if self.residual is None or self.limit is None:
            return None
        return self.beyond <= 0 and self.case is None


@dataclass(slots=True, eq=False)
class Compared:
    """A unit whose instruments are compared."""

    name: str
    relations: tuple[Relation, ...]
    tags: dict[str, Tag] = field(default_factory=dict)  # by role
    run: Run | None = None
    history: History = field(default_factory=History)
    judged: dict[str, Judged] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)  # of expectations, by key


class Comparisons(Part):
    """Relations and expectations of all units that have any."""

    name = "comparisons"

    def __init__(self, rulebook: Rulebook, origin: Origin) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._sums = Sums()
        self._learnt: dict[str, Learnt] = {}
        self.units: dict[str, Compared] = {}
        expecting = {
            each.role
            for recipe in rulebook.recipes.values()
            for phase in recipe.phases.values()
            for each in phase.expects
        }
        self._roles: dict[str, frozenset[str]] = {}
        for name, model in rulebook.units.items():
            roles = model.checks.roles | (expecting & set(model.parameters))
            if roles:
                self._roles[name] = roles
                self.units[name] = Compared(name, relations(model.checks))

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._sums.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        for compared in self.units.values():
            compared.tags = {role: known for role, known in compared.tags.items() if known.id != tag.id}
        compared_now = self.units.get(unit)
        self._sums.watched[tag.id] = False
        if compared_now is None or tag.kind == "text":
            return
        for role, name in self._rulebook.units[unit].parameters.items():
            if name == tag.name and role in self._roles[unit]:
                compared_now.tags[role] = tag
                self._sums.watched[tag.id] = True
        compared_now.tags = dict(sorted(compared_now.tags.items()))

    def judge(self, frame: Frame) -> list[Said]:
        """Add the readings to their windows."""
        if self.units:
            self._sums.add(frame)
        return []

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Compare within this run."""
        compared = self.units.get(run.unit)
        if compared is None or compared.run is run:
            return
        compared.run = run
        compared.history.clear()
        compared.judged = {
            each.key: Judged() for each in compared.relations if run.phase in (each.phases or (run.phase,))
        }
        compared.expected = {key: Expected() for key in self._expectations(run)}
        for tag in compared.tags.values():
            self._sums.begin(tag.id)

    def _expectations(self, run: Run) -> Mapping[str, Expectation]:
        # What is expected is no validated range: it judges as the file says, whatever version is in force.
        recipe = None if run.recipe is None else self._rulebook.recipes.get(run.recipe.product)
        phase = None if recipe is None else recipe.phases.get(run.phase)
        return {} if phase is None else {f"{number}/{each.role}": each for number, each in enumerate(phase.expects)}

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """What was open is moot."""
        compared = self.units.get(run.unit)
        if compared is None:
            return []
        open_ones = [(judged.case, "") for judged in compared.judged.values() if judged.case is not None]
        open_ones += [(case, compared.expected[key].side) for key, case in compared.cases.items()]
        found = [
            case.say(Stage.CLEARED, at_ns, f"{case.subject}: so until the phase ended,{run.place}.", _on(side), at_ns)
            for case, side in open_ones
        ]
        compared.judged, compared.expected, compared.run = {}, {}, None
        compared.cases.clear()
        compared.history.clear()
        return found

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Close the windows of the units whose minute is over, and judge them."""
        found: list[Finding] = []
        for compared in self.units.values():
            history = compared.history
            if compared.run is None:
                continue
            if history.next_ns is None or heartbeat.now_ns < history.next_ns - MINUTE_NS:
                history.next_ns = heartbeat.now_ns + MINUTE_NS
            elif heartbeat.now_ns >= history.next_ns:
                tags = {role: int(tag.id) for role, tag in compared.tags.items()}
                window = self._sums.close(history, tags, heartbeat.now_ns)
                found += self._relate(compared, compared.run, window, position)
                found += self._expect(compared, compared.run, window, position)
        return found

    def _relate(self, compared: Compared, run: Run, window: Window, position: RowPosition) -> list[Finding]:
        found: list[Finding] = []
        for relation in compared.relations:
            judged = compared.judged.get(relation.key)
            if judged is None:
                continue
            before, residual = judged.residual, relation.residual(compared.history.windows)
            judged.residual = residual
            if residual is None:
                continue
            learnt = self._learnt.setdefault(self._key(relation, run), Learnt())
            judged.mean = relation.centre if relation.limit is not None else learnt.mean
            judged.limit = relation.limit if relation.limit is not None else learnt.limit
            # Proven within: a residual that is no number is not.
            within = judged.limit is None or abs(residual - judged.mean) <= judged.limit
            if within:
                judged.beyond = min(judged.beyond, 0) - 1
                if judged.case is None:
                    learnt.learn(residual)
            else:
                if judged.beyond <= 0:
                    judged.since_ns = window.at_ns
                    judged.sudden = before is not None and abs(before - judged.mean) <= 0.5 * (judged.limit or 0.0)
                judged.beyond = max(judged.beyond, 0) + 1
            if judged.case is None and judged.beyond == IN_A_ROW:
                found.append(self._violated(compared, relation, judged, run, window, position))
            elif judged.case is not None and judged.beyond == -IN_A_ROW:
                message = f"{self._names(compared, relation)} agree again,{run.place}."
                case, judged.case = judged.case, None
                found.append(case.say(Stage.CLEARED, window.at_ns, message, {"residual": residual}, window.at_ns))
        return found

    def _key(self, relation: Relation, run: Run) -> str:
        product = "" if run.recipe is None else recipe_version(run.recipe).rpartition(" ")[0]
        return f"{run.unit}/{product}/{run.phase}/{relation.key}"

    def _names(self, compared: Compared, relation: Relation) -> str:
        names = [compared.tags[role].name for role in relation.roles if role in compared.tags]
        return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)

    def _violated(
        self, compared: Compared, relation: Relation, judged: Judged, run: Run, window: Window, position: RowPosition
    ) -> Finding:
        judged.suspect = self._suspect(compared, relation, judged.since_ns) if judged.sudden else ""
        tag = compared.tags.get(judged.suspect)
        subject = run.unit if tag is None else tag.name
        case = judged.case = open_case(self._origin, relation.rule, subject, judged.since_ns, position, run)
        residual = judged.residual or 0.0
        evidence: dict[str, float | int | str | None] = {
            "residual": residual,
            "usual": judged.mean,
            "limit": judged.limit,
            "suspect": "" if tag is None else tag.name,
            "tags": ", ".join(compared.tags[role].name for role in relation.roles if role in compared.tags),
        }
        if relation.limit is None:
            evidence["learnt"] = f"from {self._learnt[self._key(relation, run)].windows} windows"
        for role in relation.roles:
            if role in window.mean:
                evidence[f"value_{role}"] = window.mean[role]
        message = self._sentence(compared, relation, judged, window)
        return case.say(Stage.OPEN, window.at_ns, f"{message},{run.place}.", evidence)

    def _sentence(self, compared: Compared, relation: Relation, judged: Judged, window: Window) -> str:
        names = self._names(compared, relation)
        suspect = compared.tags.get(judged.suspect)
        moved = "" if suspect is None else f"; it is {suspect.name} that moved"
        if relation.rule == "pair.split":
            one, other = (window.mean[role] for role in relation.roles)
            units = [compared.tags[role].unit for role in relation.roles]
            told = quantity(one, units[0], digits=4, against=other), quantity(other, units[1], digits=4, against=one)
            return f"{names} do not agree: {told[0]} and {told[1]}{moved}"
        if relation.rule == "vapour.split":
            return (
                f"{names} do not agree: the contents are {judged.residual or 0.0:.3g} degrees away from where they boil"
                f" at this pressure{moved}"
            )
        if relation.rule == "jacket.balance":
            share = (judged.residual or 0.0) / judged.mean if judged.mean else 0.0
            return f"{names} do not agree: the contents warm at {share:.0%} of what the jacket usually gives"
        gained = (judged.residual or 0.0) - judged.mean
        unit = compared.tags[relation.roles[0]].unit
        return f"{names} do not agree: the level gained {quantity(gained, unit, digits=3)} more than came in"

    def _suspect(self, compared: Compared, relation: Relation, since_ns: int) -> str:
        """Of a pair that split at once, the role that moved clearly more; empty: nobody can tell.

        Where they part slowly, the one that moves may be right, and the other one stuck.
        """
        if len(relation.roles) != 2 or relation.rule == "jacket.balance":
            return ""
        moves = [self._move(compared, role, since_ns) for role in relation.roles]
        if any(each is None for each in moves):
            return ""
        one, other = (abs(each or 0.0) for each in moves)
        if one > 2.0 * other:
            return relation.roles[0]
        return relation.roles[1] if other > 2.0 * one else ""

    def _before(self, compared: Compared, role: str, since_ns: int) -> list[float]:
        before = [
            each.mean[role]
            for each in compared.history.windows
            if role in each.mean and each.at_ns < since_ns - MINUTE_NS
        ]
        return before[-_BEFORE:]

    def _move(self, compared: Compared, role: str, since_ns: int) -> float | None:
        """How far a parameter has moved since a time, beyond where its course before leads."""
        before, windows = self._before(compared, role, since_ns), compared.history.windows
        if len(before) < _BEFORE // 2 or role not in windows[-1].mean:
            return None
        return windows[-1].mean[role] - float(np.mean(before[-3:]))

    def has_moved(self, unit: str, role: str, since_ns: int) -> float | None:
        """By how much a parameter is out of the band that it kept before a time, the band's width beside it allowed.

        0: it is not. None: too little is known.
        """
        compared = self.units.get(unit)
        if compared is None or not compared.history.windows:
            return None
        before = self._before(compared, role, since_ns)
        newest = [each.mean[role] for each in list(compared.history.windows)[-2:] if role in each.mean]
        if len(before) < _BEFORE // 2 or not newest:
            return None
        low, high = min(before), max(before)
        allowed = _WIDTHS * max(high - low, 1e-9)
        value = float(np.mean(newest))
        outside = value > high + allowed or value < low - allowed
        return value - float(np.mean(before)) if outside else 0.0

    def _expect(self, compared: Compared, run: Run, window: Window, position: RowPosition) -> list[Finding]:
        found: list[Finding] = []
        for key, expectation in self._expectations(run).items():
            tag, state = compared.tags.get(expectation.role), compared.expected.get(key)
            if tag is None or state is None or window.at_ns < run.start_ns + expectation.after_ns:
                continue
            told = expected(expectation, state, compared.history.windows, tag)
            case = compared.cases.get(key)
            if told is not None and case is None and window.at_ns - state.since_ns >= expectation.for_ns:
                case = open_case(self._origin, "phase.expectation", tag.name, state.since_ns, position, run)
                compared.cases[key], state.side = case, told.side
                lasted = format_duration(window.at_ns - state.since_ns)
                evidence = {**told.evidence, "for_ns": expectation.for_ns, **_on(state.side)}
                found.append(
                    case.say(Stage.OPEN, window.at_ns, f"{told.sentence}, for {lasted},{run.place}.", evidence)
                )
            elif told is None and case is not None and state.within >= IN_A_ROW:
                del compared.cases[key]
                message = f"{tag.name} does what is expected of it again,{run.place}."
                found.append(case.say(Stage.CLEARED, window.at_ns, message, _on(state.side), window.at_ns))
        return found

    def state(self) -> Json:
        """All but the open windows."""
        return {
            "learnt": {key: [each.windows, each.mean, each.square] for key, each in sorted(self._learnt.items())},
            "units": {name: _unit_state(each) for name, each in self.units.items()},
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The open windows."""
        return self._sums.arrays()

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._sums.load(arrays)
        self.carry_over(state, arrays)
        for name, each in state["units"].items():
            _load_unit(self.units[name], each)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep what is learnt of each relation."""
        self._learnt = {key: Learnt(*each) for key, each in state["learnt"].items()}

    def runs_again(self, runs: Mapping[str, Run]) -> None:
        """Take the runs that go on, by unit, once the units' context is known."""
        for name, compared in self.units.items():
            compared.run = runs.get(name)


def _on(side: str) -> Evidence:
    """On which side of the expected it is, in every version: the alarm of that side has it as a hint."""
    return {"side": side} if side else {}


def _unit_state(compared: Compared) -> Json:
    return {
        "history": compared.history.state(),
        "judged": {
            key: [
                each.residual,
                each.mean,
                each.limit,
                each.beyond,
                each.since_ns,
                each.suspect,
                each.sudden,
                None if each.case is None else each.case.state(),
            ]
            for key, each in compared.judged.items()
        },
        "expected": {
            key: [each.since_ns, each.within, each.over, each.side] for key, each in compared.expected.items()
        },
        "cases": {key: case.state() for key, case in compared.cases.items()},
    }


def _load_unit(compared: Compared, state: Json) -> None:
    compared.history.load(state["history"])
    compared.judged = {}
    for key, (residual, mean, limit, beyond, since_ns, suspect, sudden, case) in state["judged"].items():
        opened = None if case is None else case_from(case)
        compared.judged[key] = Judged(residual, mean, limit, beyond, since_ns, suspect, sudden, opened)
    compared.expected = {key: Expected(*each) for key, each in state["expected"].items()}
    compared.cases = {key: case_from(case) for key, case in state["cases"].items()}
