"""Units of equipment, and what tells of them: tags, rules over tags, events."""

from collections.abc import Mapping

from domain.equipment import IDLE_STATES, FlowRule, UnitModel
from domain.errors import Complaint
from domain.tags import Tag
from service.config.comparing import unit_checks
from service.config.document import Document, PathKey
from service.config.model import ConfigFile
from service.config.quantities import difference
from service.config.shape.plant import FlowText, RecipeTag, UnitText
from service.config.tags import Expanded
from service.config.watches import steady_rule


def unit_model(
    document: Document,
    file: ConfigFile,
    name: str,
    expanded: Expanded,
    tags: Mapping[str, Tag],
    complaints: list[Complaint],
) -> UnitModel:
    """A unit; complaints are added for tags, recipes and units that there are not."""
    path, text = ("units", name), file.units[name]
    recipe_tag = text.recipe.tag if isinstance(text.recipe, RecipeTag) else None
    recipe = text.recipe if isinstance(text.recipe, str) else None
    for keys, tag in _named_tags(text, recipe_tag).items():
        if tag is not None and tag not in tags and tag not in expanded.tags:
            complaints.append(document.complain((*path, *keys), f"no tag is named {tag!r}"))
    if recipe is not None and recipe not in file.recipes:
        complaints.append(document.complain((*path, "recipe"), f"no recipe is named {recipe!r}"))
    return UnitModel(
        name=name,
        parameters=expanded.parameters[name],
        batch_tag=text.batch.tag if text.batch else None,
        batch_idle=text.batch.idle if text.batch else ("", "0"),
        phase_tag=text.phase.tag if text.phase else None,
        phase_map=text.phase.map if text.phase else {},
        recipe=recipe,
        recipe_tag=recipe_tag,
        settle_ns=text.batch.settle if text.batch else text.settle,
        transfer_in_tag=text.transfer_in if isinstance(text.transfer_in, str) else None,
        transfer_out_tag=text.transfer_out if isinstance(text.transfer_out, str) else None,
        phase_state_tag=text.phase.state if text.phase else None,
        idle_states=tuple(each.strip().lower() for each in text.phase.idle_states) if text.phase else IDLE_STATES,
        transfer_in_rule=_flow(document, file, (*path, "transfer_in"), text.transfer_in, tags, complaints),
        transfer_out_rule=_flow(document, file, (*path, "transfer_out"), text.transfer_out, tags, complaints),
        steady=steady_rule(document, path, text, expanded.parameters[name], tags, complaints),
        checks=unit_checks(document, path, text.checks, expanded.parameters[name], tags, complaints),
    )


def told_phases(unit: UnitText) -> frozenset[str] | None:
    """The phases that a unit can be told to be in; None where any name may come."""
    if unit.events or (unit.phase is not None and not unit.phase.map):
        return None
    return frozenset() if unit.phase is None else frozenset(unit.phase.map.values())


def _named_tags(text: UnitText, recipe_tag: str | None) -> dict[tuple[str, ...], str | None]:
    """The tags that a unit names, by the keys under which it does."""
    named: dict[tuple[str, ...], str | None] = {
        ("batch", "tag"): text.batch.tag if text.batch else None,
        ("phase", "tag"): text.phase.tag if text.phase else None,
        ("phase", "state"): text.phase.state if text.phase else None,
        ("recipe", "tag"): recipe_tag,
        **{("parameters", role): tag for role, tag in text.parameters.items()},
    }
    for key, flow in (("transfer_in", text.transfer_in), ("transfer_out", text.transfer_out)):
        if isinstance(flow, FlowText):
            named |= {(key, "level"): flow.level, (key, "valve"): flow.valve}
        else:
            named[key,] = flow
    return named


def _flow(
    document: Document,
    file: ConfigFile,
    path: PathKey,
    text: FlowText | str | None,
    tags: Mapping[str, Tag],
    complaints: list[Complaint],
) -> FlowRule | None:
    """A rule over tags that tells a transfer; its step in the level tag's unit."""
    if not isinstance(text, FlowText):
        return None
    if text.other is not None and (text.other not in file.units or text.other == path[1]):
        complaints.append(document.complain((*path, "other"), f"no other unit is named {text.other!r}"))
    if text.duration <= 0:
        complaints.append(document.complain((*path, "for"), "must be longer than nothing"))
    tag = tags.get(text.level)
    if tag is None:
        return None
    try:
        step = difference(text.step, tag.unit)
    except ValueError as error:
        complaints.append(document.complain((*path, "step"), str(error)))
        return None
    if step <= 0:
        complaints.append(document.complain((*path, "step"), f"{text.step!r} is not above 0"))
    return FlowRule(text.level, step, text.duration, text.valve, text.other or "")
