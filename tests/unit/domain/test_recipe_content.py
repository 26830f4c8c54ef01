"""A recipe as canonical text: back to the bit, one text for one recipe, and no recipe from damage."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approvals import fault_of
from domain.checks import Expectation
from domain.entries import RecipeApproved
from domain.errors import DamagedFile
from domain.recipe_content import canonical, hash_of, recipe_of
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from service.config.build import load
from tests.unit.service.test_master_recipes import GOOD

END = st.none() | st.floats(allow_nan=False, allow_infinity=False)
RANGES = st.dictionaries(st.sampled_from(list(RangeKind)), st.builds(Limits, END, END))


@pytest.fixture
def written(tmp_path) -> Recipe:
    (tmp_path / "thermowell.yaml").write_text(GOOD, encoding="utf-8")
    return load(tmp_path / "thermowell.yaml").rulebook.recipes["API-1"]


def test_everything_that_a_recipe_says_comes_back(written):
    assert recipe_of(canonical(written)) == written


def test_a_recipe_that_expects_something_of_a_phase_can_be_approved_and_judges_by_it():
    expects = (Expectation("TT", above=55.0, rises_per_min=0.5, until=60.0, after_ns=60, for_ns=120),)
    recipe = Recipe("API-1", 1, "CR-1", {"heat": Phase("heat", {}, expects=expects)})
    text = canonical(recipe)
    entry = RecipeApproved("a", 1, "API-1", 1, "CR-1", "", 1, "p", "Ada", "Grace", "compared", text, hash_of(text))

    assert fault_of(entry) == ""
    assert recipe_of(text).phases["heat"].expects == expects


def test_the_text_names_one_recipe_for_good(written):
    """The hash of this recipe as of format 1: another one means that what was approved reads otherwise."""
    assert hash_of(canonical(written)) == hash_of(canonical(recipe_of(canonical(written))))
    assert canonical(written).startswith('{"change":"CR-1234","format":1,"gmp_start":"dose","phases":{"charge":')


@given(ranges=RANGES, after_ns=st.integers(0, 2**62), text=st.text())
def test_limits_come_back_to_the_bit(ranges, after_ns, text):
    ordered = {kind: ranges[kind] for kind in RangeKind if kind in ranges}
    parameter = ParameterRanges("TT", "degC", "", ordered, after_ns, text, "TSP", ordered)
    recipe = Recipe("API-1", 1, text, {"dose": Phase("dose", {"TT": parameter})})

    assert recipe_of(canonical(recipe)) == recipe
    assert canonical(recipe_of(canonical(recipe))) == canonical(recipe)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("phases", "dose", "parameters", "TT", "ranges", "validated"), [55]),
        (("phases", "dose", "parameters", "TT", "ranges", "validated"), ["55", 65]),
        (("phases", "dose", "parameters", "TT", "ranges", "valid"), [55, 65]),
        (("phases", "dose", "parameters", "TT", "after_ns"), 1.5),
        (("yields", "crude", "theoretical"), "much"),
        (("procedure",), [{}]),
        (("phases", "dose"), None),
    ],
)
def test_damage_is_no_recipe(written, path, value):
    told = json.loads(canonical(written))
    inner = told
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value

    with pytest.raises(DamagedFile):
        recipe_of(json.dumps(told))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "{"])
def test_what_is_no_json_object_is_no_recipe(text):
    with pytest.raises(DamagedFile):
        recipe_of(text)


APPROVED = (Path(__file__).parent / "approved_recipe.json").read_text(encoding="utf-8").strip()
"""The text of a recipe as people approved it before duration ranges and open ends were there."""


def test_what_was_approved_before_new_fields_came_keeps_its_text_and_its_hash():
    assert canonical(recipe_of(APPROVED)) == APPROVED
    assert hash_of(APPROVED) == "571e05f2d8e45ca989f9e6542bdfd12750a65e94e290404e26e1f95af4b77272"


def test_an_approval_of_that_time_still_counts():
    text, hash_ = APPROVED, hash_of(APPROVED)
    entry = RecipeApproved("a", 1, "API-1", 7, "CR-1234", "", 1, "p", "Ada", "Grace", "compared", text, hash_)

    assert fault_of(entry) == ""


@pytest.mark.parametrize(
    "limits", [Limits(1.0, 2.0, low_open=True), Limits(1.0, None, low_open=True), Limits(1.0, 2.0, True, True)]
)
def test_an_open_end_and_a_duration_of_another_kind_come_back(limits):
    parameter = ParameterRanges("TT", "degC", "", {RangeKind.NOR: limits})
    phase = Phase("dose", {"TT": parameter}, duration_ranges={RangeKind.PAR: limits})
    recipe = Recipe("API-1", 1, "CR-1", {"dose": phase})

    assert recipe_of(canonical(recipe)) == recipe


@pytest.mark.parametrize("ends", ["[]", "<>", 1, None])
def test_ends_that_nobody_writes_are_damage(ends):
    """Also `[]`, which is written without ends: one recipe has one text."""
    with pytest.raises(DamagedFile):
        recipe_of(APPROVED.replace("[7.3,7.7]", f"[7.3,7.7,{json.dumps(ends)}]"))
