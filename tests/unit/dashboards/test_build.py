"""Dashboards are what Grafana takes: its schema, its grid, its ids; grey, and colour only for what is not normal."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from dashboards.board import Plant
from dashboards.build import build_dashboards, panels_of
from dashboards.layout import draw, picture_name
from dashboards.panels import COLOURS
from dashboards.queries import extremes, identifier, text
from dashboards.thresholds import NORMAL, OUTSIDE_NOR, OUTSIDE_VALIDATED, steps
from dashboards.units import grafana_unit
from domain.equipment import UnitModel
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import Rulebook
from domain.tags import Tag, TagId
from tests.patience import LIMIT_S
from tests.unit.dashboards.sdk_types import complaints

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


PLANT = Plant("north", rulebook(), TAGS, page="https://tw.example/plant/")
NAMES = ["Plant", "R101", "Batch", "Tags", "Alarms", "Alarm rates (ISA-18.2)", "Holds", "Service"]
_BUILT_IN = {
    "__from",
    "__to",
    "__interval",
    "timeFilter",
    "__data",
    "__value",
    "col",
    "tag_tag",
    "tag_unit",
    "tag_priority",
}
# What Grafana puts in by itself, and what an alias of its InfluxDB data source may hold.


def unit_board(*phases: Phase, tags: tuple[Tag, ...] = TAGS) -> dict[str, object]:
    """The dashboard of the one unit."""
    return build_dashboards(Plant("north", rulebook(*phases), tags))[1]


def parameters(board: dict[str, object]) -> list[dict[str, object]]:
    """The panels of a unit's parameters that stand in sight."""
    return [panel for panel in board["panels"] if panel["type"] == "timeseries"]  # type: ignore[attr-defined]  # plain JSON


def areas_of(panel: dict[str, object]) -> list[tuple[object, object]]:
    defaults = panel["fieldConfig"]["defaults"]  # type: ignore[index]  # plain JSON
    return [(step["value"], step["color"]) for step in defaults["thresholds"]["steps"]]


@pytest.fixture(scope="module")
def built() -> dict[str, dict[str, object]]:
    """By title, without the site."""
    return {str(one["title"]).partition(" · ")[2]: one for one in build_dashboards(PLANT)}


def test_there_is_one_for_each_subject_and_each_unit(built: dict[str, dict[str, object]]) -> None:
    assert list(built) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_grafanas_schema_says(built: dict[str, dict[str, object]], name: str) -> None:
    assert complaints(built[name]) == []


def test_the_schema_check_finds_a_wrong_type_and_an_unknown_key(built: dict[str, dict[str, object]]) -> None:
    broken = json.loads(json.dumps(built["Plant"]))
    broken["panels"][0]["gridPos"]["w"] = "4"
    broken["panels"][0]["fieldConfig"]["defaults"]["color"]["mode"] = "rainbow"
    broken["panels"][0]["colour"] = "grey"

    told = "\n".join(complaints(broken))
    assert "dashboard.panels.0.grid_pos.w: '4' is no" in told
    assert "rainbow" in told
    assert "dashboard.panels.0.colour: the schema does not know it" in told


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_panels_lie_side_by_side(built: dict[str, dict[str, object]], name: str) -> None:
    top = built[name]["panels"]
    ids = [panel["id"] for panel in [*top, *panels_of(built[name])]]  # type: ignore[misc]  # plain JSON
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in top)  # type: ignore[attr-defined]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert sorted(set(ids)) == list(range(1, len(set(ids)) + 1))
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len(str(built[name]["uid"])) <= 40


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_that_is_used_is_there(built: dict[str, dict[str, object]], name: str) -> None:
    told = json.dumps(built[name])
    used = set(re.findall(r"\$\{?(\w+)", told)) - _BUILT_IN - {"__file", "__all"}
    there = {one["name"] for one in built[name]["templating"]["list"]}  # type: ignore[index]

    assert used <= there
    assert {"site", "store"} <= there


@pytest.mark.parametrize("name", NAMES)
def test_what_is_normal_is_grey(built: dict[str, dict[str, object]], name: str) -> None:
    """The lowest step of a figure may be abnormal (nothing is left); what no step marks is grey or not drawn."""
    colours = set(re.findall(r'"(?:color|fixedColor|iconColor)": "([^"]+)"', json.dumps(built[name])))

    assert colours <= {"text", "transparent", "#9aa3a8", *COLOURS.values(), OUTSIDE_NOR, OUTSIDE_VALIDATED}
    assert "palette" not in json.dumps(built[name])


@pytest.mark.parametrize("name", NAMES)
def test_it_can_hang_on_a_wall(built: dict[str, dict[str, object]], name: str) -> None:
    """It refreshes, needs no hand, and its links stand in sight, not in a menu; one of them leads to our page."""
    board = built[name]
    links = {link["title"]: link for link in board["links"]}  # type: ignore[attr-defined]

    assert board["refresh"] in {"10s", "30s", "1m"}
    assert links["Kiosk"]["url"] == f"/d/{board['uid']}?kiosk"
    assert links["Thermowell"]["url"] == "https://tw.example/plant/"
    assert not any("placement" in one for one in [*board["links"], *board["annotations"]["list"]])  # type: ignore[index, misc]
    assert board["editable"] is False


def test_tables_lead_to_the_alarm_and_the_batch_in_our_page(built: dict[str, dict[str, object]]) -> None:
    told = json.dumps(build_dashboards(replace(PLANT, page="")))

    assert "https://tw.example/plant/alarms/${__data.fields.alarm}" in json.dumps(built["Alarms"])
    assert "https://tw.example/plant/batches/${batch:percentencode}" in json.dumps(built["Batch"])
    assert "tw.example" not in told
    assert "/alarms/" not in told


def test_phases_are_regions_and_alarms_marks(built: dict[str, dict[str, object]]) -> None:
    for name in ("R101", "Batch", "Tags"):
        annotations = {one["name"]: one for one in built[name]["annotations"]["list"]}  # type: ignore[index]
        ends = {key: one["target"]["timeEndColumn"] for key, one in annotations.items()}

        assert ends == {"Alarms": "", "Phases": "end_ms"}
        assert all(one["datasource"]["uid"] == "thermowell-record" for one in annotations.values())
        assert all(one["target"]["fromAnnotations"] for one in annotations.values())


def test_samples_are_asked_of_the_chosen_store_and_decisions_of_the_record(built: dict[str, dict[str, object]]) -> None:
    for board in built.values():
        for panel in panels_of(board):
            for target in panel["targets"]:  # type: ignore[attr-defined]
                if "query" in target:
                    asks_samples = 'FROM "${site}" ' in target["query"]
                    assert target["datasource"]["uid"] == ("${store}" if asks_samples else "thermowell-record")


def test_another_store_is_the_one_that_is_chosen_at_first() -> None:
    for uid, name in (("thermowell-mirror", "Thermowell mirror"), ("mine", "mine")):
        [store, *_] = build_dashboards(replace(PLANT, store=uid))[0]["templating"]["list"]  # type: ignore[index]

        assert (store["current"]["value"], store["current"]["text"], store["query"]) == (uid, name, "influxdb")


@pytest.fixture(scope="module")
def expressions(built: dict[str, dict[str, object]]) -> list[str]:
    return [target["expr"] for panel in panels_of(built["Service"]) for target in panel["targets"]]  # type: ignore[attr-defined]


def test_the_services_figures_are_those_that_it_tells(expressions: list[str]) -> None:
    told = set(re.findall(r"^\| `(thermowell_\w+)`", Path("docs/metrics.md").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {re.sub("_bucket$", "", name) for one in expressions for name in re.findall(r"thermowell_\w+", one)}

    assert len(asked) > 12
    assert asked <= told


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool: the expressions were not parsed")
def test_prometheus_can_read_every_expression(expressions: list[str], tmp_path: Path) -> None:
    rules = [{"record": f"r{number}", "expr": one} for number, one in enumerate(expressions)]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    checked = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(rules)} rules found" in checked.stdout


def test_the_pictures_of_the_docs_are_those_of_these_dashboards(built: dict[str, dict[str, object]]) -> None:
    """Drawn anew with THERMOWELL_DRAW=1."""
    folder = Path("docs/grafana")
    drawn = {picture_name(board): draw(board) for board in built.values()}
    if os.environ.get("THERMOWELL_DRAW"):
        for name, picture in drawn.items():
            (folder / name).write_text(picture, encoding="utf-8")

    assert {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.svg")} == drawn


def test_a_unit_gets_a_panel_for_each_parameter_that_is_no_text() -> None:
    assert [panel["title"] for panel in parameters(unit_board())] == ["R101.TT", "R101.PT"]


def test_a_unit_without_numbers_gets_no_dashboard() -> None:
    made = build_dashboards(Plant("north", rulebook(), (tag("R101.BATCH", kind="text"),)))

    assert [str(one["title"]).partition(" · ")[2] for one in made] == [name for name in NAMES if name != "R101"]


def test_the_same_unit_has_the_same_uid_for_good_and_another_sites_has_another() -> None:
    changed = unit_board(phase("dose", TT=NOR_IN_VALIDATED), tags=TAGS[:1])
    elsewhere = build_dashboards(Plant("south", rulebook(), TAGS))[1]

    assert unit_board()["uid"] == changed["uid"] != elsewhere["uid"]


def test_ranges_that_hold_in_every_phase_stand_in_the_panel_as_areas() -> None:
    temperature, pressure = parameters(unit_board(phase("dose", TT=NOR_IN_VALIDATED)))

    assert areas_of(temperature) == [
        (None, OUTSIDE_VALIDATED),
        (55, OUTSIDE_NOR),
        (58, NORMAL),
        (62, OUTSIDE_NOR),
        (65, OUTSIDE_VALIDATED),
    ]
    assert areas_of(pressure) == [(None, NORMAL)]
    assert "Study VR-12." in str(temperature["description"])


def test_where_phases_differ_each_has_a_closed_row_with_its_areas() -> None:
    board = unit_board(phase("heat", TT={VALIDATED: Limits(20, 60)}), phase("dose", TT=NOR_IN_VALIDATED))
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]  # type: ignore[attr-defined]

    assert [row["title"] for row in rows] == ["API-1 v7 · heat", "API-1 v7 · dose"]
    assert all(row["collapsed"] for row in rows)
    assert areas_of(parameters(board)[0]) == [(None, NORMAL)]
    assert areas_of(rows[0]["panels"][0]) == [(None, OUTSIDE_VALIDATED), (20, NORMAL), (60, OUTSIDE_VALIDATED)]


def test_a_boolean_is_drawn_in_steps() -> None:
    board = unit_board(tags=(tag("R101.TT", kind="boolean"),))
    custom = parameters(board)[0]["fieldConfig"]["defaults"]["custom"]  # type: ignore[index]

    assert custom["lineInterpolation"] == "stepAfter"


def test_the_drawn_layout_names_every_panel_and_says_what_it_is(built: dict[str, dict[str, object]]) -> None:
    drawn = draw(built["Plant"])

    assert "not a picture of Grafana" in drawn
    assert all(str(panel["title"])[:20] in drawn for panel in panels_of(built["Plant"]))
    assert drawn.count("<rect") == 1 + len(list(panels_of(built["Plant"])))


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
    assert steps(ranges) == expected


def test_names_cannot_leave_their_place_in_a_query() -> None:
    assert identifier('no"rth\\') == 'no\\"rth\\\\'
    assert text("it's \\ odd") == "'it\\'s \\\\ odd'"
    assert f"WHERE {text('a')} AND " in extremes(text("a"))


def test_an_unknown_unit_stands_behind_the_number() -> None:
    assert [grafana_unit(unit) for unit in ("degC", "", "m3/h")] == ["celsius", "none", "suffix: m3/h"]
