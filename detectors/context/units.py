"""One unit: its batch and its phase, as its tags tell them seconds apart, and the runs that follow from them.

Batch and phase tags change one after the other. The first change opens a group; the group is settled once the unit's
own tags have reached `settle_ns` after it (by source time), or the heartbeats say that so much time has gone by. What
the group means is decided then, as a whole:

- Every change of the phase begins a run at its own source time; a moment of idleness between two phases does not count,
  and a phase that comes back within the group never stopped.
- Runs of the group belong to the batch that stands at its end, whichever tag changed first.
- Where only the batch changed, the phase goes on as a new run of the new batch from the time of the batch tag.
- Where a tag tells the state of the phase (ISA-88), the phase is over while that state is an idle one. A phase that is
  held (`phase_state` Held) goes on: that is no hold.

What an event tells takes the same way as a change of a tag, in the order of the times at their sources.
"""

import enum
from dataclasses import dataclass, field, replace

from detectors.arrivals import Arrived
from detectors.cases import Json, Run, recipe_version
from detectors.versions import Versions
from domain.entries import Position, RowPosition
from domain.equipment import UnitModel
from domain.findings import PhaseRecord
from domain.recipes import Recipe

_LOGGED = 16
_BATCHES_COUNTED = 64  # of one unit; a batch id that comes back later than this counts its phases from 1 again


class Role(enum.StrEnum):
    """What a tag tells of a unit."""

    BATCH = "batch"
    PHASE = "phase"
    RECIPE = "recipe"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    PHASE_STATE = "phase_state"
    VALVE = "valve"


@dataclass(frozen=True, slots=True)
class Change:
    """A context tag took another value, at its source time.

    `unseen_ns`: how much earlier that may have been, where a gap hides it; None: it is the first value that came.
    """

    role: Role
    text: str
    time_ns: int
    position: RowPosition
    unseen_ns: int | None = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Material begins or ceases to flow into or out of a unit.

    `earliest_ns` is when at the earliest, where that does not follow from gaps in the tag; `proven_ns` the time of what
    proves it, where that is later. `tag` is None where an event told it.
    """

    unit: str
    role: Role
    on: bool
    time_ns: int
    position: RowPosition
    tag: int | None
    source: str
    earliest_ns: int | None = None
    proven_ns: int | None = None
    other_unit: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """A run ends, another begins, or both; None: nothing runs from here on.

    `unseen_ns`: how much earlier it may have been, as `Change` tells it.
    """

    at_ns: int
    position: RowPosition
    run: Run | None
    unseen_ns: int | None = 0


@dataclass(slots=True, eq=False)
class Unit:
    """A unit's batch, phase and current run, and the changes that have not settled yet."""

    model: UnitModel
    batch: str = ""
    phase: str = ""
    batch_start_ns: int = 0
    named: str = ""  # the phase that is named, whether or not its state says that it runs
    active: bool = True  # that state is not an idle one
    recipe: Recipe | None = None
    recipe_text: str = ""
    run: Run | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)
    source: str = ""  # whose rows move the settling on
    opened_ns: int = 0
    first_beat_ns: int | None = None
    held: list[Arrived] = field(default_factory=list)
    held_rows: int = 0  # that wait for the group to settle
    batch_changed: Change | None = None  # by what was settled last
    log: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # by role: since when it said what, newest last

    def hold(self, rows: Arrived) -> None:
        """Let rows wait for the group to settle."""
        self.held.append(rows)
        self.held_rows += len(rows)

    def let_go(self) -> list[Arrived]:
        """Take out the rows that waited."""
        held, self.held, self.held_rows = self.held, [], 0
        return held

    def change(self, change: Change, source: str) -> None:
        """Take note of a change; it means nothing before it settles. A recipe counts from the next batch."""
        if change.role is Role.RECIPE:
            self.recipe_text = change.text
            return
        if not self.pending:
            self.source, self.opened_ns, self.first_beat_ns = source, change.time_ns, None
        self.opened_ns = min(self.opened_ns, change.time_ns)
        self.pending.append(change)

    def settle(self, versions: Versions) -> list[Switch]:
        """Decide what the pending changes mean."""
        pending, self.pending = sorted(self.pending, key=lambda change: change.time_ns), []
        batches = [change for change in pending if change.role is Role.BATCH]
        phases = [change for change in pending if change.role in (Role.PHASE, Role.PHASE_STATE)]
        batch = self._batch_named(batches[-1].text) if batches else self.batch
        same_batch = batch == self.batch
        self.batch_changed = None if same_batch else batches[-1]
        if batches and not (same_batch and Role.BATCH in self.log):
            self.note(Role.BATCH, batches[-1].time_ns, batch)
        if not same_batch:
            self.batch = batch
            self.batch_start_ns = batches[-1].time_ns
            self.recipe = self._pinned(versions, self.batch_start_ns) if batch else None
        steps = self._steps(phases, same_batch=same_batch)
        if not steps and not same_batch and self.phase:
            steps = [(batches[-1], self.phase)]
        self.phase = self.named if self.active else ""
        return [self._switch(change, phase, versions) for change, phase in steps]

    def _steps(self, phases: list[Change], *, same_batch: bool) -> list[tuple[Change, str]]:
        """The phases that really began, in order; "" where the unit fell idle."""
        named = [(change, self._phase_after(change)) for change in phases]
        steps: list[tuple[Change, str]] = []
        before = self.phase if same_batch else None
        for index, (change, phase) in enumerate(named):
            idle_for_a_moment = not phase and any(later for _, later in named[index + 1 :])
            if not idle_for_a_moment and phase != before:
                steps.append((change, phase))
                before = phase
        return steps

    def _phase_after(self, change: Change) -> str:
        """The phase that runs once a change has taken effect."""
        if change.role is Role.PHASE:
            self.named = self._phase_named(change.text)
        else:
            self.active = change.text.strip().lower() not in self.model.idle_states
        return self.named if self.active else ""

    def note(self, role: Role, at_ns: int, text: str) -> None:
        """Remember since when what is said of the unit; little of it, for comparing what others say."""
        told = self.log.setdefault(role, [])
        told.append((at_ns, text))
        del told[:-_LOGGED]

    def said(self, role: Role, from_ns: int, until_ns: int) -> list[str]:
        """What was said within a time, ends included; nothing where nothing is known of that time."""
        told = self.log.get(role, [])
        ends_ns = [*(at_ns for at_ns, _ in told[1:]), until_ns + 1][: len(told)]
        return [
            text for (at_ns, text), end_ns in zip(told, ends_ns, strict=True) if at_ns <= until_ns and end_ns > from_ns
        ]

    def last(self, role: Role) -> str:
        """The batch or the phase once everything that is pending has settled."""
        pending = [change for change in self.pending if change.role is role]
        if pending:
            newest = max(pending, key=lambda change: change.time_ns)
            return self._batch_named(newest.text) if role is Role.BATCH else self._phase_named(newest.text)
        return self.batch if role is Role.BATCH else self.phase

    def _switch(self, change: Change, phase: str, versions: Versions) -> Switch:
        start_ns = change.time_ns
        if self.run is not None:
            start_ns = max(start_ns, self.run.start_ns)
        self.run = self._run(change, phase, start_ns, versions) if phase else None
        self.note(Role.PHASE, start_ns, phase)
        return Switch(start_ns, change.position, self.run, change.unseen_ns)

    def _run(self, change: Change, phase: str, start_ns: int, versions: Versions) -> Run:
        counts = self.counts.setdefault(self.batch, {})
        while len(self.counts) > _BATCHES_COUNTED:
            del self.counts[next(name for name in self.counts if name != self.batch)]
        counts[phase] = counts.get(phase, 0) + 1
        label = f"{phase}-{counts[phase]}"
        recipe = self.recipe
        if self.model.batch_tag is None and not self.batch:
            recipe = self._pinned(versions, start_ns)
        instance = f"{self.model.name}/{self.batch}/{label}"
        name, unseen_ns = self.model.name, change.unseen_ns
        return Run(instance, label, name, self.batch, phase, recipe, start_ns, change.position, unseen_ns)

    def _batch_named(self, text: str) -> str:
        return "" if text in self.model.batch_idle else text

    def _phase_named(self, text: str) -> str:
        if self.model.phase_map:
            return self.model.phase_map.get(text, "")
        return "" if text in self.model.batch_idle else text

    def _pinned(self, versions: Versions, at_ns: int) -> Recipe | None:
        """What a batch starting at a time is made by: as a tag names it, or an event, the unit's, the only one."""
        naming = None if self.recipe_text and self.model.recipe_tag is not None else versions.naming(self.batch)
        named = None if naming is None else versions.pinned(naming.text, at_ns)
        if named is not None:
            return named
        product = versions.meant(self.model, self.recipe_text)
        return versions.pinned(product, at_ns) if product else None

    def state(self) -> Json:
        """All but the held rows."""
        return {
            "batch": self.batch,
            "phase": self.phase,
            "batch_start_ns": self.batch_start_ns,
            "named": self.named,
            "active": self.active,
            "log": self.log,
            "recipe": pin_state(self.recipe),
            "recipe_text": self.recipe_text,
            "run": None if self.run is None else run_state(self.run),
            "counts": self.counts,
            "pending": [
                [change.role, change.text, change.time_ns, list(change.position), change.unseen_ns]
                for change in self.pending
            ],
            "source": self.source,
            "opened_ns": self.opened_ns,
            "first_beat_ns": self.first_beat_ns,
        }

    def load(self, state: Json, versions: Versions) -> None:
        """Take back what `state` told."""
        self.batch, self.phase, self.recipe_text = state["batch"], state["phase"], state["recipe_text"]
        self.batch_start_ns = state.get("batch_start_ns", 0)
        self.named, self.active = state.get("named", self.phase), state.get("active", True)
        self.log = {role: [(at_ns, text) for at_ns, text in told] for role, told in state.get("log", {}).items()}
        self.recipe = pinned_from(state["recipe"], versions)
        self.run = None if state["run"] is None else run_from(state["run"], versions)
        self.counts = state["counts"]
        self.pending = [
            Change(Role(role), text, time_ns, RowPosition(Position(entry), row), *unseen_ns)  # none in older states
            for role, text, time_ns, (entry, row), *unseen_ns in state["pending"]
        ]
        self.source, self.opened_ns, self.first_beat_ns = state["source"], state["opened_ns"], state["first_beat_ns"]
        self.let_go()

    def carry_over(self, state: Json, versions: Versions) -> None:
        """Take the batch, the phase and the run from a state of other rules, and judge them by these.

        A run keeps the version that its batch pinned. Where files judge without an approval it is bound to what they
        say of its product now, and a batch that no recipe was known for takes the one that it would begin with now; one
        whose product is gone has none. Where the version that it pinned was never approved, what was in force at the
        batch's start judges it.
        """
        self.load(state, versions)
        told = self.recipe is None and (versions.required or not state["recipe"])
        if told and self.batch:
            self.recipe = self._pinned(versions, self.batch_start_ns)
        if self.run is None or self.run.recipe is not None or (state["run"]["recipe"] and not versions.required):
            return
        if self.model.batch_tag is None or self.run.batch:
            start_ns = self.batch_start_ns if self.run.batch else self.run.start_ns
            self.run = replace(self.run, recipe=self._pinned(versions, start_ns))

    def meant(self, role: Role, text: str) -> str | None:
        """The batch or phase that a text means by these rules, if it is another than before and nothing is pending."""
        if any(change.role is role for change in self.pending):
            return None
        meaning = self._batch_named(text) if role is Role.BATCH else self._phase_named(text)
        return None if meaning == (self.batch if role is Role.BATCH else self.named) else meaning


def pin_state(recipe: Recipe | None) -> Json:
    """What is pinned, for a snapshot: product and version."""
    return None if recipe is None else [recipe.product, recipe.version]


def pinned_from(state: Json, versions: Versions) -> Recipe | None:
    """The recipe that `pin_state` told; an older program told the product alone."""
    if not state:
        return None
    product, version = (state, None) if isinstance(state, str) else state
    return versions.bound(product, version)


def phase_record(run: Run, end_ns: int | None = None) -> PhaseRecord:
    """A run as it is recorded."""
    return PhaseRecord(
        run.instance,
        run.unit,
        run.batch,
        run.phase,
        recipe_version(run.recipe),
        run.start_ns,
        end_ns,
        run.start_position,
    )


def run_state(run: Run) -> Json:
    """A run, for a snapshot; its recipe by name."""
    return {
        "instance": run.instance,
        "label": run.label,
        "unit": run.unit,
        "batch": run.batch,
        "phase": run.phase,
        "recipe": pin_state(run.recipe),
        "start_ns": run.start_ns,
        "start_position": [int(run.start_position.entry), run.start_position.row],
        "unseen_ns": run.unseen_ns,
    }


def run_from(state: Json, versions: Versions) -> Run:
    """The run that `run_state` told."""
    entry, row = state["start_position"]
    return Run(
        **{
            **state,
            "recipe": pinned_from(state["recipe"], versions),
            "start_position": RowPosition(Position(entry), row),
        }
    )
