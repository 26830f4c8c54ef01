"""What cannot be: a batch that returns, a phase without one or out of its order, an end before its start.

Each is a finding of its own (`context.impossible`) whose evidence names the kind in `what`. It changes nothing: what
was told stays in the record, and what follows from it is said where it is applied.
"""

from collections.abc import Iterable

from detectors.cases import Evidence, Json, Origin, Run, open_case
from detectors.context.units import Change, Role, Unit
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.recipes import Recipe, UnitProcedure, unit_procedures

MOST_BATCHES = 256
"""Batches remembered as ended or as having left, in all and of each unit; the oldest go first."""


class Occupancy:
    """Which batch is where, as far as that tells what cannot be."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._ended: dict[str, int] = {}  # batches that ended for good, and when
        self._left: dict[str, dict[str, int]] = {}  # by unit: batches that were on it, and when they left
        self._newest: dict[str, str] = {}  # by unit: the newest batch
        self._phase: dict[str, tuple[str, str]] = {}  # by unit: batch, and its newest phase

    def ended(self, batch: str, at_ns: int) -> None:
        """A batch ended for good."""
        _remember(self._ended, batch, at_ns)

    def left(self, unit: str, batch: str, at_ns: int) -> None:
        """A batch ended on a unit."""
        _remember(self._left.setdefault(unit, {}), batch, at_ns)

    def batch_changed(self, unit: Unit, change: Change) -> list[Finding]:
        """A unit's batch is another one since a change."""
        name, batch = unit.model.name, unit.batch
        newest = self._newest.get(name, "")
        if not batch:
            return []
        if newest and newest != batch:
            self.left(name, newest, change.time_ns)
        self._newest[name] = batch
        ended_ns, left_ns = self._ended.get(batch), self._left.get(name, {}).get(batch)
        if ended_ns is None and left_ns is None:
            return []
        where = "ended" if left_ns is None else f"left {name}"
        message = f"Batch {batch} is on {name} again, after it had {where}: a batch does not come back under its name."
        evidence: Evidence = {"ended_ns": ended_ns, "left_ns": left_ns}
        return [
            self.impossible(("returns", ""), name, batch, change.time_ns, change.position, message, evidence, unit.run)
        ]

    def phase_began(self, unit: Unit, run: Run, units: Iterable[Unit]) -> list[Finding]:
        """A run of a phase begins on a unit, beside what the other units do."""
        found: list[Finding] = []
        name = unit.model.name
        if not run.batch:
            if unit.log.get(Role.BATCH):  # else nobody has said anything of batches yet
                found += self._without_batch(unit, run)
        elif run.recipe is not None and run.recipe.procedure:
            found += self._out_of_order(name, run, run.recipe)
            found += self._on_two_units(unit, run, run.recipe, units)
        self._phase[name] = (run.batch, run.phase)
        return found

    def _without_batch(self, unit: Unit, run: Run) -> list[Finding]:
        if run.phase in unit.model.cleaning_phases:
            return []
        message = f"{run.unit} is in phase {run.phase}, and nothing says of which batch."
        return [self._of_run("no batch", run, message, {})]

    def _out_of_order(self, unit: str, run: Run, recipe: Recipe) -> list[Finding]:
        batch, before = self._phase.get(unit, ("", ""))
        mine = _procedures(recipe, unit, run.phase)
        if not mine:
            if run.phase not in recipe.phases:
                return []
            message = f"{unit} is in phase {run.phase} of batch {run.batch}: {recipe.product} has no such phase there."
            return [self._of_run("order", run, message, {"before": ""})]
        if batch != run.batch or not _procedures(recipe, unit, before) or before == run.phase:
            return []
        follows = any(
            (index == 0 and before not in each.phases) or (index > 0 and each.phases[index - 1] == before)
            for each in mine
            for index in range(len(each.phases))
            if each.phases[index] == run.phase
        )
        if follows:
            return []
        message = (
            f"{unit} went from phase {before} to phase {run.phase} in batch {run.batch}: "
            f"the procedure of {recipe.product} v{recipe.version} has no such step."
        )
        return [self._of_run("order", run, message, {"before": before})]

    def _on_two_units(self, unit: Unit, run: Run, recipe: Recipe, units: Iterable[Unit]) -> list[Finding]:
        mine = _procedures(recipe, run.unit, run.phase)
        others = [
            other.run for other in units if other is not unit and other.run is not None and other.run.batch == run.batch
        ]
        apart = [other for other in others if not _at_once(mine, _procedures(recipe, other.unit, other.phase))]
        if not apart:
            return []
        places = " and ".join(f"{other.unit} ({other.phase})" for other in apart)
        message = (
            f"Batch {run.batch} is on {run.unit} ({run.phase}) and on {places} at once: "
            f"{recipe.product} v{recipe.version} has one unit for that."
        )
        return [self._of_run("two units", run, message, {"others": ", ".join(other.unit for other in apart)})]

    def _of_run(self, what: str, run: Run, message: str, evidence: Evidence) -> Finding:
        return self.impossible(
            (what, run.label), run.unit, run.batch, run.start_ns, run.start_position, message, evidence, run
        )

    def impossible(
        self,
        what: tuple[str, str],
        subject: str,
        batch: str,
        at_ns: int,
        position: RowPosition,
        message: str,
        evidence: Evidence,
        run: Run | None = None,
    ) -> Finding:
        """Say what cannot be, and where; it is over as it is said.

        `what` is its kind, and what tells it from another of its kind that the same entry tells.
        """
        kind, detail = what
        case = open_case(self._origin, "context.impossible", subject, at_ns, position, run, subject)
        case.batch = batch
        # One entry may tell several things that cannot be: each has an identity of its own.
        case.id = f"context.impossible/{subject}/{batch}/{kind}/{detail}/{position.entry}.{position.row}"
        return case.say(Stage.CLEARED, at_ns, message, {"what": kind, **evidence}, at_ns)

    def state(self) -> Json:
        """All of it."""
        return {
            "ended": self._ended,
            "left": self._left,
            "newest": self._newest,
            "phase": {unit: list(each) for unit, each in self._phase.items()},
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._ended, self._left, self._newest = state["ended"], state["left"], state["newest"]
        self._phase = {unit: (batch, phase) for unit, (batch, phase) in state["phase"].items()}


def _remember(told: dict[str, int], batch: str, at_ns: int) -> None:
    told.pop(batch, None)
    told[batch] = at_ns
    while len(told) > MOST_BATCHES:
        del told[next(iter(told))]


def _procedures(recipe: Recipe, unit: str, phase: str) -> list[UnitProcedure]:
    """The unit procedures that have a phase and may be done on a unit."""
    return [
        each
        for each in unit_procedures(recipe.procedure)
        if phase in each.phases and (not each.units or unit in each.units)
    ]


def _at_once(some: list[UnitProcedure], others: list[UnitProcedure]) -> bool:
    """Whether two units may be in these at once: each has a unit procedure of its own, or one of them is in none."""
    return not some or not others or any(one is not other for one in some for other in others)
