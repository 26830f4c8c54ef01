"""Holds and budgets: every reference, event and unit checked, quantities in the tag's unit."""

from collections.abc import Mapping

from domain.equipment import CLEANING_PHASES
from domain.errors import Complaint
from domain.holds import Budget, Condition, Hold, HoldKind, HoldMode, Storage
from domain.tags import Tag
from service.config.checking import meant_or_known
from service.config.document import Document, PathKey
from service.config.equipment import told_phases
from service.config.model import ConfigFile
from service.config.quantities import convert, quantity_in
from service.config.shape.holds import ConditionText, HoldText, StorageText

_EVENTS = {
    "first_transfer_in",
    "last_transfer_in",
    "first_transfer_out",
    "last_transfer_out",
    "first_use_start",
    "last_use_end",
    "cleaning_start",
    "cleaning_end",
}
_NEEDS_CONDITION = (HoldMode.IN_CONDITION, HoldMode.OVER_TEMPERATURE)


def holds(
    document: Document, file: ConfigFile, tags: Mapping[str, Tag], complaints: list[Complaint]
) -> dict[str, Hold]:
    """The holds by name; complaints are added for what cannot judge."""
    built = {}
    for name, text in file.holds.items():
        path = ("holds", name)
        _check_events(document, file, path, text, complaints)
        _check_limit(document, path, text, complaints)
        _check_budget(document, file, path, text, complaints)
        built[name] = Hold(
            name,
            HoldKind(text.kind),
            text.unit,
            text.start,
            text.stop,
            text.limit,
            tuple(sorted(text.warn_before, reverse=True)),
            text.study,
            HoldMode(text.mode),
            _condition(document, path, text, tags, complaints),
            text.counts == "in_condition",
            tuple(sorted(text.warn_after)),
            text.budget,
            _storage(document, (*path, "storage"), text.storage, tags, complaints),
        )
    return built


def budgets(document: Document, file: ConfigFile, complaints: list[Complaint]) -> dict[str, Budget]:
    """The budgets by name."""
    for name, text in file.budgets.items():
        _check_warnings(document, ("budgets", name), text.warn_before, text.limit, complaints)
        if name in file.holds:
            complaints.append(document.complain(("budgets", name), "a hold has the same name"))
        if not any(hold.budget == name for hold in file.holds.values()):
            complaints.append(document.complain(("budgets", name), "no hold counts to it"))
    return {
        name: Budget(name, text.limit, tuple(sorted(text.warn_before, reverse=True)), text.study)
        for name, text in file.budgets.items()
    }


def _check_events(
    document: Document, file: ConfigFile, path: PathKey, text: HoldText, complaints: list[Complaint]
) -> None:
    if text.unit not in file.units:
        complaints.append(document.complain((*path, "unit"), f"no unit is named {text.unit!r}"))
    _check_ends(document, path, text, complaints)
    for key in ("start", "stop"):
        event = getattr(text, key)
        if event not in _EVENTS and not event.endswith((".start", ".end")):
            message = f"{event!r} is no event: {', '.join(sorted(_EVENTS))}, PHASE.start or PHASE.end"
            complaints.append(document.complain((*path, key), message))
        else:
            _check_event_tags(document, file, (*path, key), text.unit, event, complaints)


def _check_ends(document: Document, path: PathKey, text: HoldText, complaints: list[Complaint]) -> None:
    """A hold that starts with what stops it would last no time, whatever happens."""
    if text.start == text.stop:
        message = f"is the same event as `start`: nothing would ever wait from {text.start!r} to {text.stop!r}"
        complaints.append(document.complain((*path, "stop"), message))


def _check_event_tags(
    document: Document, file: ConfigFile, path: PathKey, unit_name: str, event: str, complaints: list[Complaint]
) -> None:
    unit = file.units.get(unit_name)
    if unit is None:
        return
    needed = {"_in": "transfer_in", "_out": "transfer_out"}
    for ending, key in needed.items():
        if event.endswith(f"transfer{ending}") and getattr(unit, key) is None and not unit.events:
            complaints.append(document.complain(path, f"unit {unit_name!r} has no `{key}` tag to tell {event!r}"))
    if not event.endswith(("transfer_in", "transfer_out")) and unit.phase is None and not unit.events:
        complaints.append(document.complain(path, f"unit {unit_name!r} has no `phase` tag to tell {event!r}"))
    told = told_phases(unit)
    phase, dot, _ = event.rpartition(".")
    known = {name for recipe in file.recipes.values() for name in recipe.phases} | set(CLEANING_PHASES)
    if dot and told is None and file.recipes and phase not in known:
        message = f"no recipe has a phase {phase!r}{meant_or_known(phase, sorted(known))}"
        complaints.append(document.complain(path, message))
    if path[-1] == "start" and event.startswith("cleaning_") and told and not told & set(CLEANING_PHASES):
        message = f"unit {unit_name!r} has no cleaning phase ({', '.join(CLEANING_PHASES)}) to tell {event!r}"
        complaints.append(document.complain(path, message))
    if dot and told and phase not in told:
        message = f"unit {unit_name!r} is never in a phase {phase!r}{meant_or_known(phase, sorted(told))}"
        complaints.append(document.complain(path, message))


def _check_limit(document: Document, path: PathKey, text: HoldText, complaints: list[Complaint]) -> None:
    if text.mode == "endpoint" and text.limit is not None:
        message = "an endpoint is processing to a target: nothing limits it (warn_after warns)"
        complaints.append(document.complain((*path, "limit"), message))
    if text.mode != "endpoint" and text.limit is None and text.budget is None:
        complaints.append(document.complain((*path, "limit"), "is missing"))
    if text.limit is None and text.warn_before:
        complaints.append(document.complain((*path, "warn_before"), "there is no limit to warn before"))
    _check_warnings(document, path, text.warn_before, text.limit, complaints)
    for index, warning in enumerate(text.warn_after):
        if text.limit is not None and warning >= text.limit:
            place = (*path, "warn_after", str(index))
            complaints.append(document.complain(place, "warns when the hold is over its limit"))


def _check_warnings(
    document: Document, path: PathKey, warn_before: tuple[int, ...], limit: int | None, complaints: list[Complaint]
) -> None:
    for index, warning in enumerate(warn_before):
        if limit is not None and warning >= limit:
            place = (*path, "warn_before", str(index))
            complaints.append(document.complain(place, "warns before the hold has begun"))


def _check_budget(
    document: Document, file: ConfigFile, path: PathKey, text: HoldText, complaints: list[Complaint]
) -> None:
    if text.budget is None:
        return
    if text.budget not in file.budgets:
        complaints.append(document.complain((*path, "budget"), f"no budget is named {text.budget!r}"))
    if text.mode == "endpoint":
        complaints.append(document.complain((*path, "budget"), "an endpoint counts to no budget"))
    unit = file.units.get(text.unit)
    if unit is not None and unit.batch is None and not unit.events:
        message = f"unit {text.unit!r} has no `batch` tag to tell whose budget it is"
        complaints.append(document.complain((*path, "budget"), message))


def _condition(
    document: Document, path: PathKey, text: HoldText, tags: Mapping[str, Tag], complaints: list[Complaint]
) -> Condition | None:
    """The condition in its tag's unit; None where there is none, or after a complaint."""
    mode = HoldMode(text.mode)
    given = text.condition
    if text.counts == "in_condition" and mode is not HoldMode.IN_CONDITION:
        complaints.append(document.complain((*path, "counts"), "only `mode: in_condition` may count so"))
    if (given is not None) != (mode in _NEEDS_CONDITION):
        message = f"`mode: {mode}` has no condition" if given is not None else f"`mode: {mode}` needs a condition"
        complaints.append(document.complain((*path, "condition" if given is not None else "mode"), message))
        return None
    if given is None:
        return None
    place = (*path, "condition")
    if mode is HoldMode.OVER_TEMPERATURE and given.above is None:
        complaints.append(document.complain(place, "`mode: over_temperature` counts what is `above` a temperature"))
        return None
    if given.tag not in tags:
        complaints.append(document.complain((*place, "tag"), f"no tag is named {given.tag!r}"))
        return None
    return _limits(document, place, given, tags[given.tag], complaints)


def _limits(
    document: Document, path: PathKey, text: ConditionText, tag: Tag, complaints: list[Complaint]
) -> Condition | None:
    sides = (None, text.above) if text.range is None else text.range
    try:
        low, high = (None if side is None else convert(side, text.unit, tag.unit) for side in sides)
    except ValueError as error:
        complaints.append(document.complain((*path, "unit"), f"{error} of tag {tag.name!r}"))
        return None
    if low is None and high is None:
        complaints.append(document.complain((*path, "range"), "has neither end"))
    if low is not None and high is not None and low > high:
        complaints.append(document.complain((*path, "range"), "its lower end is above its upper end"))
    return Condition(tag.name, low, high)


def _storage(
    document: Document, path: PathKey, text: StorageText | None, tags: Mapping[str, Tag], complaints: list[Complaint]
) -> Storage | None:
    if text is None:
        return None
    tag = tags.get(text.tag)
    if tag is None:
        complaints.append(document.complain((*path, "tag"), f"no tag is named {text.tag!r}"))
        return None
    if tag.unit != "degC":
        has = tag.unit or "no unit"
        complaints.append(document.complain((*path, "tag"), f"tag {text.tag!r} is in {has}, not in degC"))
    try:
        heat_j_per_mol = quantity_in(text.heat, "J/mol")
    except ValueError as error:
        complaints.append(document.complain((*path, "heat"), str(error)))
        return None
    if heat_j_per_mol <= 0 or text.window <= 0:
        complaints.append(document.complain(path, "heat and window must be above 0"))
    return Storage(text.tag, text.window, heat_j_per_mol)
