"""Recipes, holds and what is watched on each tag: the rulebook, with every reference and unit checked."""

from collections.abc import Mapping

from domain.errors import Complaint
from domain.rules import Rulebook, TagRules
from domain.tags import Tag
from service.config.alarms import AlarmsRead
from service.config.document import Document, PathKey
from service.config.drift import Budget, check_confirmed, check_targets, drift_budget, drift_rule
from service.config.equipment import unit_model
from service.config.health import duration_of, tag_health
from service.config.holds import budgets, holds
from service.config.master import Site, recipes
from service.config.model import ConfigFile
from service.config.quantities import difference
from service.config.shifts import shifts
from service.config.tags import Expanded, PlacedTag
from service.config.watches import check_novelties, novelty_watch


def rulebook(
    document: Document,
    file: ConfigFile,
    expanded: Expanded,
    tags: Mapping[str, Tag],
    complaints: list[Complaint],
) -> Rulebook:
    """Everything that judges; complaints are added for what cannot."""
    budget = drift_budget(document, file, expanded, complaints)
    check_novelties(document, expanded, complaints)
    alarms = AlarmsRead(document, file, expanded, complaints)
    masters = recipes(Site(document, file, expanded, tags, complaints))
    check_targets(document, expanded, masters, complaints)
    check_confirmed(document, expanded, complaints)
    return Rulebook(
        recipes=masters,
        units={name: unit_model(document, file, name, expanded, tags, complaints) for name in file.units},
        holds=holds(document, file, tags, complaints),
        budgets=budgets(document, file, complaints),
        shifts=shifts(document, file.shifts, complaints),
        tags={
            placed.name: rules
            for placed in expanded.tags.values()
            if (rules := _tag_rules(document, placed, alarms, budget, complaints)) is not None
        },
        late_excursions=file.late_excursions,
        before_gmp=file.before_gmp,
        approval=file.approval,
        equipment=alarms.equipment(expanded.tags),
        classes=alarms.classes(),
        suppressions=alarms.suppressions(),
        longest_shelves=alarms.longest_shelves(),
    )


def _tag_rules(
    document: Document, placed: PlacedTag, read: AlarmsRead, budget: Budget, complaints: list[Complaint]
) -> TagRules | None:
    """What is watched on a tag; None if nothing is."""
    text, path = placed.text, placed.path
    rate = None
    if text.rate is not None:
        rate = _difference(document, (*path, "rate"), text.rate, text.unit, "min", complaints)
    if text.limits.low is not None and text.limits.high is not None and text.limits.low >= text.limits.high:
        complaints.append(document.complain((*path, "limits"), "low is not below high"))
    alarms = tuple(rule for name, alarm in text.alarms.items() if (rule := read.rule(placed, name, alarm)) is not None)
    if text.drift is not None and text.kind == "text":
        complaints.append(document.complain((*path, "drift"), "the tag holds text: nothing of it can be charted"))
    drift = None if text.drift is None else drift_rule(text.drift, budget)
    rules = TagRules(
        placed.name,
        text.limits.high,
        text.limits.low,
        rate,
        duration_of(text.stale),
        duration_of(text.frozen),
        drift,
        alarms,
        tag_health(text),
        novelty_watch(document, placed, complaints),
    )
    return None if rules == TagRules(placed.name) else rules


def _difference(
    document: Document,
    path: PathKey,
    text: str,
    unit: str,
    per: str,
    complaints: list[Complaint],
) -> float | None:
    try:
        return difference(text, unit, per)
    except ValueError as error:
        complaints.append(document.complain(path, str(error)))
        return None
