"""Which batch and phase each unit is in, and which rows have to wait until that is certain."""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Index, LastSamples, Mask, grown
from detectors.cases import Json
from detectors.context.flows import Flows
from detectors.context.units import Change, Role, Switch, Transfer, Unit
from detectors.gaps import Gaps
from detectors.versions import Versions
from domain.entries import Heartbeat, RowPosition
from domain.errors import Refused
from domain.rules import Rulebook
from domain.tags import Tag

MOST_HELD_ROWS = 20_000
"""Rows of one unit that wait for its context to settle; the next one settles it at once."""

_ON = frozenset({"1", "true", "on", "open"})
_SWITCHES = (Role.TRANSFER_IN, Role.TRANSFER_OUT, Role.VALVE)


def as_text(value: float) -> str:
    """A number as configurations write it: 10.0 is `10`."""
    return str(int(value)) if value == int(value) else repr(value)


class Context:
    """All units, fed by the rows of their context tags.

    The rows of a unit's parameters are judged at once while its context is certain. From a change until it settles they
    wait, so that each is judged in the phase that was in force at its own source time.
    """

    def __init__(self, rulebook: Rulebook, versions: Versions, gaps: Gaps, last: LastSamples) -> None:
        self._versions = versions
        self._gaps = gaps
        self._last = last
        self.units = {name: Unit(model) for name, model in rulebook.units.items()}
        self._flows = Flows(rulebook.units)
        self._unsettled: dict[int, Unit] = {}  # units with changes that have not settled, by their number
        self._roles_by_name: dict[str, list[tuple[Unit, Role]]] = {}
        self._owner_by_name: dict[str, Unit] = {}
        for unit in self.units.values():
            self._name_tags(unit)
        self._roles: dict[int, list[tuple[Unit, Role]]] = {}
        self._owner: dict[int, Unit] = {}
        self.tags_of: dict[str, dict[str, Tag]] = {name: {} for name in self.units}
        self._texts: dict[int, str] = {}
        self._is_context: Mask = np.empty(0, dtype=np.bool_)
        self._is_switch: Mask = np.empty(0, dtype=np.bool_)
        self._value: NDArray[np.float64] = np.empty(0)
        self._number = {name: number for number, name in enumerate(self.units)}
        self._units_of: dict[int, list[Unit]] = {}
        self._tags: dict[str, dict[int, Tag]] = {name: {} for name in self.units}
        self._owner_number: Index = np.empty(0, dtype=np.intp)
        # By tag: a row at or after the one waits, a row after the other settles; never, where all is certain.
        self._waits_from_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._settles_after_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def _name_tags(self, unit: Unit) -> None:
        model = unit.model
        named = (
            (model.batch_tag, Role.BATCH),
            (model.phase_tag, Role.PHASE),
            (model.recipe_tag, Role.RECIPE),
            (model.transfer_in_tag, Role.TRANSFER_IN),
            (model.transfer_out_tag, Role.TRANSFER_OUT),
            (model.phase_state_tag, Role.PHASE_STATE),
            *((rule.valve_tag, Role.VALVE) for rule in (model.transfer_in_rule, model.transfer_out_rule) if rule),
        )
        for name, role in named:
            if name is not None:
                self._roles_by_name.setdefault(name, []).append((unit, role))
        for name in model.parameters.values():
            other = self._owner_by_name.setdefault(name, unit)
            if other is not unit:
                raise Refused(f"tag {name!r} is a parameter of both {other.model.name!r} and {model.name!r}")

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._is_context = grown(self._is_context, size, fill=False)
        self._is_switch = grown(self._is_switch, size, fill=False)
        self._value = grown(self._value, size, np.nan)
        self._owner_number = grown(self._owner_number, size, -1)
        self._waits_from_ns = grown(self._waits_from_ns, size, FOREVER_NS)
        self._settles_after_ns = grown(self._settles_after_ns, size, FOREVER_NS)
        self._flows.grow(size)

    def bind(self, tag: Tag) -> None:
        """Connect a tag with what it tells of which unit."""
        roles = self._roles_by_name.get(tag.name, [])
        self._roles[tag.id] = roles
        self._flows.bind(tag)
        self._is_context[tag.id] = bool(roles)
        self._is_switch[tag.id] = bool(roles) and all(role in _SWITCHES for _, role in roles)
        owner = self._owner_by_name.get(tag.name)
        before = self._owner.pop(tag.id, None)
        if before is not None:
            self.tags_of[before.model.name] = {
                role: known for role, known in self.tags_of[before.model.name].items() if known.id != tag.id
            }
        if owner is not None:
            self._owner[tag.id] = owner
            for role, name in owner.model.parameters.items():
                if name == tag.name:
                    self.tags_of[owner.model.name][role] = tag
            # In the model's order, whatever the order in which tags were defined: findings come in this order.
            known = self.tags_of[owner.model.name]
            self.tags_of[owner.model.name] = {role: known[role] for role in owner.model.parameters if role in known}
        self._owner_number[tag.id] = -1 if owner is None else self._number[owner.model.name]
        concerned = {unit.model.name for unit, _ in roles} | ({owner.model.name} if owner is not None else set())
        for unit in self._units_of.get(tag.id, ()):
            self._tags[unit.model.name].pop(tag.id, None)
        self._units_of[tag.id] = [self.units[name] for name in sorted(concerned, key=self._number.__getitem__)]
        for name in concerned:
            self._tags[name][tag.id] = tag
        self._mark_tag(tag)

    def _mark_tag(self, tag: Tag) -> None:
        """Derive which rows of a tag wait, and which settle a unit."""
        owner = self._owner.get(tag.id)
        self._waits_from_ns[tag.id] = owner.opened_ns if owner is not None and owner.pending else FOREVER_NS
        self._settles_after_ns[tag.id] = min(
            (
                unit.opened_ns + unit.model.settle_ns
                for unit in self._units_of[tag.id]
                if unit.pending and unit.source == tag.source
            ),
            default=FOREVER_NS,
        )

    def _mark(self, unit: Unit) -> None:
        number = self._number[unit.model.name]
        if unit.pending:
            self._unsettled[number] = unit
        else:
            self._unsettled.pop(number, None)
        for tag in self._tags[unit.model.name].values():
            self._mark_tag(tag)

    @property
    def is_unsettled(self) -> bool:
        """Whether changes of some unit have not settled."""
        return bool(self._unsettled)

    def _pending(self, numbers: Index) -> list[Unit]:
        """The units that have not settled among those of these numbers, each once, in the order of the rulebook."""
        return [self._unsettled[number] for number in np.unique(numbers).tolist() if number in self._unsettled]

    def source_of(self, unit: Unit) -> str:
        """The source of a unit's tags: whose rows let its changes settle, whoever told them."""
        own = self._tags[unit.model.name]
        return own[min(own)].source if own else ""

    def tell(self, unit: Unit, change: Change) -> None:
        """Take a change that no row told; it settles as those of the unit's tags do."""
        unit.change(change, self.source_of(unit))
        self._mark(unit)

    def is_due(self, unit: Unit, newest_ns: NDArray[np.int64]) -> bool:
        """Whether a unit's own tags are past the settling already; `newest_ns` by tag."""
        own = [int(newest_ns[tag.id]) for tag in self._tags[unit.model.name].values() if tag.source == unit.source]
        return not own or max(own) > unit.opened_ns + unit.model.settle_ns

    def parameters(self, unit: Unit) -> list[Tag]:
        """The tags of a unit's parameters, each once, in the model's order."""
        return list({tag.id: tag for tag in self.tags_of[unit.model.name].values()}.values())

    def owner(self, tag: int) -> Unit | None:
        """The unit that a tag is a parameter of."""
        return self._owner.get(tag)

    def next_event(self, rows: Arrived, begin: int, *, taken: bool = False) -> int:
        """The first row from `begin` on that changes a context or settles one; the number of rows if none does.

        `taken`: that row itself was taken already. A level too large to show a step would be found for ever.
        """
        changed = min(self._first_change(rows, begin), self._flows.first_row(rows, begin + taken))
        return min(changed, self._first_settling(rows, begin)) if self._unsettled else changed

    def _first_change(self, rows: Arrived, begin: int) -> int:
        tag = rows.tag[begin:] if begin else rows.tag
        concerned = self._is_context.take(tag)
        if not np.count_nonzero(concerned):
            return len(rows)
        if rows.text is not None:
            return self._first_text_change(rows, begin)
        index = concerned.nonzero()[0]
        chosen, value = tag[index], rows.value[begin:][index]
        # A flow says no more than that material flows: its value is not a change.
        told = np.where(self._is_switch[chosen], value > 0, value)
        changed = told != self._value[chosen]
        if rows.ok is not None:
            changed &= rows.ok[begin:][index]
        found = changed.nonzero()[0]
        return begin + int(index[found[0]]) if len(found) else len(rows)

    def _first_text_change(self, rows: Arrived, begin: int) -> int:
        for index in range(begin, len(rows)):
            text = self._told(rows, index)
            if text is not None and text != self._texts.get(int(rows.tag[index])):
                return index
        return len(rows)

    def _told(self, rows: Arrived, index: int) -> str | None:
        """What a context tag's row says, in the form in which it is compared; None: nothing."""
        tag = int(rows.tag[index])
        if not self._is_context[tag]:
            return None
        if rows.text is None:
            if rows.ok is not None and not rows.ok[index]:
                return None
            value = float(rows.value[index])
            return str(int(value > 0)) if self._is_switch[tag] else as_text(value)
        text: str | None = rows.text[index]
        if text is None or (rows.bad is not None and rows.bad[index]):
            return None
        return str(int(text.strip().lower() in _ON)) if self._is_switch[tag] else text

    def _first_settling(self, rows: Arrived, begin: int) -> int:
        """The first row that shows a unit's clock past the settling, or finds no room among those that wait."""
        tag, time_ns = rows.tag[begin:], rows.time_ns[begin:]
        if not len(tag):
            return begin
        settles = time_ns > self._settles_after_ns.take(tag)
        first = int(settles.argmax())
        end = first if settles[first] else len(tag)
        waits = (time_ns[:end] >= self._waits_from_ns.take(tag[:end])).nonzero()[0]
        if not len(waits):
            return begin + end
        owner = self._owner_number[tag[waits]]
        for unit in self._pending(owner):
            room = MOST_HELD_ROWS - unit.held_rows
            if len(waits) > room:
                own = waits[owner == self._number[unit.model.name]]
                end = min(end, int(own[room])) if len(own) > room else end
        return begin + end

    def settled_by(self, rows: Arrived, index: int) -> list[Unit]:
        """The units that settle before this row is judged."""
        tag, time_ns = int(rows.tag[index]), int(rows.time_ns[index])
        settled: list[Unit] = []
        for unit in self._units_of.get(tag, ()):
            if not unit.pending:
                continue
            name = unit.model.name
            past = time_ns > unit.opened_ns + unit.model.settle_ns
            full = self._owner_number[tag] == self._number[name] and unit.held_rows >= MOST_HELD_ROWS
            own_source = self._tags[name][tag].source == unit.source
            if (past and own_source) or (full and time_ns >= unit.opened_ns):
                settled.append(unit)
        return settled

    def settle(self, unit: Unit) -> list[Switch]:
        """Let a unit's pending changes mean what they mean."""
        switches = unit.settle(self._versions)
        self._mark(unit)
        return switches

    def take(self, rows: Arrived, index: int) -> list[Transfer]:
        """Take the change that a row tells; a transfer counts at once, anything else when it settles."""
        return self._flows.take(rows, index) + self._take_change(rows, index)

    def _take_change(self, rows: Arrived, index: int) -> list[Transfer]:
        text = self._told(rows, index)
        tag = int(rows.tag[index])
        if text is None:
            return []
        if rows.text is None:
            self._value[tag] = float(text) if self._is_switch[tag] else rows.value[index]
        known = self._texts.get(tag)
        if text == known:
            return []
        self._texts[tag] = text
        time_ns, position = int(rows.time_ns[index]), rows.position(index)
        transfers: list[Transfer] = []
        is_valve = False
        for unit, role in self._roles[tag]:
            if role is Role.VALVE:
                is_valve = True
            elif role in _SWITCHES:
                on = text in _ON
                if on or known is not None:
                    transfers.append(Transfer(unit.model.name, role, on, time_ns, position, tag, rows.source))
            else:
                unseen_ns = None if known is None else self._unseen_ns(unit, role, tag, rows.source, time_ns)
                unit.change(Change(role, text, time_ns, position, unseen_ns), rows.source)
                self._mark(unit)
        if is_valve:
            transfers += self._flows.valve(tag, time_ns, position, is_open=text in _ON)
        return transfers

    def _unseen_ns(self, unit: Unit, role: Role, tag: int, source: str, time_ns: int) -> int:
        """How much earlier a value may have changed: back to the first gap since it last said something else."""
        if self._gaps.is_empty:
            return 0
        said_ns = unit.log[role][-1][0] if unit.log.get(role) else NEVER_NS
        hidden = self._gaps.within(tag, source, max(int(self._last.time_ns[tag]), said_ns), time_ns)
        return time_ns - hidden[0][0] if hidden else 0

    def flows_beat(self, heartbeat: Heartbeat, newest_ns: NDArray[np.int64], position: RowPosition) -> list[Transfer]:
        """Transfers that end because their level is heard no more; `newest_ns` by tag."""
        return self._flows.beat(heartbeat, newest_ns, position)

    def hold_back(self, rows: Arrived) -> Arrived:
        """Keep the rows whose phase is not certain yet; return the others."""
        waits = rows.time_ns >= self._waits_from_ns.take(rows.tag)
        if not np.count_nonzero(waits):
            return rows
        held = rows.chosen(waits)
        owner = self._owner_number[held.tag]
        for unit in self._pending(owner):
            unit.hold(held.chosen(owner == self._number[unit.model.name]))
        return rows.chosen(~waits)

    def beat(self, now_ns: int) -> list[Unit]:
        """Units whose changes settle because time goes by without rows, by our clock from beat to beat."""
        settled: list[Unit] = []
        for _, unit in sorted(self._unsettled.items()):
            if unit.first_beat_ns is None or now_ns < unit.first_beat_ns:
                unit.first_beat_ns = now_ns
            elif now_ns - unit.first_beat_ns > unit.model.settle_ns:
                settled.append(unit)
        return settled

    def state(self) -> Json:
        """Units and what their tags said last; `arrays` has the rest."""
        return {
            "units": {name: unit.state() for name, unit in self.units.items()},
            "texts": sorted(self._texts.items()),
            "flows": self._flows.state(),
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The last numbers of the context tags, and the rows that wait."""
        arrays: dict[str, NDArray[np.generic]] = {"value": self._value}
        for name, unit in self.units.items():
            for number, rows in enumerate(unit.held):
                arrays.update({f"held/{name}/{number}/{key}": column for key, column in _columns(rows).items()})
        return arrays

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._texts = dict(state["texts"])
        self._flows.load(state.get("flows", {}))
        self._value = arrays["value"].astype(np.float64)
        for name, unit in self.units.items():
            unit.load(state["units"][name], self._versions)
            _hold_again(unit, arrays)
            self._mark(unit)

    def carry_over(
        self,
        state: Json,
        arrays: dict[str, NDArray[np.generic]],
        newest_ns: NDArray[np.int64],
        position: RowPosition,
    ) -> None:
        """Take the units that still exist from a state of other rules; `newest_ns` by tag, `position` of the state."""
        self._texts = dict(state["texts"])
        self._flows.load(state.get("flows", {}))
        self._value = arrays["value"].astype(np.float64)
        for name, unit in self.units.items():
            if name in state["units"]:
                unit.carry_over(state["units"][name], self._versions)
                _hold_again(unit, arrays)
            self._tell_again(unit, newest_ns, position)
            self._mark(unit)

    def _tell_again(self, unit: Unit, newest_ns: NDArray[np.int64], position: RowPosition) -> None:
        """Where a value that was told means another batch or phase by these rules, that is a change from now on."""
        own = self._tags[unit.model.name]
        at_ns = max((int(newest_ns[tag]) for tag in own), default=NEVER_NS)
        if unit.run is not None:
            at_ns = max(at_ns, unit.run.start_ns)
        if at_ns == NEVER_NS:
            return
        for role, name in ((Role.BATCH, unit.model.batch_tag), (Role.PHASE, unit.model.phase_tag)):
            tag = next((tag for tag in own.values() if tag.name == name), None)
            text = "" if name is None else None if tag is None else self._texts.get(tag.id)
            if text is not None and unit.meant(role, text) is not None:
                source = unit.source if tag is None else tag.source
                unit.change(Change(role, text, at_ns, position, None), source)  # nobody knows since when


def _hold_again(unit: Unit, arrays: dict[str, NDArray[np.generic]]) -> None:
    unit.let_go()
    while f"held/{unit.model.name}/{len(unit.held)}/tag" in arrays:
        prefix = f"held/{unit.model.name}/{len(unit.held)}/"
        columns = {key[len(prefix) :]: arrays[key] for key in arrays if key.startswith(prefix)}
        unit.hold(_rows(unit.source, columns))


def _columns(rows: Arrived) -> dict[str, NDArray[np.generic]]:
    columns: dict[str, NDArray[np.generic]] = {
        "tag": rows.tag,
        "time_ns": rows.time_ns,
        "value": rows.value,
        "entry": rows.entry,
        "row": rows.row,
    }
    if rows.ok is not None and rows.bad is not None:
        columns |= {"ok": rows.ok, "bad": rows.bad}
    if rows.uncertain is not None:
        columns["uncertain"] = rows.uncertain
    return columns


def _rows(source: str, columns: dict[str, NDArray[np.generic]]) -> Arrived:
    return Arrived(
        source,
        columns["tag"].astype(np.intp),
        columns["time_ns"].astype(np.int64),
        columns["value"].astype(np.float64),
        columns["ok"].astype(np.bool_) if "ok" in columns else None,
        columns["bad"].astype(np.bool_) if "bad" in columns else None,
        columns["entry"].astype(np.int64),
        columns["row"].astype(np.int64),
        uncertain=columns["uncertain"].astype(np.bool_) if "uncertain" in columns else None,
    )
