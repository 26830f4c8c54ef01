"""One Grafana dashboard for each unit: a panel a parameter, with the ranges of its recipe as areas.

Plain JSON as Grafana itself exports it; the queries are InfluxQL on a mirror's measurement. Panels show what the mirror
holds, and a mirror proves nothing: a verdict is read from Thermowell.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboards.thresholds import steps
from dashboards.units import grafana_unit
from domain import status
from domain.equipment import UnitModel
from domain.recipes import ParameterRanges, Recipe
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import format_duration

Json = dict[str, object]

DATASOURCE = "thermowell-mirror"
"""The uid of Grafana's data source, unless another is given."""

_SCHEMA_VERSION = 41  # Grafana 12.0; a newer Grafana migrates it when it loads
_COLUMNS = 24
_PANEL_WIDTH = 12
_PANEL_HEIGHT = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A phase of a recipe in which a parameter has ranges."""

    recipe: Recipe
    phase: str
    ranges: ParameterRanges


def build_dashboards(
    site: str,
    rulebook: Rulebook,
    tags: Iterable[Tag],
    *,
    datasource: str = DATASOURCE,
) -> list[Json]:
    """A dashboard for each unit that has a parameter which is a number, in the order of the units' names."""
    by_name = {tag.name: tag for tag in tags}
    dashboards = []
    for name in sorted(rulebook.units):
        unit = rulebook.units[name]
        shown = {
            role: by_name[tag]
            for role, tag in unit.parameters.items()
            if tag in by_name and by_name[tag].kind != "text"
        }
        if shown:
            dashboards.append(_dashboard(site, unit, shown, _recipes_of(rulebook, unit), datasource))
    return dashboards


def folder_uid(site: str) -> str:
    """The folder of a site's dashboards, the same each time."""
    return _uid("folder", site)


def _uid(*parts: str) -> str:
    """What Grafana takes as an id (40 characters at most); stable, so that a push replaces what was pushed before."""
    return "tw-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _recipes_of(rulebook: Rulebook, unit: UnitModel) -> Sequence[Recipe]:
    """The recipes that may run on a unit."""
    if unit.recipe is not None:
        return [rulebook.recipes[unit.recipe]] if unit.recipe in rulebook.recipes else []
    return [rulebook.recipes[product] for product in sorted(rulebook.recipes)]


def _dashboard(
    site: str,
    unit: UnitModel,
    shown: Mapping[str, Tag],
    recipes: Sequence[Recipe],
    datasource: str,
) -> Json:
    return {
        "uid": _uid("unit", site, unit.name),
        "title": f"{site} · {unit.name}",
        "description": "Drawn from a mirror, which proves nothing; verdicts are Thermowell's.",
        "tags": ["thermowell", site],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,  # one crosshair through all panels
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "10s",
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": _panels(site, shown, recipes, datasource),
    }


def _panels(site: str, shown: Mapping[str, Tag], recipes: Sequence[Recipe], datasource: str) -> list[Json]:
    """A panel a parameter. Where the phases differ, its ranges stand in a closed row for each phase."""
    panels: list[Json] = []
    rows: dict[str, list[tuple[Tag, ParameterRanges]]] = {}
    for role, tag in shown.items():
        places = _places(role, recipes)
        same = len({repr(steps(place.ranges.ranges)) for place in places}) == 1
        panels.append(_panel(site, tag, places[0].ranges if same else None, datasource))
        for place in [] if same else places:
            title = f"{place.recipe.product} v{place.recipe.version} · {place.phase}"
            rows.setdefault(title, []).append((tag, place.ranges))
    height = _arrange(panels, 0)
    for title, members in rows.items():
        inner = [_panel(site, tag, ranges, datasource) for tag, ranges in members]
        _arrange(inner, height + 1)
        at = {"x": 0, "y": height, "w": _COLUMNS, "h": 1}
        panels.append({"type": "row", "title": title, "collapsed": True, "gridPos": at, "panels": inner})
        height += 1
    _number(panels)
    return panels


def _places(role: str, recipes: Sequence[Recipe]) -> list[Place]:
    return [
        Place(recipe, name, phase.parameters[role])
        for recipe in recipes
        for name, phase in recipe.phases.items()
        if role in phase.parameters and steps(phase.parameters[role].ranges)
    ]


def _arrange(panels: Sequence[Json], top: int) -> int:
    """Two panels side by side; return the first line below them."""
    for index, panel in enumerate(panels):
        line, column = divmod(index, _COLUMNS // _PANEL_WIDTH)
        panel["gridPos"] = {
            "x": column * _PANEL_WIDTH,
            "y": top + line * _PANEL_HEIGHT,
            "w": _PANEL_WIDTH,
            "h": _PANEL_HEIGHT,
        }
    return top + -(-len(panels) * _PANEL_WIDTH // _COLUMNS) * _PANEL_HEIGHT


def _number(panels: Sequence[Json]) -> None:
    """Ids from 1, also in the rows: Grafana wants them unique in a dashboard."""
    number = 0
    for panel in panels:
        inner = panel.get("panels", [])
        assert isinstance(inner, list)
        for each in [panel, *inner]:
            number += 1
            each["id"] = number


def _panel(site: str, tag: Tag, ranges: ParameterRanges | None, datasource: str) -> Json:
    areas = [] if ranges is None else steps(ranges.ranges)
    source = {"type": "influxdb", "uid": datasource}
    return {
        "type": "timeseries",
        "title": tag.name,
        "description": _description(tag, ranges),
        "datasource": source,
        "targets": [
            {
                "refId": "A",
                "datasource": source,
                "query": query(site, tag.name),
                "rawQuery": True,
                "resultFormat": "time_series",
                "alias": "$col",
            },
        ],
        "fieldConfig": {
            "defaults": {
                "unit": grafana_unit(tag.unit),
                "color": {"mode": "fixed", "fixedColor": "text"},
                "custom": {
                    "drawStyle": "line",
                    "lineInterpolation": "stepAfter" if tag.kind == "boolean" else "linear",
                    "lineWidth": 1,
                    "showPoints": "auto",
                    "spanNulls": False,
                    "thresholdsStyle": {"mode": "area" if areas else "off"},
                },
                "thresholds": {"mode": "absolute", "steps": areas or [{"color": "transparent", "value": None}]},
            },
            "overrides": [],
        },
        "options": {"legend": {"showLegend": False}, "tooltip": {"mode": "multi", "sort": "none"}},
    }


def _description(tag: Tag, ranges: ParameterRanges | None) -> str:
    sentences = [tag.description, f"Pressure is {tag.reference}." if tag.reference else ""]
    if ranges is not None:
        sentences.append("Areas: outside NOR, and outside the validated range.")
        sentences.append(
            f"They hold from {format_duration(ranges.after_ns)} into the phase." if ranges.after_ns else ""
        )
        sentences.append(f"Study {ranges.study}." if ranges.study else "")
    return " ".join(sentence for sentence in sentences if sentence)


def query(site: str, tag: str) -> str:
    """InfluxQL for a tag's least and greatest value in each interval, so that no excursion is averaged away.

    Bad values are left out; a simulated plant's points are shown like others, with their `simulated` key.
    """
    return (
        f'SELECT min("value") AS "min", max("value") AS "max" FROM {_identifier(site)} '  # noqa: S608  both are escaped
        f'WHERE "tag" = {_text(tag)} AND "status" < {status.BAD} AND $timeFilter '
        "GROUP BY time($__interval) fill(none)"
    )


def _identifier(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
