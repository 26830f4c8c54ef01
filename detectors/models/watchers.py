"""A model at work: the runs that it watches, what is open, and the units that it cannot judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.cases import Case, Evidence, Json, Run, case_from
from detectors.models.multivariate import Contribution
from detectors.models.watch import ModelWatch
from domain.equipment import UnitModel
from domain.models import Model
from domain.tags import Tag

_SAY_AGAIN = 5  # cells until the next version of an open finding, then twice as many, and so on


@dataclass(slots=True, eq=False)
class Open:
    """A finding that is followed."""

    case: Case
    ratio: float
    told: list[Contribution]
    cells: int = 0
    say_at: int = _SAY_AGAIN


@dataclass(slots=True, eq=False)
class Watcher:
    """A model at work; `approver` is empty where nobody approved it."""

    model: Model
    approver: str
    watch: ModelWatch
    runs: dict[int, Run] = field(default_factory=dict)  # by the unit's number in the model
    tags: dict[tuple[int, int], Tag] = field(default_factory=dict)  # by unit and column
    foreign: dict[tuple[int, int], Tag] = field(default_factory=dict)  # those that are counted in something else
    open: dict[tuple[int, str], Open] = field(default_factory=dict)  # by unit and rule
    hurt: set[int] = field(default_factory=set)  # units whose run was outside its tube

    @property
    def version(self) -> str:
        """What stands in its verdicts."""
        return f"model {self.model.version} ({f'approved by {self.approver}' if self.approver else 'advisory'})"

    def says(self, words: str) -> str:
        """A sentence, that begins with how much it weighs."""
        return f"{words[0].upper()}{words[1:]}." if self.approver else f"Advisory, not approved: {words}."

    def evidence(self, followed: Open) -> Evidence:
        """What stands in every finding."""
        return {
            "statistic": followed.ratio,
            "threshold": 1.0,
            "model": self.model.name,
            "model_hash": self.model.hash,
            "approver": self.approver or None,
            "advisory": None if self.approver else "yes",
        }

    def bind(self, tag: Tag, unit: str, units: Mapping[str, UnitModel]) -> None:
        """Read a tag, where it is a parameter of a unit of the model and counted in what the model knows it in."""
        model = self.model
        self.watch.grid.unbind(tag.id)
        if unit not in model.units or unit not in units:
            return
        number = model.units.index(unit)
        for column, role in enumerate(model.parameters):
            if units[unit].parameters.get(role) == tag.name:
                self.foreign.pop((number, column), None)
                if model.reads(tag, column):
                    self.tags[number, column] = tag
                    self.watch.grid.bind(tag.id, number, column)
                else:
                    self.foreign[number, column] = tag
                    self.watch.grid.forget(number, column)

    def unfit(self, units: Mapping[str, UnitModel]) -> dict[int, str]:
        """Units of the model that it cannot judge, by their number, and why."""
        found: dict[int, str] = {}
        for (number, column), tag in sorted(self.foreign.items(), reverse=True):
            told, has = self.model.measures[column] or "no unit", tag.measure or "no unit"
            found[number] = f"{self.model.units[number]}: it knows {tag.name} in {told}, the tag is in {has}"
        for number, name in enumerate(self.model.units):
            there = units.get(name)
            gone = [] if there is None else [role for role in self.model.parameters if role not in there.parameters]
            if there is None:
                found[number] = f"{name}, which is not configured"
            elif gone:
                found[number] = f"{name}, which has no {', '.join(gone)}"
        return dict(sorted(found.items()))

    def state(self) -> Json:
        """All but the tags."""
        return [
            self.model.hash,
            self.approver,
            sorted(self.runs),
            sorted(self.hurt),
            [
                [unit, rule, each.case.state(), each.ratio, [_row(one) for one in each.told], each.cells, each.say_at]
                for (unit, rule), each in sorted(self.open.items())
            ],
            self.watch.state(),
        ]

    def load(self, state: Json, runs: Mapping[str, Run]) -> None:
        """Take back what `state` told, but the watch's own; `runs` by unit."""
        _, _, units, hurt, opened, _ = state
        self.runs = {unit: runs[self.model.units[unit]] for unit in units}
        self.hurt = set(hurt)
        self.open = {
            (unit, rule): Open(case_from(case), ratio, [Contribution(*one) for one in told], cells, say_at)
            for unit, rule, case, ratio, told, cells, say_at in opened
        }


def _row(told: Contribution) -> list[float]:
    return [told.tag, told.share, told.off]
