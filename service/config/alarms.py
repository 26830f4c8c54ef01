"""Alarms as the file writes them: rationalised or refused; classes, shelves, and what is suppressed by design."""

from collections.abc import Iterable, Mapping

from alarms.defaults import DEFAULTS, default_step
from domain.errors import Complaint
from domain.rationalisation import CLASSES, LONGEST_SHELF_NS, is_named_only, priority_of
from domain.recipes import RangeKind
from domain.rules import AlarmClass, AlarmRule, EquipmentTag, Priority, Severity, Suppression
from domain.time import format_duration
from service.config.checking import unknown
from service.config.document import Document, PathKey
from service.config.equipment import told_phases
from service.config.model import ConfigFile
from service.config.quantities import difference
from service.config.shape.alarms import ClassText, SuppressText
from service.config.shape.tags import AlarmText
from service.config.tags import Expanded, PlacedTag

_OTHER_RULES = {"rate", "stale", "frozen", "bad", "uncertain", "drift.cusum", "drift.ewma"}
_SIDES = ("high", "low")


class AlarmsRead:
    """The alarms of one file while they are read."""

    def __init__(self, document: Document, file: ConfigFile, expanded: Expanded, complaints: list[Complaint]) -> None:
        self._document = document
        self._file = file
        self._complaints = complaints
        self._classes = {**CLASSES, **file.alarms.classes}
        self._units_of: dict[str, list[str]] = {}
        for unit, roles in expanded.parameters.items():
            for tag in roles.values():
                self._units_of.setdefault(tag, []).append(unit)

    def _complain(self, path: PathKey, message: str) -> None:
        self._complaints.append(self._document.complain(path, message))

    def rule(self, placed: PlacedTag, name: str, text: AlarmText) -> AlarmRule | None:
        """`high: {limit: nor}` listens to excursion.nor.high, `limit: fixed` to fixed.high, `limit: rate` to rate."""
        path = (*placed.path, "alarms", name)
        rule = self._listens_to(path, name, text.limit)
        if rule is None:
            return None
        deadband = 0.0
        try:
            deadband = difference(text.deadband, placed.text.unit, "")
        except ValueError as error:
            self._complain((*path, "deadband"), str(error))
        priority = self._priority(path, text)
        self._check(path, placed, text)
        return AlarmRule(
            name,
            rule,
            priority,
            text.on_delay,
            text.off_delay,
            deadband,
            text.cause.strip(),
            text.consequence.strip(),
            text.action.strip(),
            text.respond_within,
            None if text.severity is None else Severity(text.severity),
            text.priority_reason.strip(),
            text.alarm_class or default_step(rule).rule.alarm_class,
            text.re_alarm,
            text.longest_shelf,
            text.first_in_group,
            text.phases,
            text.dcs_alarm,
            None if text.dcs_priority is None else Priority[text.dcs_priority.upper()],
        )

    def _listens_to(self, path: PathKey, name: str, limit: str) -> str | None:
        if limit in _OTHER_RULES:
            return limit
        side = next((each for each in _SIDES if name.startswith(each)), None)
        if side is None:
            self._complain(path, "its name must begin with `high` or `low`, or `limit` name another rule")
            return None
        if limit == "fixed":
            return f"fixed.{side}"
        if limit in set(RangeKind):
            return f"excursion.{limit}.{side}"
        allowed = ", ".join([*RangeKind, "fixed", *sorted(_OTHER_RULES)])
        self._complain((*path, "limit"), f"{limit!r} is none of {allowed}")
        return None

    def _priority(self, path: PathKey, text: AlarmText) -> Priority:
        """What severity and time to respond make, or another one with its reason; complaints say what is missing."""
        told = None if text.priority is None else Priority[text.priority.upper()]
        if told is Priority.EVENT:
            return told  # nobody is asked to respond: there is nothing to rationalise
        texts = {"cause": text.cause, "consequence": text.consequence, "action": text.action}
        missing = [name for name, said in texts.items() if not said.strip()]
        missing += [] if text.respond_within else ["respond_within"]
        if missing:
            needs = ", ".join(f"`{name}`" for name in missing)
            self._complain(path, f"needs {needs}: what nobody can say of an alarm, nobody can do when it sounds")
        if text.severity is None:
            if told is None or not text.priority_reason.strip():
                message = "needs `severity`, or `priority` with a `priority_reason`"
                self._complain(path if told is None else (*path, "priority"), message)
            return told or Priority.HIGH
        made = priority_of(Severity(text.severity), text.respond_within or LONGEST_SHELF_NS)
        if told is not None and told is not made and text.respond_within and not text.priority_reason.strip():
            within = format_duration(text.respond_within)
            message = (
                f"a {text.severity} consequence within {within} is {made.name.lower()}: it needs a `priority_reason`"
            )
            self._complain((*path, "priority"), message)
        return told or made

    def _check(self, path: PathKey, placed: PlacedTag, text: AlarmText) -> None:
        if text.alarm_class and text.alarm_class not in self._classes:
            self._complain((*path, "class"), unknown("class", text.alarm_class, self._classes))
        if text.dcs_priority is not None and not text.dcs_alarm:
            self._complain((*path, "dcs_priority"), "needs `dcs_alarm`: which alarm of the control system")
        if text.longest_shelf is not None and not 0 < text.longest_shelf <= LONGEST_SHELF_NS:
            self._complain((*path, "longest_shelf"), "is more than nothing, and 24 h at most")
        units = [placed.unit] if placed.unit is not None else self._units_of.get(placed.name, [])
        if text.phases and not units:
            self._complain((*path, "phases"), "the tag is a parameter of no unit: no phase is told of it")
        for unit in units:
            self._check_phases((*path, "phases"), unit, text.phases)

    def _check_phases(self, path: PathKey, unit: str, phases: Iterable[str]) -> None:
        known = told_phases(self._file.units[unit])
        for phase in phases:
            if known is not None and phase not in known:
                self._complain(path, f"unit {unit!r}: {unknown('phase', phase, sorted(known))}")

    def classes(self) -> dict[str, AlarmClass]:
        """What the file says of classes; what it leaves out of a built-in one stays."""
        return {name: self._class(name, text) for name, text in self._file.alarms.classes.items()}

    def _class(self, name: str, text: ClassText) -> AlarmClass:
        path = ("alarms", "classes", name)
        if text.longest_shelf is not None and not 0 < text.longest_shelf <= LONGEST_SHELF_NS:
            self._complain((*path, "longest_shelf"), "is more than nothing, and 24 h at most")
        before = CLASSES.get(name, AlarmClass(name))

        def told(key: str) -> bool:
            return key in text.model_fields_set

        return AlarmClass(
            name,
            text.standard_comment.strip() if told("standard_comment") else before.standard_comment,
            text.shelve if told("shelve") else before.shelve,
            text.longest_shelf if told("longest_shelf") else before.longest_shelf_ns,
            text.re_alarm if told("re_alarm") else before.re_alarm_ns,
            text.re_alarm_unacknowledged if told("re_alarm_unacknowledged") else before.re_alarm_unacknowledged_ns,
            text.latching if told("latching") else before.latching,
        )

    def longest_shelves(self) -> dict[Priority, int]:
        """The longest shelf by priority, as far as the file says."""
        for name, most_ns in self._file.alarms.longest_shelf.items():
            if not 0 < most_ns <= LONGEST_SHELF_NS:
                self._complain(("alarms", "longest_shelf", name), "is more than nothing, and 24 h at most")
        return {Priority[name.upper()]: most_ns for name, most_ns in self._file.alarms.longest_shelf.items()}

    def suppressions(self) -> tuple[Suppression, ...]:
        """What is suppressed by design."""
        return tuple(self._suppression(name, text) for name, text in self._file.alarms.suppress.items())

    def _suppression(self, name: str, text: SuppressText) -> Suppression:
        path = ("alarms", "suppress", name)
        units = text.units or tuple(self._file.units)
        for unit in text.units:
            if unit not in self._file.units:
                self._complain((*path, "units"), unknown("unit", unit, self._file.units))
        for phase in text.phases:
            told = [told_phases(self._file.units[unit]) for unit in units if unit in self._file.units]
            if all(each is not None and phase not in each for each in told):
                known = sorted({every for each in told for every in each or ()})
                self._complain((*path, "phases"), unknown("phase", phase, known))
        states = self._states(units)
        for state in text.equipment:
            if states is not None and state not in states:
                self._complain((*path, "equipment"), unknown("equipment state", state, sorted(states)))
        return Suppression(
            name, self._rules((*path, "alarms"), text.alarms), text.units, text.idle, text.phases, text.equipment
        )

    def _states(self, units: Iterable[str]) -> set[str] | None:
        """The states that equipment of these units can be told to be in; None: any."""
        told = [each for unit in units if (text := self._file.units.get(unit)) and (each := text.equipment)]
        if any(not each.states for each in told):
            return None
        return {state for each in told for state in each.states.values()}

    def _rules(self, path: PathKey, names: Iterable[str]) -> frozenset[str]:
        """The rules that names stand for: `all`, what an alarm's `limit` may be, or a rule by its own name."""
        found: set[str] = set()
        for name in names:
            rules = _rules_named(name)
            if not rules:
                known = ["all", "fixed", *RangeKind, *DEFAULTS]
                self._complain(path, unknown("alarm", name, known))
            found |= rules
        return frozenset(found)

    def equipment(self, tags: Mapping[str, object]) -> dict[str, EquipmentTag]:
        """By unit, the tag that tells the state of its equipment."""
        found: dict[str, EquipmentTag] = {}
        for unit, text in self._file.units.items():
            if text.equipment is None:
                continue
            if text.equipment.tag not in tags:
                self._complain(("units", unit, "equipment", "tag"), f"no tag is named {text.equipment.tag!r}")
            found[unit] = EquipmentTag(text.equipment.tag, text.equipment.states)
        return found


def _rules_named(name: str) -> set[str]:
    if name == "all":
        return {
            rule for rule, step in DEFAULTS.items() if step.rule.alarm_class != "system" and not is_named_only(rule)
        }
    if name == "fixed":
        return {f"fixed.{side}" for side in _SIDES}
    if name in set(RangeKind):
        return {f"excursion.{name}.{side}" for side in _SIDES}
    return {name} if name in DEFAULTS else set()
