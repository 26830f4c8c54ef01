"""A dashboard before it is JSON, and what all of them have in common: variables, annotations, links, ids."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from dashboards.panels import COLOURS, flow
from dashboards.queries import BATCH, RECORD, SITE, STORE, UNIT, InfluxQuery, Json, decided, identifier, phases, source
from domain.rules import Rulebook
from domain.tags import Tag

_SCHEMA_VERSION = 41  # Grafana 12.0; a newer Grafana migrates it when it loads
_MOST_ANNOTATIONS = 500
_ALL = ".*"
_PRIORITIES = ", ".join(COLOURS)

Row = tuple[str, Sequence[dashboard.Panel]]


@dataclass(frozen=True, slots=True)
class Plant:
    """What the dashboards are about. `page` is our page as people reach it; empty: without links to it."""

    site: str
    rulebook: Rulebook
    tags: tuple[Tag, ...]
    store: str = RECORD  # the data source that samples are asked of at first
    page: str = ""

    def at_page(self, path: str) -> str:
        """An address of our page."""
        return self.page.rstrip("/") + path


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: panels from left to right, then closed rows. `shows` names its variables and annotations."""

    uid: str
    title: str
    description: str
    panels: Sequence[dashboard.Panel]
    shows: Sequence[str] = ()
    rows: Sequence[Row] = ()
    annotations: Sequence[dashboard.AnnotationQuery] = ()
    span: str = "now-8h"
    refresh: str = "10s"


def as_json(plant: Plant, board: Board) -> Json:
    """The dashboard as Grafana's classic schema has it."""
    known = {**_variables(plant), **_annotations()}
    chosen = [known[name] for name in ("store", "site", *board.shows)]
    made = dashboard.Dashboard(
        uid=board.uid,
        title=f"{plant.site} · {board.title}",
        description=board.description,
        tags=["thermowell", plant.site],
        editable=False,
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val=board.span, to="now"),
        timepicker=dashboard.TimePickerConfig(refresh_intervals=["5s", "10s", "30s", "1m", "5m", "1h"]),
        refresh=board.refresh,
        schema_version=_SCHEMA_VERSION,
        panels=_placed(board),
        templating=dashboard.DashboardDashboardTemplating(
            list_val=[one for one in chosen if isinstance(one, dashboard.VariableModel)]
        ),
        annotations=dashboard.AnnotationContainer(
            list_val=[*(one for one in chosen if isinstance(one, dashboard.AnnotationQuery)), *board.annotations]
        ),
        links=_links(plant, board),
    )
    told: Json = json.loads(json.dumps(made, cls=JSONEncoder))
    return _in_sight(told)


def _placed(board: Board) -> list[dashboard.Panel | dashboard.RowPanel]:
    """Panels and rows on the grid, with ids from 1: Grafana wants them unique in a dashboard."""
    top = flow(board.panels)
    made: list[dashboard.Panel | dashboard.RowPanel] = list(board.panels)
    for title, inner in board.rows:
        at = dashboard.GridPos(h=1, w=24, x=0, y=top)
        made.append(dashboard.RowPanel(collapsed=True, title=title, grid_pos=at, panels=list(inner)))
        flow(inner, top + 1)
        top += 1
    ids = 0
    for one in made:
        for each in [one, *((one.panels or []) if isinstance(one, dashboard.RowPanel) else [])]:
            ids += 1
            each.id_val = ids
    return made


def _in_sight(told: Json) -> Json:
    """Without the place in a menu that the SDK gives every link and annotation: in a kiosk nobody opens a menu."""
    container = told["annotations"]
    assert isinstance(container, dict)
    for listed in (told["links"], container["list"]):
        assert isinstance(listed, list)
        for one in listed:
            one.pop("placement", None)
    return told


def _links(plant: Plant, board: Board) -> list[dashboard.DashboardLink]:
    made = [
        dashboard.DashboardLink(
            title="Dashboards",
            type_val=dashboard.DashboardLinkType.DASHBOARDS,
            tags=["thermowell", plant.site],
            as_dropdown=True,
            include_vars=True,
            keep_time=True,
        ),
        dashboard.DashboardLink(
            title="Kiosk", url=f"/d/{board.uid}?kiosk", icon="tv", include_vars=True, keep_time=True
        ),
    ]
    if plant.page:
        tooltip = "Acknowledge, shelve and judge there: Grafana shows"
        made.insert(
            0,
            dashboard.DashboardLink(title="Thermowell", url=plant.at_page("/"), icon="external link", tooltip=tooltip),
        )
    return made


# Variables


def _variables(plant: Plant) -> Mapping[str, dashboard.VariableModel]:
    """By name. The units of samples, the batches of the record; the site stands for itself and is not shown."""
    units = f'SHOW TAG VALUES FROM {SITE} WITH KEY = "unit"'
    tags = f'SHOW TAG VALUES FROM {SITE} WITH KEY = "tag" WHERE {UNIT}'
    batches = f'SHOW TAG VALUES FROM {decided("phases")} WITH KEY = "batch" WHERE {UNIT}'
    return {
        "store": dashboard.VariableModel(
            type_val=dashboard.VariableType.DATASOURCE,
            name="store",
            label="Samples from",
            description="The record, or a mirror of it, which proves nothing",
            query="influxdb",
            current=dashboard.VariableOption(
                selected=True, text=_NAMES.get(plant.store, plant.store), value=plant.store
            ),
            regex="/^Thermowell /" if plant.store in _NAMES else "",
            refresh=dashboard.VariableRefresh.ON_DASHBOARD_LOAD,
        ),
        "site": dashboard.VariableModel(
            type_val=dashboard.VariableType.CONSTANT,
            name="site",
            label="Site",
            hide=dashboard.VariableHide.HIDE_VARIABLE,
            query=identifier(plant.site),
            current=dashboard.VariableOption(selected=True, text=plant.site, value=identifier(plant.site)),
        ),
        "unit": _asked("unit", "Unit", STORE, units, several=True),
        "tag": _asked("tag", "Tag", STORE, tags, several=True),
        "batch": _asked("batch", "Batch", RECORD, batches, sort=dashboard.VariableSort.NATURAL_DESC),
        "priority": dashboard.VariableModel(
            type_val=dashboard.VariableType.CUSTOM,
            name="priority",
            label="Priority",
            query=_PRIORITIES,
            multi=True,
            include_all=True,
            all_value=_ALL,
            options=[
                dashboard.VariableOption(selected=True, text="All", value="$__all"),
                *(dashboard.VariableOption(selected=False, text=one, value=one) for one in COLOURS),
            ],
            current=dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]),
        ),
    }


_NAMES = {"thermowell-record": "Thermowell record", "thermowell-mirror": "Thermowell mirror"}
"""What provisioning calls the data sources, by uid."""


def _asked(
    name: str,
    label: str,
    uid: str,
    query: str,
    *,
    several: bool = False,
    sort: dashboard.VariableSort = dashboard.VariableSort.NATURAL_ASC,
) -> dashboard.VariableModel:
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.QUERY,
        name=name,
        label=label,
        query=query,
        definition=query,
        datasource=source("influxdb", uid),
        refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=sort,
        multi=several,
        include_all=several,
        all_value=_ALL if several else None,
        current=dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]) if several else None,
    )


# Annotations


def _annotations() -> Mapping[str, dashboard.AnnotationQuery]:
    """By name: what every unit's trends are read against, of the units that are chosen, or of one batch."""
    alarms = (
        f'SELECT "message", "priority" FROM {decided("alarms")} '
        f"WHERE \"what\" = 'activated' AND \"priority\" != 'event' AND {{}} AND $timeFilter LIMIT {_MOST_ANNOTATIONS}"
    )
    of_phases = phases('"text", "end_ms", "unit"', "\"text\" != '' AND {}") + f" LIMIT {_MOST_ANNOTATIONS}"
    made = {}
    for where, condition in (("units", UNIT), ("batch", BATCH)):
        asked, red = alarms.replace("{}", condition), COLOURS["critical"]
        made[f"alarms of {where}"] = _annotation("Alarms", red, asked, "message", "priority")
        asked = of_phases.replace("{}", condition)
        made[f"phases of {where}"] = _annotation("Phases", "#9aa3a8", asked, "text", "unit", end="end_ms")
    return made


def annotations_of_unit(unit: str) -> Iterable[dashboard.AnnotationQuery]:
    """Those of one unit, for a dashboard that has no variable for it; `unit` is a literal."""
    for what in ("alarms of units", "phases of units"):
        made = _annotations()[what]
        assert isinstance(made.target, InfluxQuery)
        made.target.query = made.target.query.replace(UNIT, f'"unit" = {unit}')
        yield made


def _annotation(
    name: str, colour: str, query: str, text: str, tags: str, *, end: str = ""
) -> dashboard.AnnotationQuery:
    """As Grafana's InfluxDB data source takes it: which column is the text, which the tags, which the end in ms."""
    more: Json = {
        "fromAnnotations": True,
        "queryType": "tags",
        "textColumn": text,
        "tagsColumn": tags,
        "timeEndColumn": end,
        "titleColumn": "",
        "name": name,
    }
    return dashboard.AnnotationQuery(
        name=name,
        datasource=source("influxdb", RECORD),
        enable=True,
        icon_color=colour,
        target=InfluxQuery(query, RECORD, table=True, more=more).named("Anno"),
    )
