"""Dashboards are what Grafana exports: ids, places, queries and areas."""

import json
from dataclasses import replace

import pytest

from dashboards.build import build_dashboards, query
from dashboards.thresholds import NORMAL, OUTSIDE_NOR, OUTSIDE_VALIDATED, steps
from dashboards.units import grafana_unit
from domain.equipment import UnitModel
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import Rulebook
from domain.tags import Tag, TagId

NOR, VALIDATED = RangeKind.NOR, RangeKind.VALIDATED
NOR_IN_VALIDATED = {NOR: Limits(58, 62), VALIDATED: Limits(55, 65)}


def tag(name: str, **more: str) -> Tag:
    return Tag(TagId(0), "", 0, name, "train1", f"nsu=urn:x;s={name}", **more)  # type: ignore[arg-type]  # text fields


def phase(name: str, **ranges: dict[RangeKind, Limits]) -> Phase:
    return Phase(name, {role: ParameterRanges(role, "", "", kinds, study="VR-12") for role, kinds in ranges.items()})


def rulebook(*phases: Phase) -> Rulebook:
    return Rulebook(
        recipes={"API-1": Recipe("API-1", 7, "CR-1", {phase.name: phase for phase in phases})},
        units={"R101": UnitModel("R101", {"TT": "R101.TT", "PT": "R101.PT", "BATCH": "R101.BATCH"})},
    )


TAGS = (
    tag("R101.TT", unit="degC", description="Jacket."),
    tag("R101.PT", unit="bar", reference="gauge"),
    tag("R101.BATCH", kind="text"),
)


def panels_of(dashboard: dict[str, object]) -> list[dict[str, object]]:
    panels = dashboard["panels"]
    assert isinstance(panels, list)
    return panels


def areas_of(panel: dict[str, object]) -> list[tuple[object, object]]:
    defaults = panel["fieldConfig"]["defaults"]  # type: ignore[index]  # plain JSON
    return [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]]


def test_a_unit_gets_a_panel_for_each_parameter_that_is_no_text() -> None:
    [dashboard] = build_dashboards("north", rulebook(), TAGS)

    assert dashboard["title"] == "north · R101"
    assert [panel["title"] for panel in panels_of(dashboard)] == ["R101.TT", "R101.PT"]


def test_a_unit_without_numbers_gets_no_dashboard() -> None:
    assert build_dashboards("north", rulebook(), (tag("R101.BATCH", kind="text"),)) == []


def test_the_same_unit_has_the_same_uid_for_good_and_another_sites_has_another() -> None:
    [first] = build_dashboards("north", rulebook(), TAGS)
    [changed] = build_dashboards("north", rulebook(phase("dose", TT=NOR_IN_VALIDATED)), TAGS[:1])
    [elsewhere] = build_dashboards("south", rulebook(), TAGS)

    assert first["uid"] == changed["uid"] != elsewhere["uid"]
    assert len(str(first["uid"])) <= 40


def test_ranges_that_hold_in_every_phase_stand_in_the_panel_as_areas() -> None:
    [dashboard] = build_dashboards("north", rulebook(phase("dose", TT=NOR_IN_VALIDATED)), TAGS)
    temperature, pressure = panels_of(dashboard)

    assert areas_of(temperature) == [
        (None, OUTSIDE_VALIDATED),
        (55, OUTSIDE_NOR),
        (58, NORMAL),
        (62, OUTSIDE_NOR),
        (65, OUTSIDE_VALIDATED),
    ]
    assert areas_of(pressure) == [(None, NORMAL)]
    assert "Study VR-12." in str(temperature["description"])


def test_ranges_that_differ_by_phase_stand_in_a_row_for_each() -> None:
    phases = phase("charge", TT={VALIDATED: Limits(10, 30)}), phase("dose", TT=NOR_IN_VALIDATED)
    [dashboard] = build_dashboards("north", rulebook(*phases), TAGS)
    temperature, _, charge, dose = panels_of(dashboard)

    assert areas_of(temperature) == [(None, NORMAL)]
    assert [charge["title"], dose["title"]] == ["API-1 v7 · charge", "API-1 v7 · dose"]
    assert areas_of(panels_of(charge)[0]) == [(None, OUTSIDE_VALIDATED), (10, NORMAL), (30, OUTSIDE_VALIDATED)]


def test_ranges_of_a_recipe_that_runs_elsewhere_are_not_shown() -> None:
    book = rulebook(phase("dose", TT=NOR_IN_VALIDATED))
    units = {"R101": replace(book.units["R101"], recipe="API-2")}

    [dashboard] = build_dashboards("north", replace(book, units=units), TAGS)

    assert areas_of(panels_of(dashboard)[0]) == [(None, NORMAL)]


def test_ids_are_unique_and_no_panel_lies_on_another() -> None:
    phases = [phase(name, TT={VALIDATED: Limits(low, 99)}) for low, name in enumerate(("a", "b", "c"))]
    [dashboard] = build_dashboards("north", rulebook(*phases), TAGS)
    top = panels_of(dashboard)
    ids = [panel["id"] for outer in top for panel in [outer, *panels_of({"panels": outer.get("panels", [])})]]
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in top)
        for x in range(at["x"], at["x"] + at["w"])  # type: ignore[index]  # plain JSON
        for y in range(at["y"], at["y"] + at["h"])  # type: ignore[index]  # plain JSON
    ]

    assert sorted(ids) == list(range(1, 9))  # type: ignore[type-var]  # plain JSON
    assert len(cells) == len(set(cells))


def test_it_is_plain_json_with_the_data_source_that_was_asked_for() -> None:
    [dashboard] = build_dashboards("north", rulebook(), TAGS, datasource="mine")
    read = json.loads(json.dumps(dashboard))

    assert read["panels"][0]["datasource"] == {"type": "influxdb", "uid": "mine"}
    assert read["panels"][0]["targets"][0]["rawQuery"] is True


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({}, []),
        ({RangeKind.PAR: Limits(0, 1)}, []),
        ({VALIDATED: Limits(None, 0.5)}, [(None, NORMAL), (0.5, OUTSIDE_VALIDATED)]),
        ({NOR: Limits(2, None)}, [(None, OUTSIDE_NOR), (2, NORMAL)]),
        (
            {NOR: Limits(2, 4), VALIDATED: Limits(2, None)},
            [(None, OUTSIDE_VALIDATED), (2, NORMAL), (4, OUTSIDE_NOR)],
        ),
        (
            {NOR: Limits(-1, 0), VALIDATED: Limits(-1, 0)},
            [(None, OUTSIDE_VALIDATED), (-1, NORMAL), (0, OUTSIDE_VALIDATED)],
        ),
        ({VALIDATED: Limits(5, 5)}, [(None, OUTSIDE_VALIDATED)]),
    ],
)
def test_steps_of(ranges: dict[RangeKind, Limits], expected: list[tuple[object, object]]) -> None:
    assert [(step["value"], step["color"]) for step in steps(ranges)] == expected


def test_names_cannot_leave_their_place_in_a_query() -> None:
    text = query('no"rth\\', "it's \\ odd")

    assert 'FROM "no\\"rth\\\\" ' in text
    assert "\"tag\" = 'it\\'s \\\\ odd' AND" in text


def test_an_unknown_unit_stands_behind_the_number() -> None:
    assert [grafana_unit(unit) for unit in ("degC", "", "m3/h")] == ["celsius", "none", "suffix: m3/h"]
