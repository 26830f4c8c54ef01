"""Units of told amounts: known to pint, and what recipes count a material in."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.recipes import Charged, ExpectedYield, Recipe
from domain.rules import Rulebook
from service.config.amounts import amount_fault

CRUDE = ExpectedYield("crude", "kg", Decimal(10), None, None, per=Charged("SM-1", Decimal(1), "L"))
RULEBOOK = Rulebook(recipes={"API-1": Recipe("API-1", 1, "", {}, yields={"crude": CRUDE})})
FAULT = amount_fault(RULEBOOK)


@pytest.mark.parametrize("unit", ["kg", "L", "m3", "m**3", "cm^3", "mol", "µg", "lb", "%"])
def test_a_unit_that_is_known_counts_what_no_recipe_counts(unit: str):
    assert FAULT("solvent", unit) == ""


@pytest.mark.parametrize("unit", ["drum", "KGS", "kg kg", "9**9**9", "9**999999999", "m**9999999999", "kg/", "10 kg"])
def test_a_unit_that_is_not_known_is_told_at_once(unit: str):
    assert FAULT("solvent", unit) == "is no known unit (such as kg, L, mol)"


def test_a_unit_that_does_not_become_the_recipes_is_told_with_what_would():
    assert (FAULT("crude", "g"), FAULT("SM-1", "mL")) == ("", "")
    assert FAULT("crude", "L") == "cannot be converted to kg, which recipes count 'crude' in"
    assert FAULT("SM-1", "kg") == "cannot be converted to L, which recipes count 'SM-1' in"


def test_where_people_approve_the_drafts_in_files_refuse_nothing():
    fault = amount_fault(replace(RULEBOOK, approval="two people"))

    assert (fault("crude", "L"), fault("crude", "drum")) == ("", "is no known unit (such as kg, L, mol)")
