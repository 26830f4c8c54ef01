"""Whether an amount that an event tells is in a unit that means something, and that its material is counted in."""

import re
from collections.abc import Mapping
from functools import lru_cache, partial

from domain.recipes import Recipe
from domain.rules import Rulebook
from domain.telling import AmountFault
from service.config.quantities import check_unit, convert

_UNITS_KEPT = 1_000
# A name and perhaps a power: pint computes what it is given, and who sends `9**9**9` would keep it busy for good.
_AMOUNT_UNIT = re.compile(r"[^\W\d]{1,40}(?:(?:\^|\*\*)?[1-3])?|%")


def amount_fault(rulebook: Rulebook) -> AmountFault:
    """Judge units by pint, and where files judge also by what the recipes count a material in.

    Ranges that people approve may count it in something else than the files, which are then only drafts.
    """
    counted = _counted_in(rulebook.recipes) if rulebook.approval == "off" else {}
    return partial(_fault, counted)


def _fault(counted: Mapping[str, frozenset[str]], material: str, unit: str) -> str:
    if not _is_known(unit):
        return "is no known unit (such as kg, L, mol)"
    wanted = counted.get(material)
    if wanted is None or any(_converts(unit, to) for to in wanted):
        return ""
    return f"cannot be converted to {' or '.join(sorted(wanted))}, which recipes count {material!r} in"


def _counted_in(recipes: Mapping[str, Recipe]) -> dict[str, frozenset[str]]:
    """By material: the units in which yields count it, as a product or as what is charged."""
    found: dict[str, frozenset[str]] = {}
    for recipe in recipes.values():
        for each in recipe.yields.values():
            named = [(each.product, each.unit)] + ([(each.per.material, each.per.unit)] if each.per else [])
            for material, unit in named:
                found[material] = found.get(material, frozenset()) | {unit}
    return found


@lru_cache(_UNITS_KEPT)
def _is_known(unit: str) -> bool:
    if not _AMOUNT_UNIT.fullmatch(unit):
        return False
    try:
        check_unit(unit)
    except ValueError:
        return False
    return True


@lru_cache(_UNITS_KEPT)
def _converts(unit: str, to: str) -> bool:
    try:
        convert(1.0, unit, to)
    except ValueError:
        return False
    return True
