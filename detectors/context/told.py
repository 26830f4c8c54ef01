"""What explicit events tell of batches: each counts once, beside the tags and in the order of the journal.

Precedence, for each unit and each kind of fact (batch, phase, transfer in, transfer out): a tag or a rule over tags
judges where there is one, and events are compared with it (`Claims`). Where there is none, events judge, whoever sent
them, in the order of the journal.

An event that is told again, by whatever source, is known by its id and what it says, and counts once. The same id of
the same source with other words is a conflict: the first one counts.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from detectors.cases import Json, Origin, open_case, recipe_version
from detectors.context.claims import Claim, Claims
from detectors.context.context import Context
from detectors.context.occupancy import Occupancy
from detectors.context.units import Change, Role, Switch, Transfer, Unit
from detectors.versions import Naming, Versions
from domain.entries import BatchEvent, EventKind, Heartbeat, RowPosition
from domain.errors import Refused
from domain.findings import BatchTold, Conclusion, Finding, Stage
from domain.genealogy import BatchLink, Genealogy, Kinship
from domain.time import format_time

MOST_IDS = 65_536
"""Events that are known again; the oldest are forgotten beyond that."""

_DIGEST_BYTES = 8
_NOT_SAID = ", recipe='', corrects='')"
"""What events of the time before could not say: what they said is known again."""


@dataclass(slots=True)
class Telling:
    """What follows from an event: what is concluded, what flows, and which units may settle now."""

    concluded: list[Conclusion] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    changed: list[Unit] = field(default_factory=list)
    late: list[tuple[Unit, int]] = field(default_factory=list)  # a unit's rows from a time on are to be judged again


class Told:
    """All events, what they say of the units, and the genealogy that follows from them."""

    def __init__(self, origin: Origin, context: Context, versions: Versions) -> None:
        self._origin = origin
        self._context = context
        self._versions = versions
        self._known: dict[str, str] = {}  # of source and id: of what it said
        self._said: dict[str, None] = {}  # of id and what it said
        self.genealogy = Genealogy()
        self._occupancy = Occupancy(origin)
        self._claims = Claims(origin)

    def take(self, event: BatchEvent, position: RowPosition) -> Telling:
        """Take an event; nothing follows from one that is known."""
        telling = Telling()
        if self._is_known(event, position, telling):
            return telling
        telling.concluded.append(BatchTold(event, position))
        if not event.corrects:  # else its amount alone counts
            self._apply(event, position, telling)
        return telling

    def _apply(self, event: BatchEvent, position: RowPosition, telling: Telling) -> None:
        """Let an event change what it changes."""
        if event.recipe:
            self._name_recipe(event, position, telling)
        named = [unit for unit in dict.fromkeys((event.unit, event.from_unit, event.to_unit)) if unit]
        strange = [unit for unit in named if unit not in self._context.units]
        if strange:
            message = f"Event {event.id} ({event.kind}) names unit {strange[0]}, which is not configured."
            telling.concluded.append(self._impossible("unit", strange[0], event, position, message))
        if event.kind in (EventKind.SPLIT, EventKind.MERGE, EventKind.REWORK):
            kinship = Kinship(event.kind)
            for parent in event.parents:
                for child in event.children:
                    telling.concluded += self._link(parent, child, kinship, event, position)
        elif event.kind in (EventKind.TRANSFER_START, EventKind.TRANSFER_END):
            self._transfer(event, position, telling)
        elif event.kind is EventKind.BATCH_END and not event.unit:
            self._end_everywhere(event, position, telling)
        elif event.unit in self._context.units:
            self._on_unit(self._context.units[event.unit], event, position, telling)

    def _is_known(self, event: BatchEvent, position: RowPosition, telling: Telling) -> bool:
        amount = None if event.amount is None else event.amount.normalize()
        said = repr(replace(event, source="", recorded_ns=0, person="", amount=amount))
        words = _digest(said.replace(_NOT_SAID, ")"))
        name = _digest(f"{event.source}\0{event.id}")
        before = self._known.get(name)
        if before is not None and before != words:
            case = open_case(
                self._origin, "context.conflict", event.unit or event.id, event.time_ns, position, None, event.unit
            )
            case.batch = event.batch
            case.id = f"context.conflict/{event.id}/again/{position.entry}.{position.row}"
            message = (
                f"Event {event.id} from {event.source or 'the interface'} came again and says something else "
                f"({event.kind} at {format_time(event.time_ns)}); the first one counts."
            )
            evidence = {"event": event.id, "event_source": event.source, "event_says": str(event.kind)}
            telling.concluded.append(case.say(Stage.CLEARED, event.time_ns, message, evidence, event.time_ns))
        if before is not None or words in self._said:
            return True
        self._known[name] = words
        self._said[words] = None
        if len(self._known) > MOST_IDS:
            del self._known[next(iter(self._known))]
        if len(self._said) > MOST_IDS:
            del self._said[next(iter(self._said))]
        return False

    def _name_recipe(self, event: BatchEvent, position: RowPosition, telling: Telling) -> None:
        """An event names the recipe of a batch: what was named first counts, and what was pinned before it stays."""
        naming = Naming(event.recipe, event.id, event.source)
        first = self._versions.name(event.batch, naming)
        if first.text != event.recipe:
            why = f"event {first.event} named {first.text} before; that counts"
            telling.concluded.append(self._other_recipe(event.unit, event.batch, naming, position, event.time_ns, why))
            return
        for unit in self._context.units.values():
            if unit.batch == event.batch and not self._versions.is_named(event.recipe, unit.recipe):
                pinned = recipe_version(unit.recipe) or "no recipe"
                why = f"the batch has begun on {unit.model.name} by {pinned}, which judges it there"
                name = unit.model.name
                telling.concluded.append(self._other_recipe(name, event.batch, naming, position, event.time_ns, why))

    def _other_recipe(
        self, unit: str, batch: str, naming: Naming, position: RowPosition, at_ns: int, why: str
    ) -> Finding:
        """A batch is judged by another recipe than an event names."""
        case = open_case(self._origin, "context.conflict", unit, at_ns, position, None, unit)
        case.batch = batch
        case.id = f"context.conflict/{unit}/recipe/{batch}/{naming.event}/{position.entry}.{position.row}"
        message = (
            f"{unit}: event {naming.event} from {naming.source or 'the interface'} says that batch {batch} is made by "
            f"{naming.text}, but {why}."
        )
        evidence = {"event": naming.event, "event_source": naming.source, "event_says": naming.text}
        return case.say(Stage.CLEARED, at_ns, message, evidence, at_ns)

    def _named_otherwise(self, unit: Unit, change: Change) -> list[Finding]:
        """A batch began on a unit, and an event named another recipe for it than the one that it pinned."""
        naming = self._versions.naming(unit.batch)
        if naming is None or self._versions.is_named(naming.text, unit.recipe):
            return []
        told = recipe_version(unit.recipe)
        judges = f"{told} judges in its place" if told else "none judges in its place"
        is_told = unit.model.recipe_tag is not None and bool(unit.recipe_text)
        why = (
            f"its tag says {unit.recipe_text}, and tags judge" if is_told else f"no such version is approved; {judges}"
        )
        if not self._versions.required and not is_told:
            why = f"there is no such file; {judges}"
        return [self._other_recipe(unit.model.name, unit.batch, naming, change.position, change.time_ns, why)]

    def _link(
        self, parent: str, child: str, kinship: Kinship, event: BatchEvent, position: RowPosition
    ) -> list[Conclusion]:
        try:
            is_new = self.genealogy.add(parent, child)
        except Refused as error:
            message = f"Event {event.id} ({event.kind}) cannot be: {error}."
            return [self._impossible("circle", event.unit or child, event, position, message, child, parent)]
        return [BatchLink(parent, child, kinship, event.time_ns, event.source, event.id)] if is_new else []

    def _on_unit(self, unit: Unit, event: BatchEvent, position: RowPosition, telling: Telling) -> None:
        """What an event says of the unit that it names: a claim where a tag tells it, else a change."""
        kind = event.kind
        if kind is EventKind.BATCH_END:
            self._end(unit, Role.BATCH, event.batch, event, position, telling)
            return
        if event.batch and kind is not EventKind.PHASE_END:
            self._begin(unit, Role.BATCH, event.batch, event, position, telling)
        if kind is EventKind.PHASE_START:
            self._begin(unit, Role.PHASE, event.phase, event, position, telling)
        elif kind is EventKind.PHASE_END:
            self._end(unit, Role.PHASE, event.phase, event, position, telling)

    def _begin(
        self, unit: Unit, role: Role, text: str, event: BatchEvent, position: RowPosition, telling: Telling
    ) -> None:
        if _has_tag(unit, role):
            self._claim(unit, role, text, event, position, begins=True)
            return
        name, now = unit.model.name, unit.last(role)
        if role is Role.BATCH and event.kind is EventKind.CHARGE:
            if now and now != text:
                message = f"{name} is charged for batch {text}, and it holds batch {now}."
                telling.concluded.append(self._impossible("occupied", name, event, position, message))
            return
        if now == text or self._is_behind(unit, role, event, position, telling):
            return
        if role is Role.BATCH and now and event.kind is EventKind.BATCH_START:
            message = f"Batch {text} begins on {name}, which still holds batch {now}."
            telling.concluded.append(self._impossible("occupied", name, event, position, message))
        self._change(unit, role, text, event, position, telling)

    def _end(
        self, unit: Unit, role: Role, text: str, event: BatchEvent, position: RowPosition, telling: Telling
    ) -> None:
        if _has_tag(unit, role):
            self._claim(unit, role, text, event, position, begins=False)
            return
        name, now = unit.model.name, unit.last(role)
        if now != text:
            # What began before the service may end: nothing is known of it, so nothing is wrong with it. Nor is it
            # wrong that two senders tell one end.
            told = unit.log.get(role, [])
            if now or (told and [before for _, before in told[-2:-1]] != [text]):
                message = f"{name}: {role} {text} ends, and {role} {now or 'none'} is what runs there."
                telling.concluded.append(self._impossible("end", name, event, position, message, detail=role))
            return
        ends_phase = role is Role.BATCH and bool(unit.last(Role.PHASE)) and not _has_tag(unit, Role.PHASE)
        if self._is_behind(unit, role, event, position, telling):
            return
        if ends_phase and self._is_behind(unit, Role.PHASE, event, position, telling):
            return
        if ends_phase:
            self._change(unit, Role.PHASE, "", event, position, telling)
        self._change(unit, role, "", event, position, telling)
        if role is Role.BATCH:
            self._occupancy.left(name, text, event.time_ns)

    def _end_everywhere(self, event: BatchEvent, position: RowPosition, telling: Telling) -> None:
        for unit in self._context.units.values():
            if unit.last(Role.BATCH) == event.batch:
                self._end(unit, Role.BATCH, event.batch, event, position, telling)
        self._occupancy.ended(event.batch, event.time_ns)

    def _is_behind(self, unit: Unit, role: Role, event: BatchEvent, position: RowPosition, telling: Telling) -> bool:
        """Whether an event is older than what it would change: that changes nothing; the rows since are asked again."""
        is_end = event.kind in (EventKind.PHASE_END, EventKind.BATCH_END, EventKind.TRANSFER_END)
        told = unit.log.get(role, [])[-1:]
        if is_end:  # what has not settled is put in order by its time, but an end never comes before its start
            told = told + [(change.time_ns, change.text) for change in unit.pending if change.role is role]
        since_ns, now = max(told, default=(event.time_ns, ""))
        if event.time_ns >= since_ns:
            return False
        name, since, now = unit.model.name, format_time(since_ns), now or "none"
        what = "end before start" if is_end else "backwards"
        message = (
            f"{name}: {event.kind} of {event.phase or event.batch} at {format_time(event.time_ns)} lies before "
            f"{role} {now} began at {since}; it changes nothing."
        )
        telling.concluded.append(self._impossible(what, name, event, position, message, detail=role))
        telling.late.append((unit, event.time_ns))
        return True

    def _change(
        self, unit: Unit, role: Role, text: str, event: BatchEvent, position: RowPosition, telling: Telling
    ) -> None:
        self._context.tell(unit, Change(role, text, event.time_ns, position))
        if unit not in telling.changed:
            telling.changed.append(unit)

    def _claim(
        self, unit: Unit, role: Role, text: str, event: BatchEvent, position: RowPosition, *, begins: bool
    ) -> None:
        name = unit.model.name
        self._claims.add(Claim(name, role, text, begins, event.time_ns, event.id, event.source, position))

    def _transfer(self, event: BatchEvent, position: RowPosition, telling: Telling) -> None:
        """Material flows from one unit to another: each end is a claim where a tag or a rule tells it."""
        on = event.kind is EventKind.TRANSFER_START
        for name, role in ((event.from_unit, Role.TRANSFER_OUT), (event.to_unit, Role.TRANSFER_IN)):
            unit = self._context.units.get(name)
            if unit is None:
                continue
            if _has_tag(unit, role):
                self._claim(unit, role, "1", event, position, begins=on)
                continue
            flowing = bool(unit.log.get(role)) and unit.log[role][-1][1] == "1"
            if flowing != on and not self._is_behind(unit, role, event, position, telling):
                unit.note(role, event.time_ns, str(int(on)))
                telling.transfers.append(
                    Transfer(name, role, on, event.time_ns, position, None, event.source, event.time_ns)
                )
        telling.concluded += self._let_in(event, position)

    def _let_in(self, event: BatchEvent, position: RowPosition) -> list[Conclusion]:
        """A unit that holds another batch than the one it is filled from: that batch has material of this one."""
        source, target = (self._context.units.get(name) for name in (event.from_unit, event.to_unit))
        parent = event.batch if source is None else (source.last(Role.BATCH) or event.batch)
        child = "" if target is None else target.last(Role.BATCH)
        if not parent or not child or parent == child:
            return []
        return self._link(parent, child, Kinship.TRANSFER, event, position)

    def flowed(self, transfer: Transfer, batch: str) -> tuple[list[Conclusion], list[Transfer]]:
        """What follows from a transfer that tags tell: its event, its links, and the same at the other unit.

        `batch` is the one on the unit. The other unit hears of it where nothing else tells it.
        """
        unit = self._context.units[transfer.unit]
        unit.note(transfer.role, transfer.time_ns, str(int(transfer.on)))
        outward = transfer.role is Role.TRANSFER_OUT
        event = BatchEvent(
            id=f"{transfer.unit}/{transfer.role}/{int(transfer.on)}/{transfer.time_ns}",
            source=transfer.source,
            kind=EventKind.TRANSFER_START if transfer.on else EventKind.TRANSFER_END,
            time_ns=transfer.time_ns,
            recorded_ns=transfer.time_ns if transfer.proven_ns is None else transfer.proven_ns,
            batch=batch,
            from_unit=transfer.unit if outward else transfer.other_unit,
            to_unit=transfer.other_unit if outward else transfer.unit,
        )
        concluded: list[Conclusion] = [BatchTold(event, transfer.position), *self._let_in(event, transfer.position)]
        other = self._context.units.get(transfer.other_unit)
        role = Role.TRANSFER_IN if outward else Role.TRANSFER_OUT
        if other is None or _has_tag(other, role):
            return concluded, []
        other.note(role, transfer.time_ns, str(int(transfer.on)))
        return concluded, [replace(transfer, unit=other.model.name, role=role, other_unit="")]

    def settled(self, unit: Unit, switches: Iterable[Switch]) -> list[Finding]:
        """Judge whether what has settled on a unit can be."""
        found: list[Finding] = []
        if unit.batch_changed is not None:
            found += self._occupancy.batch_changed(unit, unit.batch_changed)
            found += self._named_otherwise(unit, unit.batch_changed)
        for switch in switches:
            if switch.run is not None:
                found += self._occupancy.phase_began(unit, switch.run, self._context.units.values())
        return found

    def beat(self, heartbeat: Heartbeat) -> list[Finding]:
        """Compare what events said with what the tags have said by now."""
        return self._claims.beat(heartbeat, self._context.units, self._context.source_of)

    def _impossible(
        self,
        what: str,
        subject: str,
        event: BatchEvent,
        position: RowPosition,
        message: str,
        batch: str = "",
        detail: str = "",
    ) -> Finding:
        evidence = {"event": event.id, "event_source": event.source}
        unit = self._context.units.get(subject)
        run = None if unit is None else unit.run
        return self._occupancy.impossible(
            (what, detail or event.id),
            subject,
            batch or event.batch,
            event.time_ns,
            position,
            message,
            evidence,
            run,
        )

    def state(self) -> Json:
        """All of it."""
        return {
            "known": self._known,
            "said": list(self._said),
            "genealogy": self.genealogy.state(),
            "occupancy": self._occupancy.state(),
            "claims": self._claims.state(),
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told; units are known by then."""
        self._known = state["known"]
        self._said = dict.fromkeys(state["said"])
        self.genealogy = Genealogy.of(state["genealogy"])
        self._occupancy.load(state["occupancy"])
        self._claims.load(state["claims"])


def _has_tag(unit: Unit, role: Role) -> bool:
    """Whether a tag of the unit, or a rule over tags, tells this."""
    model = unit.model
    return {
        Role.BATCH: model.batch_tag is not None,
        Role.PHASE: model.phase_tag is not None,
        Role.TRANSFER_IN: model.transfer_in_tag is not None or model.transfer_in_rule is not None,
        Role.TRANSFER_OUT: model.transfer_out_tag is not None or model.transfer_out_rule is not None,
    }[role]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
