"""Frozen models as a part of the bank: approved ones judge, the others advise, and say so in every word.

A model is known by the rulebook (the configuration names its file) or by its approval in the journal. What a person
approved judges from the next run of its phase on, and goes on judging when the file is changed: the changed one advises
beside it until it is approved too. Of one name the newest approval counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Case, Json, Origin, Run, case_from, open_case, quantity
from detectors.models.course import FeatureVerdict
from detectors.models.multivariate import Contribution
from detectors.models.watch import ModelWatch, Reading
from detectors.part import Part, Said
from detectors.snapshots import below
from domain.entries import Heartbeat, PersonAction, RowPosition
from domain.findings import Finding, Stage
from domain.models import Library, Model, ModelDecision, no_models
from domain.rules import Rulebook
from domain.tags import Tag

_SAY_AGAIN = 5  # cells until the next version of an open finding, then twice as many, and so on

_WORDS = {
    "model.t2": "{unit} is where it was not in the runs that the model knows (T² {ratio:.1f} times its limit)",
    "model.spe": "the tags of {unit} do not move together as they did (SPE {ratio:.1f} times its limit)",
    "batch.tube": "{unit} leaves the course of the batches before ({ratio:.1f} times the limit)",
    "batch.feature": "the phase that ended on {unit} was unlike those before it ({ratio:.1f} times the limit)",
}
_THAN = {
    "model.t2": "than in those runs",
    "model.spe": "than the others imply",
    "batch.tube": "than the batches before",
}
_AT_END = {
    "model.t2": "{unit} was where it was not in the runs that the model knows",
    "model.spe": "the tags of {unit} did not move together as they did",
    "batch.tube": "{unit} was off the course of the batches before",
}
_OVER = {
    "model.t2": "{unit} is back where it was in the runs that the model knows",
    "model.spe": "the tags of {unit} move together again",
    "batch.tube": "{unit} is back on the course of the batches before",
}


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
    open: dict[tuple[int, str], Open] = field(default_factory=dict)  # by unit and rule
    hurt: set[int] = field(default_factory=set)  # units whose run was outside its tube

    @property
    def version(self) -> str:
        """What stands in its verdicts."""
        return f"model {self.model.version} ({f'approved by {self.approver}' if self.approver else 'advisory'})"

    def says(self, words: str) -> str:
        """A sentence, that begins with how much it weighs."""
        return f"{words[0].upper()}{words[1:]}." if self.approver else f"Advisory, not approved: {words}."


class Models(Part):
    """All models that watch."""

    name = "models"

    def __init__(
        self, rulebook: Rulebook, origin: Origin, runs: Mapping[int, Run], library: Library = no_models
    ) -> None:
        """`runs`: by tag, the run of its unit; only looked at when a state is taken back."""
        self._rulebook, self._origin, self._runs, self._library = rulebook, origin, runs, library
        self._size = 0
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._approved: dict[str, tuple[str, str]] = {}  # by name: hash and approver
        self._missing: dict[str, Case | None] = {}  # approved models that are not installed, by name
        self._watchers: list[Watcher] = []
        self._arrange()

    def _arrange(self) -> list[Watcher]:
        """Make the watchers that there should be, in the order of names, approved ones first; return those that go."""
        wanted: list[tuple[Model, str]] = []
        for name in sorted({*self._rulebook.models, *self._approved}):
            drafted = self._rulebook.models.get(name)
            hash_, approver = self._approved.get(name, ("", ""))
            approved = drafted if drafted is not None and drafted.hash == hash_ else self._library(hash_)
            if approved is not None:
                wanted.append((approved, approver))
                self._missing.pop(name, None)
            elif hash_:
                self._missing.setdefault(name, None)
            if drafted is not None and drafted.hash != hash_:
                wanted.append((drafted, ""))
        before = {(each.model.hash, each.approver): each for each in self._watchers}
        self._watchers = []
        for model, approver in wanted:
            key = (model.hash, approver)
            self._watchers.append(before.pop(key) if key in before else Watcher(model, approver, ModelWatch(model)))
        gone = list(before.values())
        for watcher in self._watchers:
            for other in gone:
                if other.model.hash == watcher.model.hash:
                    watcher.watch.follow(other.watch)
            watcher.watch.grid.grow(self._size)
            for tag, unit in self._tags.values():
                self._bind(watcher, tag, unit)
        return gone

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._size = size
        for watcher in self._watchers:
            watcher.watch.grid.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition, or its new version."""
        self._tags[tag.id] = (tag, unit)
        for watcher in self._watchers:
            self._bind(watcher, tag, unit)

    def _bind(self, watcher: Watcher, tag: Tag, unit: str) -> None:
        model = watcher.model
        watcher.watch.grid.unbind(tag.id)
        if unit not in model.units or unit not in self._rulebook.units:
            return
        roles = [role for role, name in self._rulebook.units[unit].parameters.items() if name == tag.name]
        for column, role in enumerate(model.parameters):
            if role in roles:
                number = model.units.index(unit)
                watcher.watch.grid.bind(tag.id, number, column)
                watcher.tags[number, column] = tag

    def decide(self, action: PersonAction) -> list[ModelDecision | Finding]:
        """Take a person's approval; say what became of it, and clear what the model before had open."""
        error = self._fault_of(action)
        if error:
            return [ModelDecision(action, error)]
        model = self._known(action.subject)
        assert model is not None, "an approval of an unknown model is at fault"
        self._approved[model.name] = (model.hash, action.person)
        found: list[ModelDecision | Finding] = [ModelDecision(action)]
        for watcher in self._arrange():
            for unit, rule in sorted(watcher.open):
                followed = watcher.open[unit, rule]
                words = f"another version of the model {model.name} was approved; {model.units[0]} is judged anew by it"
                at_ns = max(action.at_ns, followed.case.onset_ns)
                found.append(
                    followed.case.say(Stage.CLEARED, at_ns, watcher.says(words), _evidence(watcher, followed), at_ns)
                )
        return found

    def _known(self, hash_: str) -> Model | None:
        drafted = next((each for each in self._rulebook.models.values() if each.hash == hash_), None)
        return drafted if drafted is not None else self._library(hash_)

    def _fault_of(self, action: PersonAction) -> str:
        """Why an approval counts for nothing; empty if it counts."""
        model = self._known(action.subject)
        if model is None:
            return f"no model with the hash {action.subject[:12]} is installed here"
        if not action.person.strip():
            return "nobody stands behind it"
        if _folded(action.person) == _folded(model.trainer):
            return f"{action.person} trained {model.name}: a second person approves"
        return "" if action.comment.strip() else "it has no reason"

    def judge(self, frame: Frame) -> list[Said]:
        """Feed every model with the rows; judge the cells that they close."""
        said: list[tuple[int, int, int, Finding]] = []
        for number, watcher in enumerate(self._watchers):
            for closed in watcher.watch.grid.feed(frame):
                for reading in watcher.watch.read(closed):
                    place, position = frame.place(reading.row), frame.rows.position(reading.row)
                    found = self._told(watcher, reading, position)
                    said += [(place, number, reading.end_ns, finding) for finding in found]
        # Cells of several units are read at once, and those of one model before the next one's: order as one by one.
        said.sort(key=lambda each: each[:3])
        return [(place, finding) for place, _, _, finding in said]

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Watch with the models of this phase."""
        product = "" if run.recipe is None else run.recipe.product
        for watcher in self._watchers:
            model = watcher.model
            if run.unit in model.units and run.phase == model.phase and model.product in ("", product):
                unit = model.units.index(run.unit)
                if unit in watcher.runs and watcher.runs[unit].instance == run.instance:
                    continue  # a tag of the unit was defined in the middle of the run
                watcher.runs[unit] = run
                watcher.hurt.discard(unit)
                watcher.watch.begin(unit, run.start_ns + model.after_ns, product)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Read the last cells, say what the whole of the phase was like, and let what was open be moot."""
        found: list[Finding] = []
        for watcher in self._watchers:
            unit = next((unit for unit, each in watcher.runs.items() if each.unit == run.unit), None)
            if unit is None:
                continue
            for closed in watcher.watch.grid.flush(unit, at_ns):
                for reading in watcher.watch.read(closed):
                    found += self._told(watcher, reading, position)
            found += self._end(watcher, unit, run, at_ns, position)
        return found

    def _end(self, watcher: Watcher, unit: int, run: Run, at_ns: int, position: RowPosition) -> list[Finding]:
        found: list[Finding] = []
        for key in sorted(key for key in watcher.open if key[0] == unit):
            followed = watcher.open.pop(key)
            words = f"{_AT_END[key[1]].format(unit=run.unit)} until the end of{run.place.removeprefix(' in')}"
            found.append(
                followed.case.say(Stage.CLEARED, at_ns, watcher.says(words), _evidence(watcher, followed), at_ns)
            )
        verdict = watcher.watch.end(unit, run.batch, sound=unit not in watcher.hurt)
        if verdict is not None and not verdict.ratio <= 1.0:
            found.append(self._feature(watcher, unit, run, verdict, at_ns, position))
        del watcher.runs[unit]
        return found

    def _feature(
        self, watcher: Watcher, unit: int, run: Run, verdict: FeatureVerdict, at_ns: int, position: RowPosition
    ) -> Finding:
        case = self._case(watcher, "batch.feature", run, run.start_ns, position)
        followed = Open(case, verdict.ratio, verdict.contributions)
        names = self._feature_words(watcher, unit, verdict.contributions)
        evidence = {
            **_evidence(watcher, followed),
            **self._tops(watcher, unit, verdict.contributions),
            "references": ", ".join(verdict.before),
            "reference_batches": len(verdict.before),
        }
        words = _WORDS["batch.feature"].format(unit=run.unit, ratio=min(verdict.ratio, 1e9))
        count = len(verdict.before)
        against = f"{count} batches before" if count else "the runs that the model was fitted on"
        words = f"{words}: {names}, against {against},{run.place}"
        return case.say(Stage.CLEARED, at_ns, watcher.says(words), evidence, at_ns)

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Say which approved models are not installed, so that nobody believes that they judge."""
        found: list[Finding] = []
        for name in sorted(name for name, case in self._missing.items() if case is None):
            case = open_case(self._origin, "model.missing", name, heartbeat.now_ns, position, None)
            self._missing[name] = case
            hash_, approver = self._approved[name]
            message = (
                f"The model {name} {hash_[:12]} that {approver} approved is not installed here: it judges nothing."
            )
            found.append(case.say(Stage.OPEN, heartbeat.now_ns, message, {"model": hash_}))
        return found

    def _told(self, watcher: Watcher, reading: Reading, position: RowPosition) -> list[Finding]:
        """What follows from a cell in which something is or was out."""
        found: list[Finding] = []
        run = watcher.runs[reading.unit]
        for which, rule in enumerate(watcher.watch.judge.rules):
            key = (reading.unit, rule)
            followed = watcher.open.get(key)
            ratio = float(reading.ratio[which])
            if reading.is_out[which]:
                watcher.hurt.add(reading.unit)
                told = watcher.watch.judge.contributions(reading.unit, which) if ratio > 1.0 else []
                if followed is None:
                    case = self._case(watcher, rule, run, int(reading.since_ns[which]), position)
                    followed = watcher.open[key] = Open(case, ratio, told)
                    found.append(self._say(watcher, reading, followed, run))
                    continue
                followed.cells += 1
                if ratio > followed.ratio:
                    followed.ratio, followed.told = ratio, told
                if followed.cells >= followed.say_at:
                    followed.say_at *= 2
                    found.append(self._say(watcher, reading, followed, run))
            elif followed is not None:
                del watcher.open[key]
                words = f"{_OVER[rule].format(unit=run.unit)},{run.place}"
                evidence = {**_evidence(watcher, followed), **self._tops(watcher, reading.unit, followed.told)}
                end_ns = reading.end_ns
                found.append(followed.case.say(Stage.CLEARED, end_ns, watcher.says(words), evidence, end_ns))
        return found

    def _case(self, watcher: Watcher, rule: str, run: Run, onset_ns: int, position: RowPosition) -> Case:
        case = open_case(self._origin, rule, run.unit, onset_ns, position, run)
        # Two models may speak of one unit at one row.
        case.id = case.id.replace(rule, f"{rule}/{watcher.model.version}", 1)
        case.ranges_version = watcher.version
        return case

    def _say(self, watcher: Watcher, reading: Reading, followed: Open, run: Run) -> Finding:
        words = _WORDS[followed.case.rule].format(unit=run.unit, ratio=min(followed.ratio, 1e9))
        names = self._names(watcher, reading.unit, followed.told, followed.case.rule)
        evidence = {**_evidence(watcher, followed), **self._tops(watcher, reading.unit, followed.told)}
        text = watcher.says(f"{words}: {names},{run.place}" if names else f"{words},{run.place}")
        return followed.case.say(Stage.OPEN, reading.end_ns, text, evidence)

    def _names(self, watcher: Watcher, unit: int, told: list[Contribution], rule: str) -> str:
        """`R101.TT 2.1 degC higher, R101.PT 0.08 bar lower than the others imply`."""
        named = []
        for each in told:
            tag = watcher.tags.get((unit, each.tag))
            name = watcher.model.parameters[each.tag] if tag is None else tag.name
            side = "higher" if each.off > 0 else "lower"
            named.append(f"{name} {quantity(abs(each.off), '' if tag is None else tag.unit, digits=3)} {side}")
        return f"{', '.join(named)} {_THAN[rule]}" if named else ""

    def _feature_words(self, watcher: Watcher, unit: int, told: list[Contribution]) -> str:
        columns = len(watcher.model.parameters)
        named = []
        for each in told:
            tag = watcher.tags.get((unit, each.tag % columns))
            name = watcher.model.parameters[each.tag % columns] if tag is None else tag.name
            if each.tag < columns:
                side = "higher" if each.off > 0 else "lower"
                named.append(f"{name} {quantity(abs(each.off), '' if tag is None else tag.unit, digits=3)} {side}")
            else:
                named.append(f"{name} {'more' if each.off > 0 else 'less'} restless")
        return ", ".join(named)

    def _tops(self, watcher: Watcher, unit: int, told: list[Contribution]) -> dict[str, float | int | str | None]:
        columns = len(watcher.model.parameters)
        evidence: dict[str, float | int | str | None] = {}
        for number, each in enumerate(told, start=1):
            tag = watcher.tags.get((unit, each.tag % columns))
            evidence[f"top{number}"] = watcher.model.parameters[each.tag % columns] if tag is None else tag.name
            evidence[f"top{number}_of"] = "value" if each.tag < columns else "spread"
            evidence[f"top{number}_share"] = each.share
            evidence[f"top{number}_off"] = each.off
        return evidence

    def state(self) -> Json:
        """Approvals, runs and what is open."""
        return {
            "approved": self._approved,
            "missing": {name: None if case is None else case.state() for name, case in sorted(self._missing.items())},
            "watchers": [
                [
                    watcher.model.hash,
                    watcher.approver,
                    sorted(watcher.runs),
                    sorted(watcher.hurt),
                    [
                        [
                            unit,
                            rule,
                            each.case.state(),
                            each.ratio,
                            [_row(one) for one in each.told],
                            each.cells,
                            each.say_at,
                        ]
                        for (unit, rule), each in sorted(watcher.open.items())
                    ],
                    watcher.watch.state(),
                ]
                for watcher in self._watchers
            ],
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays of each watch, by its number."""
        return {
            f"{number}/{key}": array
            for number, watcher in enumerate(self._watchers)
            for key, array in watcher.watch.arrays().items()
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told; a model that is gone judges no more."""
        self.load_approvals(state)
        runs = {run.unit: run for run in self._runs.values()}
        self._missing = {name: None if case is None else case_from(case) for name, case in state["missing"].items()}
        by_key = {(each.model.hash, each.approver): each for each in self._watchers}
        for number, (hash_, approver, units, hurt, opened, inner) in enumerate(state["watchers"]):
            watcher = by_key.get((hash_, approver))
            if watcher is None:
                continue
            watcher.watch.load(inner, below(arrays, str(number)))
            names = watcher.model.units
            watcher.runs = {unit: runs[names[unit]] for unit in units}
            watcher.hurt = set(hurt)
            watcher.open = {
                (unit, rule): Open(case_from(case), ratio, [Contribution(*one) for one in told], cells, say_at)
                for unit, rule, case, ratio, told, cells, say_at in opened
            }

    def load_approvals(self, state: Json) -> None:
        """Take what people approved from a state, of these rules or of others."""
        self._approved = {name: (hash_, approver) for name, (hash_, approver) in state["approved"].items()}
        self._arrange()

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take from a state of other rules what people approved, and the batches that later ones are compared with."""
        self.load_approvals(state)
        for number, (hash_, _, _, _, _, inner) in enumerate(state["watchers"]):
            for watcher in self._watchers:
                if watcher.model.hash == hash_:
                    before = ModelWatch(watcher.model)
                    before.load(inner, below(arrays, str(number)))
                    watcher.watch.follow(before)


def _folded(name: str) -> str:
    """A person's name, however it is written."""
    return " ".join(name.casefold().split())


def _row(told: Contribution) -> list[float]:
    return [told.tag, told.share, told.off]


def _evidence(watcher: Watcher, followed: Open) -> dict[str, float | int | str | None]:
    return {
        "statistic": followed.ratio,
        "threshold": 1.0,
        "model": watcher.model.name,
        "model_hash": watcher.model.hash,
        "approver": watcher.approver or None,
        "advisory": None if watcher.approver else "yes",
    }
