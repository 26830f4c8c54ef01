"""Frozen models as a part of the bank: approved ones judge, the others advise, and say so in every word.

A model is known by the rulebook (the configuration names its file) or by its approval in the journal. What a person
approved judges from the next run of its phase on, and goes on judging when the file is changed: the changed one advises
beside it until it is approved too. Of one name the newest approval counts.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Case, Json, Origin, Run, open_case
from detectors.models.approvals import Approvals, Silences
from detectors.models.course import FeatureVerdict
from detectors.models.telling import AT_END, BEGINS, OVER, feature_names, names, tops
from detectors.models.watch import ModelWatch, Reading
from detectors.models.watchers import Open, Watcher
from detectors.part import Part, Said
from detectors.snapshots import Arrays, below
from domain.entries import Heartbeat, PersonAction, RowPosition
from domain.findings import Finding, Stage
from domain.models import Library, ModelDecision, no_models
from domain.rules import Rulebook
from domain.tags import Tag


class Models(Part):
    """All models that watch."""

    name = "models"

    def __init__(
        self, rulebook: Rulebook, origin: Origin, runs: Mapping[int, Run], library: Library = no_models
    ) -> None:
        """`runs`: by tag, the run of its unit; only looked at when a state is taken back."""
        self._rulebook, self._origin, self._runs = rulebook, origin, runs
        self._approvals, self._silences = Approvals(rulebook, library), Silences(origin)
        self._silent: dict[str, str] = {}
        self._unfit: list[set[int]] = []  # by watcher: the units that it cannot judge
        self._looked = False  # both are as of now
        self._size = 0
        self._tags: dict[int, tuple[Tag, str]] = {}
        self._watchers: list[Watcher] = []
        self._arrange()

    def _arrange(self) -> list[Watcher]:
        """Make the watchers that there should be; return those that go."""
        before = {(each.model.hash, each.approver): each for each in self._watchers}
        self._watchers = []
        for model, approver in self._approvals.wanted():
            key = (model.hash, approver)
            self._watchers.append(before.pop(key) if key in before else Watcher(model, approver, ModelWatch(model)))
        gone = list(before.values())
        for watcher in self._watchers:
            for other in gone:
                if other.model.hash == watcher.model.hash:
                    watcher.watch.follow(other.watch)
            watcher.watch.grid.grow(self._size)
            for tag, unit in self._tags.values():
                watcher.bind(tag, unit, self._rulebook.units)
        self._looked = False
        return gone

    def _look(self) -> None:
        """See which units the models cannot judge, and what that is to people."""
        if not self._looked:
            self._unfit = [set(watcher.unfit(self._rulebook.units)) for watcher in self._watchers]
            self._silent = self._approvals.silent(self._watchers)
            self._looked = True

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._size = size
        for watcher in self._watchers:
            watcher.watch.grid.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition, or its new version."""
        self._tags[tag.id] = (tag, unit)
        for watcher in self._watchers:
            watcher.bind(tag, unit, self._rulebook.units)
        self._looked = False

    def decide(self, action: PersonAction) -> list[ModelDecision | Finding]:
        """Take a person's approval; say what became of it, and clear what the model before had open."""
        error = self._approvals.take(action)
        if error:
            return [ModelDecision(action, error)]
        found: list[ModelDecision | Finding] = [ModelDecision(action)]
        for watcher in self._arrange():
            for (unit, _), followed in sorted(watcher.open.items()):
                name, at = watcher.model.name, watcher.model.units[unit]
                words = f"another version of the model {name} was approved; {at} is judged anew by it"
                at_ns = max(action.at_ns, followed.case.onset_ns)
                evidence = watcher.evidence(followed)
                found.append(followed.case.say(Stage.CLEARED, at_ns, watcher.says(words), evidence, at_ns))
        return found

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
        self._look()
        product = "" if run.recipe is None else run.recipe.product
        for watcher, unfit in zip(self._watchers, self._unfit, strict=True):
            model = watcher.model
            if run.unit in model.units and run.phase == model.phase and model.product in ("", product):
                unit = model.units.index(run.unit)
                if unit in unfit or (unit in watcher.runs and watcher.runs[unit].instance == run.instance):
                    continue  # or a tag of the unit was defined in the middle of the run
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
            words = f"{AT_END[key[1]].format(unit=run.unit)} until the end of{run.place.removeprefix(' in')}"
            found.append(
                followed.case.say(Stage.CLEARED, at_ns, watcher.says(words), watcher.evidence(followed), at_ns)
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
        named = feature_names(watcher, unit, verdict.contributions)
        evidence = {
            **watcher.evidence(followed),
            **tops(watcher, unit, verdict.contributions),
            "references": ", ".join(verdict.before),
            "reference_batches": len(verdict.before),
        }
        words = BEGINS["batch.feature"].format(unit=run.unit, ratio=min(verdict.ratio, 1e9))
        count = len(verdict.before)
        against = f"{count} batches before" if count else "the runs that the model was fitted on"
        words = f"{words}: {named}, against {against},{run.place}"
        return case.say(Stage.CLEARED, at_ns, watcher.says(words), evidence, at_ns)

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Say which approved models do not judge, so that nobody believes that they do."""
        self._look()
        return self._silences.beat(self._silent, self._approvals, heartbeat.now_ns, position)

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
                words = f"{OVER[rule].format(unit=run.unit)},{run.place}"
                evidence = {**watcher.evidence(followed), **tops(watcher, reading.unit, followed.told)}
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
        words = BEGINS[followed.case.rule].format(unit=run.unit, ratio=min(followed.ratio, 1e9))
        named = names(watcher, reading.unit, followed.told, followed.case.rule)
        evidence = {**watcher.evidence(followed), **tops(watcher, reading.unit, followed.told)}
        text = watcher.says(f"{words}: {named},{run.place}" if named else f"{words},{run.place}")
        return followed.case.say(Stage.OPEN, reading.end_ns, text, evidence)

    def state(self) -> Json:
        """Approvals, runs and what is open."""
        return {
            "approved": self._approvals.state(),
            "missing": self._silences.state(),
            "watchers": [watcher.state() for watcher in self._watchers],
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays of each watch, by its number."""
        return {
            f"{number}/{key}": array
            for number, watcher in enumerate(self._watchers)
            for key, array in watcher.watch.arrays().items()
        }

    def load(self, state: Json, arrays: Arrays) -> None:
        """Take back what `state` and `arrays` told; a model that is gone judges no more."""
        self.load_approvals(state)
        self._silences.load(state["missing"])
        runs = {run.unit: run for run in self._runs.values()}
        by_key = {(each.model.hash, each.approver): each for each in self._watchers}
        for number, told in enumerate(state["watchers"]):
            watcher = by_key.get((told[0], told[1]))
            if watcher is not None:
                watcher.load(told, runs)
                watcher.watch.load(told[-1], below(arrays, str(number)))

    def load_approvals(self, state: Json) -> None:
        """Take what people approved from a state, of these rules or of others."""
        self._approvals.load(state["approved"])
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
