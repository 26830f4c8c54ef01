"""All detectors as one fold over the journal: context first, then each rule, with one order of what they say."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import (
    NEVER_NS,
    Arrived,
    Frame,
    LastSamples,
    Watermarks,
    arrived_samples,
    arrived_texts,
    group,
)
from detectors.cases import Json, Origin, Run
from detectors.context.context import Context
from detectors.context.equipment import Equipment
from detectors.context.told import Told
from detectors.context.units import Switch, Transfer, Unit, phase_record
from detectors.drift.advice import Advice
from detectors.drift.drift import Drifts
from detectors.drift.novelties import Novelties
from detectors.gaps import Gaps
from detectors.health.ahead import Ahead
from detectors.health.calibration import Calibrations
from detectors.health.places import Places
from detectors.health.quality import BadQuality, Frozen, UncertainQuality
from detectors.health.rhythm import Rhythms
from detectors.health.sensor_range import SensorRanges
from detectors.health.signals import Signals
from detectors.health.silence import SourceLimits, Sources, Stale
from detectors.health.stillness import Stillness
from detectors.holds.holds import CLEANING, USE, Activity, Holds, Row
from detectors.holds.table import BudgetRow
from detectors.identity import detector_hash
from detectors.late.derived import Derived, Record, rejudge_run
from detectors.late.excursions import rejudge
from detectors.late.rejudging import RowsOfTag, Stretch
from detectors.models.models import Models
from detectors.models.steadiness import Steadiness
from detectors.part import Part, Said
from detectors.ranges.additions import Additions
from detectors.ranges.combined import Combined
from detectors.ranges.duration import Durations
from detectors.ranges.dwells import Dwells
from detectors.ranges.ranges import Ranges
from detectors.ranges.rate import Rates
from detectors.ranges.set_points import SetPoints
from detectors.ranges.unjudged import Unjudged
from detectors.ranges.yields import Yields
from detectors.relations.comparisons import Comparisons
from detectors.relations.verdicts import Verdicts
from detectors.snapshots import Arrays, below, no_collection, pack, unpack
from detectors.versions import Versions
from domain.approvals import CLOSING
from domain.entries import (
    START,
    ActionKind,
    BatchEvent,
    ConfigurationActivated,
    Entry,
    Gap,
    Heartbeat,
    PersonAction,
    Position,
    RecipeApproved,
    Rejudge,
    RowPosition,
    TagDefined,
    TextBatch,
)
from domain.errors import DamagedFile, Refused
from domain.findings import BatchTold, Conclusion, EquipmentState, Finding, FindingId, Recheck, Stage
from domain.models import Library, no_models
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag

DEFAULT_LIMITS = SourceLimits()

UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, AssertionError)
"""What the state of another program raises where it is not what this one writes."""


class Bank:
    """Every detector of the rulebook over every tag; a `domain.ports.Detector`.

    Findings of samples come in the order of their rows, those of one row in a fixed order of rules. Silence, durations,
    open holds and rechecks of late rows are told at heartbeats. Refused, when made, if a tag is a parameter of two
    units.
    """

    name = "bank"

    def __init__(
        self,
        rulebook: Rulebook,
        tags: Iterable[Tag],
        limits: SourceLimits = DEFAULT_LIMITS,
        library: Library = no_models,
    ) -> None:
        self._rulebook = rulebook
        self._library = library
        self._source_limits = limits
        self.detector_hash = detector_hash()
        self._begin(tags)

    def _begin(self, tags: Iterable[Tag]) -> None:
        """Know nothing but the rules and these tags."""
        rulebook = self._rulebook
        origin = Origin(rulebook.hash, self.detector_hash[:12], rulebook.approval != "off")
        self.position = START
        self._tags: dict[int, Tag] = {}
        self._tag_states: bytes | None = None
        self._size = self._room = 0
        self._watermarks = Watermarks(self._source_limits.ahead_ns)
        self._last = LastSamples()
        self._gaps = Gaps()
        self._versions = Versions(rulebook)
        self._context = Context(rulebook, self._versions, self._gaps, self._last)
        self._batches = Told(origin, self._context, self._versions)
        self._ranges = Ranges(rulebook, origin, self._last, self._gaps, self._versions)
        self._set_points = SetPoints(rulebook, origin, self._last, self._gaps, self._versions, self._ranges.runs)
        self._additions = Additions(rulebook, origin, self._gaps, self._versions, self._ranges.runs)
        self._dwells = Dwells(rulebook, origin, self._gaps, self._versions, self._ranges.runs)
        self._derived: tuple[Derived, ...] = (self._set_points, self._additions, self._dwells)
        self._anew_ns: dict[int, int] = {}  # by tag: up to when other rules judged
        self._equipment = Equipment(rulebook)
        self._bad = BadQuality(origin, self._ranges.runs)
        self._uncertain = UncertainQuality(origin, self._ranges.runs)
        self._calibrations = Calibrations(rulebook, origin)
        self._frozen = Frozen(rulebook, origin, self._last, self._ranges.runs)
        self._places = Places(rulebook)
        self._rhythms = Rhythms(rulebook, self._places)
        self._models = Models(rulebook, origin, self._ranges.runs, self._library)
        self._holds = Holds(rulebook, origin, self._gaps, self._context.units, self._watermarks.recheck)
        self._yields = Yields(origin, self._context.units, self._versions)
        self._comparisons = Comparisons(rulebook, origin)
        self._verdicts = Verdicts(rulebook, self._comparisons)
        self._drifts = Drifts(rulebook, origin, self._ranges, self._set_points)
        asked = frozenset(name for name, rules in rulebook.tags.items() if rules.drift and rules.drift.advisory)
        # In the order in which they speak of one row, one phase's end, one heartbeat.
        self._parts: tuple[Part, ...] = (
            self._equipment,
            self._places,
            self._uncertain,  # first of all that is said of a row: what rests on the row says so
            self._ranges,
            self._set_points,
            self._additions,
            self._dwells,
            Combined(origin),
            Rates(rulebook, origin, self._ranges.runs),
            self._bad,
            self._frozen,
            Stillness(rulebook, origin, self._last, self._ranges.runs, self._places),
            Signals(rulebook, origin, self._ranges.runs, self._places),
            SensorRanges(rulebook, origin, self._ranges.runs),
            self._drifts,
            Advice(origin, asked, self._drifts.remembered),
            self._models,
            Steadiness(rulebook, origin, self._ranges.runs),
            Novelties(rulebook, origin, self._ranges.runs),
            self._rhythms,
            Stale(rulebook, origin, self._watermarks, self._ranges.runs, self._rhythms),
            Ahead(origin, self._watermarks, self._ranges.runs),
            Unjudged(rulebook, origin, self._versions),
            self._holds,
            self._yields,
            self._calibrations,
            self._comparisons,
            self._verdicts,
        )
        self._binding = tuple(part for part in self._parts if type(part).bind is not Part.bind)
        self._sources = Sources(origin, self._source_limits)
        self._durations = Durations(origin)
        told = list(tags)
        self._make_room(max((tag.id for tag in told), default=-1) + 1)
        for tag in told:
            self._define(tag)

    def running_holds(self) -> tuple[Row, ...]:
        """The holds that run now, also those that nobody need be warned of yet; from any thread."""
        return self._holds.table

    def running_budgets(self) -> tuple[BudgetRow, ...]:
        """What the batches that wait have used of their budgets; from any thread."""
        return self._holds.budget_table

    def update(self, position: Position, entry: Entry) -> Sequence[Conclusion]:  # noqa: C901, PLR0911  a line for each kind
        """Take the next entry; return what follows from it. The entry is not written to."""
        self.position = position
        if isinstance(entry, SampleBatch):
            return self._rows(arrived_samples(position, entry), entry.server_ns) if len(entry) else ()
        if isinstance(entry, TextBatch):
            server_ns = None if entry.server_ns is None else np.array(entry.server_ns, dtype=np.int64)
            return self._rows(arrived_texts(position, entry), server_ns) if len(entry) else ()
        if isinstance(entry, Heartbeat):
            return self._beat(entry, RowPosition(position, 0))
        if isinstance(entry, BatchEvent):
            return self._event(entry, RowPosition(position, 0))
        if isinstance(entry, Gap):
            self._gaps.take(entry)
            for part in self._parts:
                part.gap(entry)
        elif isinstance(entry, PersonAction):
            return self._act(entry, RowPosition(position, 0))
        elif isinstance(entry, TagDefined):
            self._define(entry.tag)
        elif isinstance(entry, ConfigurationActivated):
            self._watermarks.clock(entry.at_ns)  # the first heartbeat of a start comes after its first rows
        elif isinstance(entry, RecipeApproved):
            return (self._versions.take(entry),)
        return ()

    def _act(self, action: PersonAction, position: RowPosition) -> Sequence[Conclusion]:
        if action.kind in CLOSING:
            return (self._versions.close(action),)
        if action.kind is ActionKind.APPROVE_MODEL:
            return self._models.decide(action)
        if action.kind in (ActionKind.CALIBRATED, ActionKind.CALIBRATION_FAILED):
            return self._calibrations.take(action, position)
        return self._holds.correct(action, position)

    def rechecks_asked(self) -> list[Recheck]:
        """What was told to be judged again and is not yet: a `Rejudge` of its tag answers it."""
        return self._watermarks.asked()

    def rejudge(self, position: Position, entry: Rejudge, rows_of: RowsOfTag) -> Sequence[Conclusion]:
        """Judge a stretch of a tag again; `rows_of` reads the record as of this entry. Nothing, if nobody asked."""
        self.position = position
        asked = self._watermarks.answered(entry.tag)
        tag = self._tags.get(entry.tag)
        if asked is None or tag is None:
            return ()
        owner = self._context.owner(tag.id)
        if owner is not None and owner.pending:
            # Its newest rows wait for their phase: asked again at the next heartbeat.
            self._watermarks.recheck(tag.id, *asked)
            return ()
        stretch = Stretch(min(entry.start_ns, asked[0]), max(entry.end_ns, asked[1]))
        newest_ns = int(self._watermarks.newest_ns[tag.id])
        told_at = self._watermarks.told_at(tag.id)
        again: list[Finding] = []
        if self._ranges.is_judged(tag.id):
            again += rejudge(self._ranges, tag, stretch, newest_ns, position, rows_of, told_at)
            again += self._rejudge_derived(tag, stretch, position, rows_of)
        again += self._holds.rejudge(tag, stretch, self._record([tag], tag.id, position, rows_of))
        found: list[Conclusion] = []
        for finding in again:
            run = self._run_of(finding)
            is_running = run is not None and run.instance == finding.phase_instance
            found += self._told(finding, run if is_running else None)
        return found

    def _is_judged(self, tag: int) -> bool:
        """Whether late rows of a tag may change what was said."""
        return self._ranges.is_judged(tag) or self._holds.is_judged(tag)

    def _rejudge_derived(self, tag: Tag, stretch: Stretch, position: Position, rows_of: RowsOfTag) -> list[Finding]:
        """What is derived from a tag, in the runs that its late rows reach."""
        owner = self._context.owner(tag.id)
        found: list[Finding] = []
        for each in [] if owner is None else self._context.parameters(owner):
            for ended in self._ranges.runs_of(each.id):
                for part in self._derived if ended.end_ns > stretch.start_ns else ():
                    inputs = part.inputs(ended.run, each.id)
                    # A set point holds until its next one: a late one may reach any later run.
                    is_reached = ended.run.start_ns <= stretch.end_ns or [tag] != inputs[:1]
                    if tag in inputs and is_reached:
                        record = self._record(inputs, each.id, position, rows_of)
                        found += rejudge_run(part, ended, each.id, record)
        return found

    def _record(self, tags: list[Tag], parameter: int, position: Position, rows_of: RowsOfTag) -> Record:
        ids = [int(tag.id) for tag in tags]
        newest_ns = {id_: int(self._watermarks.newest_ns[id_]) for id_ in ids}
        told_at = {id_: self._watermarks.told_at(id_) for id_ in ids}
        return Record(position, rows_of, newest_ns, told_at, self._anew_ns.get(parameter, NEVER_NS))

    def _define(self, tag: Tag) -> None:
        """Take a tag's definition, or its new version."""
        self._make_room(tag.id + 1)
        self._tags[tag.id] = tag
        self._tag_states = None
        self._context.bind(tag)
        owner = self._context.owner(tag.id)
        unit = "" if owner is None else owner.model.name
        for part in self._binding:
            part.bind(tag, unit)
        if owner is not None and owner.run is not None and tag.id not in self._ranges.runs:
            self._start_tags([tag], owner.run)

    def _make_room(self, size: int) -> None:
        """Let ids below `size` come. Columns have a power of two as length, whatever the order in which tags came."""
        self._size = max(self._size, size)
        if self._size <= self._room:
            return
        self._room = 1 << (self._size - 1).bit_length()
        self._watermarks.grow(self._room)
        self._last.grow(self._room)
        self._context.grow(self._room)
        for part in self._parts:
            part.grow(self._room)

    def _told_tags(self) -> bytes:
        """The definitions as JSON: made when one has changed, and not again at each snapshot."""
        if self._tag_states is None:
            names = [field.name for field in fields(Tag)]
            told = [[getattr(tag, name) for name in names] for tag in self._tags.values()]
            self._tag_states = json.dumps([names, told], separators=(",", ":")).encode()
        return self._tag_states

    def _rows(self, rows: Arrived, server_ns: NDArray[np.int64] | None) -> list[Conclusion]:
        """Judge rows up to the next change of a context, take it, and go on."""
        if int(rows.tag.max()) >= self._size:
            known = rows.tag < self._size
            rows = rows.chosen(known)
            server_ns = None if server_ns is None else server_ns[known]
            if not len(rows):
                return []
        rows, frame = self._watermarks.admit(rows, server_ns)
        if not len(rows):
            return []
        end = self._context.next_event(rows, 0)
        if end == len(rows) and not self._context.is_unsettled:
            return self._judge(frame)
        found: list[Conclusion] = []
        begin = 0
        while begin < len(rows):
            found += self._pass(rows.chosen(slice(begin, end)))
            begin = end
            if begin < len(rows):
                for unit in self._context.settled_by(rows, begin):
                    found += self._settle(unit)
                found += self._transfers(self._context.take(rows, begin))
            end = self._context.next_event(rows, begin, taken=True)
        return found

    def _event(self, event: BatchEvent, position: RowPosition) -> list[Conclusion]:
        """Take what was told of a batch; a unit whose tags are past it already changes at once."""
        telling = self._batches.take(event, position)
        found = telling.concluded
        self._holds.link(found)
        if any(isinstance(each, BatchTold) for each in found):
            found += self._yields.take(event, position)
        for unit in telling.changed:
            if self._context.is_due(unit, self._watermarks.newest_ns):
                found += self._settle(unit)
        for unit, since_ns in telling.late:
            self._ask_again(unit, since_ns)
        return found + self._transfers(telling.transfers)

    def _pass(self, rows: Arrived) -> list[Conclusion]:
        """Judge rows whose phase is certain; the others wait."""
        rows = self._context.hold_back(rows)
        return self._judge(group(rows)) if len(rows) else []

    def _judge(self, frame: Frame) -> list[Conclusion]:
        """Let every rule judge a frame; return what they say in the order of the rows."""
        said: list[Said | tuple[int, EquipmentState]] = [*self._equipment.states(frame)]
        for part in self._parts:
            said += part.judge(frame)
        self._last.take(frame)
        for late in self._set_points.asked():
            self._watermarks.recheck(late.tag, late.start_ns, late.end_ns)
        if not said:
            return []
        said.sort(key=itemgetter(0))
        found: list[Conclusion] = []
        for _, each in said:
            if isinstance(each, EquipmentState):
                found.append(each)
            else:
                found += self._told(each, self._run_of(each))
        return found

    def _run_of(self, finding: Finding) -> Run | None:
        unit = self._context.units.get(finding.unit)
        return None if unit is None else unit.run

    def _told(self, finding: Finding, run: Run | None) -> list[Conclusion]:
        """A finding, and what follows from it for the other parts."""
        found: list[Conclusion] = [self._verdicts.explained(finding)]
        for part in self._parts:
            found += [self._verdicts.explained(each) for each in part.hear(finding, run)]
        return found

    def _settle(self, unit: Unit) -> list[Conclusion]:
        """Let a unit's changes take effect, judging each row that waited in the phase of its own time."""
        source = unit.source
        before, batch = unit.run, unit.batch
        held = unit.let_go()
        found: list[Conclusion] = []
        switches = self._context.settle(unit)
        self._yields.moved(unit, batch)
        unit.run = before
        for switch in switches:
            held = self._release(held, switch.at_ns, found)
            self._ask_again(unit, switch.at_ns)
            unit.run = switch.run
            found += self._switch(unit, before, switch, source)
            before = switch.run
        for finding in self._batches.settled(unit, switches):
            found += self._told(finding, unit.run)
        for rows in held:
            found += self._judge(group(rows))
        return found

    def _release(self, held: list[Arrived], until_ns: int, found: list[Conclusion]) -> list[Arrived]:
        """Judge the rows that waited and lie before a switch; return the others."""
        left: list[Arrived] = []
        for rows in held:
            early = rows.time_ns < until_ns
            if np.count_nonzero(early):
                found += self._judge(group(rows.chosen(early)))
            if not bool(early.all()):
                left.append(rows.chosen(~early))
        return left

    def _ask_again(self, unit: Unit, since_ns: int) -> None:
        """Ask again about rows that came before the change but lie behind it: they were judged in the old phase."""
        for tag in self._context.parameters(unit):
            last_ns = int(self._last.time_ns[tag.id])
            if last_ns > since_ns:
                self._watermarks.recheck(tag.id, since_ns, last_ns)

    def _switch(self, unit: Unit, before: Run | None, switch: Switch, source: str) -> list[Conclusion]:
        """End one run and start the next."""
        found: list[Conclusion] = []
        tags = self._context.parameters(unit)
        if before is not None:
            for part in self._parts:
                for finding in part.phase_ends(before, tags, switch.at_ns, switch.position):
                    found += self._told(finding, before)
            found += self._durations.phase_ends(before, switch.at_ns, switch.position, switch.unseen_ns)
            found.append(phase_record(before, switch.at_ns))
            found += self._activities(unit, before, switch, source, begins=False)
        run = switch.run
        if run is not None:
            found.append(phase_record(run))
            found += self._activities(unit, run, switch, source, begins=True)
            self._start_tags(tags, run)
            self._durations.phase_starts(run, source, self._sources.skew_of.get(source, 0))
        return found

    def _start_tags(self, tags: list[Tag], run: Run) -> None:
        for part in self._parts:
            part.phase_starts(run, tags)

    def _activities(self, unit: Unit, run: Run, switch: Switch, source: str, *, begins: bool) -> list[Finding]:
        """Tell the holds that a phase begins or ends, and what kind of use that is."""
        kind = CLEANING if run.phase in unit.model.cleaning_phases else USE
        earliest_ns = switch.at_ns - (switch.unseen_ns or 0)  # of what ran when it was first seen nobody can tell
        found: list[Finding] = []
        for name in (f"phase:{run.phase}", kind):
            activity = Activity(
                unit.model.name, name, begins, switch.at_ns, earliest_ns, switch.position, source, run.batch
            )
            found += self._holds.take(activity, run)
        return found

    def _transfers(self, transfers: list[Transfer]) -> list[Conclusion]:
        """Tell the holds that material begins or ceases to flow."""
        found: list[Conclusion] = []
        for each in transfers:
            flows = [each]
            if each.tag is not None:
                concluded, elsewhere = self._batches.flowed(each, self._context.units[each.unit].batch)
                self._holds.link(concluded)
                found += concluded
                flows += elsewhere
            for flow in flows:
                unit = self._context.units[flow.unit]
                activity = Activity(
                    flow.unit,
                    flow.role,
                    flow.on,
                    flow.time_ns,
                    self._earliest_ns(flow),
                    flow.position,
                    flow.source,
                    unit.batch,
                )
                found += self._holds.take(activity, unit.run)
        return found

    def _earliest_ns(self, flow: Transfer) -> int:
        """When a transfer may have begun or ended at the earliest: as its rule says, or where a gap hides it."""
        earliest_ns = flow.time_ns if flow.earliest_ns is None else flow.earliest_ns
        if flow.tag is None:
            return earliest_ns
        last_ns = int(self._last.time_ns[flow.tag])
        hidden = [] if last_ns == NEVER_NS else self._gaps.within(flow.tag, flow.source, last_ns, flow.time_ns)
        return min(hidden[0][0], earliest_ns) if hidden else earliest_ns

    def _beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Conclusion]:
        """Let time go by: what settles, what is silent, what lasts too long, what is to be judged again."""
        self._watermarks.clock(heartbeat.now_ns, heartbeat.source, heartbeat.skew_ns)
        found: list[Conclusion] = [*self._sources.beat(heartbeat, position)]
        for unit in self._context.beat(heartbeat.now_ns):
            found += self._settle(unit)
        found += self._transfers(self._context.flows_beat(heartbeat, self._watermarks.newest_ns, position))
        found += self._batches.beat(heartbeat)
        for part in self._parts:
            for finding in part.beat(heartbeat, position):
                found += self._told(finding, self._run_of(finding))
        found += self._verdicts.revised(heartbeat)
        settles_from_ns = {unit.model.name: unit.opened_ns for unit in self._context.units.values() if unit.pending}
        found += self._durations.beat(heartbeat.now_ns, self._sources.skew_of, settles_from_ns, position)
        found += self._watermarks.rechecks(self._is_judged)
        return found

    def snapshot(self) -> bytes:
        """The whole state, with the hash of the rules and of the detectors that it belongs to."""
        state = {
            "rules": self._rulebook.hash,
            "detectors": self.detector_hash,
            "position": int(self.position),
            "anew_ns": list(self._anew_ns.items()),
            "late": self._watermarks.state(),
            "gaps": self._gaps.state(),
            "versions": self._versions.state(),
            "context": self._context.state(),
            "batches": self._batches.state(),
            "sources": self._sources.state(),
            "durations": self._durations.state(),
            "parts": {part.name: part.state() for part in self._parts},
        }
        arrays: Arrays = {
            "tags": np.frombuffer(self._told_tags(), dtype=np.uint8),
            "newest_ns": self._watermarks.newest_ns,
            "retold": self._watermarks.retold(),
            "last/time_ns": self._last.time_ns,
            "last/value": self._last.value,
        }
        for name, own in (("context", self._context.arrays()), *((part.name, part.arrays()) for part in self._parts)):
            arrays |= {f"{name}/{key}": array for key, array in own.items()}
        return pack(state, arrays)

    def restore(self, state: bytes) -> str:
        """Go on as if it had never stopped.

        Where another program made the state, returned is a sentence that says so and what begins anew: detectors that
        it did not have. Refused if other rules made it, or if a program did that has what this one has not or keeps it
        in another way: then nothing was taken, and `carry_over` takes what may be taken.
        """
        with no_collection():
            return self._restore(state)

    def _restore(self, state: bytes) -> str:
        told, arrays = unpack(state)
        if told["rules"] != self._rulebook.hash:
            raise Refused(
                f"the state was made by other rules: {told['rules'][:12]!r}, not {self._rulebook.hash[:12]!r}"
            )
        if told["detectors"] == self.detector_hash:
            self._load(told, arrays)
            return ""
        made_by = f"the state was made by other detectors: {told['detectors'][:12]!r}, not {self.detector_hash[:12]!r}"
        lost = sorted(told["parts"].keys() - {part.name for part in self._parts})
        if lost:
            raise Refused(f"{made_by}; these have no {', '.join(lost)}")
        tags = list(self._tags.values())
        try:
            self._load(told, arrays)
        except UNREADABLE as error:
            self._begin(tags)
            raise Refused(f"{made_by}, and cannot be read by these ({type(error).__name__}: {error})") from error
        new = [part for part in self._parts if part.name not in told["parts"]]
        for unit in self._context.units.values():
            if unit.run is not None:
                for part in new:
                    part.phase_starts(unit.run, self._context.parameters(unit))
        begin = f"; {', '.join(part.name for part in new)} begin anew" if new else ""
        return f"{made_by}; they go on from it{begin}"

    def _load(self, told: Json, arrays: Arrays) -> None:
        """Take back a whole state of these rules."""
        self._load_arrivals(told, arrays)
        self._anew_ns = dict(told.get("anew_ns", []))
        self._context.load(told["context"], below(arrays, "context"))
        if "batches" in told:  # a state of the time before events has none
            self._batches.load(told["batches"])
        self._ranges.runs.update(self._runs_by_tag())
        self._sources.load(told["sources"])
        for part in self._parts:
            if part.name in told["parts"]:  # an older program knew fewer
                part.load(told["parts"][part.name], below(arrays, part.name))
        runs = {name: unit.run for name, unit in self._context.units.items() if unit.run is not None}
        self._comparisons.runs_again(runs)
        self._durations.load(told["durations"], runs)

    def carry_over(self, state: bytes, announced: Sequence[Finding] = ()) -> frozenset[FindingId]:
        """Take from a state what does not depend on rules, made by whatever rules; what does is judged anew.

        Kept are the tags with their last values and times, gaps, the context of units that still exist (a batch keeps
        its identity, a run its instance and start), learnt baselines of drift, the starts of holds that still have the
        same unit, start and stop, and the sources. A run goes on by what this rulebook says of its product: as long as
        files judge without an approval, they judge as they are. Ranges, rates, drifts, silence and durations start
        anew: what lasts is found again by the next sample or heartbeat, as a new finding.

        `announced` are the findings that people were told of and that are open. Returned are those that are followed
        on: of sources, of quality, and of holds whose limit is the same. The others never get another version.
        DamagedFile as for `restore`, and where another program made a state that this one cannot read.
        """
        told, arrays = unpack(state)
        tags = list(self._tags.values())
        try:
            self._carry_over(told, arrays)
        except UNREADABLE as error:
            self._begin(tags)
            if told["detectors"] == self.detector_hash:
                raise
            raise DamagedFile(f"a state of other detectors cannot be read ({type(error).__name__}: {error})") from error
        # The newest first: of two that are open about one thing, only one can be followed.
        return frozenset(finding.id for finding in reversed(announced) if self._go_on(finding))

    def _carry_over(self, told: Json, arrays: Arrays) -> None:
        self._load_arrivals(told, arrays)
        self._sources.carry_over(told["sources"])
        now = RowPosition(self.position, 0)
        self._context.carry_over(told["context"], below(arrays, "context"), self._watermarks.newest_ns, now)
        if "batches" in told:
            self._batches.load(told["batches"])
        self._frozen.begin_anew()
        self._ranges.begin_anew(self._watermarks.newest_ns)
        newest_ns = self._watermarks.newest_ns
        self._anew_ns = {tag: int(newest_ns[tag]) for tag in self._tags if newest_ns[tag] != NEVER_NS}
        for part in self._parts:
            if part.name in told["parts"]:
                part.carry_over(told["parts"][part.name], below(arrays, part.name))
        for unit in self._context.units.values():
            if unit.run is not None:
                skew_ns = self._sources.skew_of.get(unit.source, 0)
                self._durations.carry_over(told["durations"], unit.run, unit.source, skew_ns)
                self._start_tags(self._context.parameters(unit), unit.run)

    def _go_on(self, finding: Finding) -> bool:
        """Follow on a finding that no rule decides, or one that the rules decide as before."""
        if finding.stage is Stage.CLEARED:
            return False
        if finding.rule.startswith("hold."):
            return self._holds.go_on(finding)
        if finding.rule.startswith("source."):
            return self._sources.go_on(finding)
        if finding.rule == "uncertain":
            return self._uncertain.go_on(finding) is not None
        tag = self._bad.go_on(finding) if finding.rule == "bad" else None
        if tag is not None:
            self._ranges.bad_since(tag, finding.onset_ns)
            self._verdicts.note(finding)
        return tag is not None

    def _load_arrivals(self, told: Json, arrays: Arrays) -> None:
        """Begin with the tags of a state, and what arrived of them."""
        self._begin(_told_tags(told, arrays))
        self.position = Position(told["position"])
        self._versions.load(told.get("versions", []))
        self._watermarks.newest_ns = arrays["newest_ns"].astype(np.int64)
        self._last.time_ns = arrays["last/time_ns"].astype(np.int64)
        self._last.value = arrays["last/value"].astype(np.float64)
        self._watermarks.load(told["late"], arrays["retold"].astype(np.int64))
        self._gaps.load(told["gaps"])

    def _runs_by_tag(self) -> dict[int, Run]:
        return {
            tag.id: unit.run
            for unit in self._context.units.values()
            if unit.run is not None
            for tag in self._context.parameters(unit)
        }


def _told_tags(told: Json, arrays: Arrays) -> list[Tag]:
    """The tags of a state; states of format 1 have them in their JSON."""
    if "tags" not in arrays:
        return [Tag(**tag) for tag in told["tags"]]
    names, tags = json.loads(arrays["tags"].tobytes())
    return [Tag(**dict(zip(names, tag, strict=True))) for tag in tags]
