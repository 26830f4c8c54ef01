"""The dashboards of the plant: overview, each unit, a batch, tags."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.models import dashboard

from dashboards.alarm_boards import alarm_rows, hold_table, standing_table
from dashboards.board import Board, Plant, annotations_of_unit
from dashboards.panels import ABNORMAL, GREY, WARNING, Step, link, number, rows, states, trend
from dashboards.queries import (
    BAD,
    BATCH,
    EVERY,
    NOT_BAD,
    SITE,
    TAG,
    UNIT,
    decided,
    extremes,
    of_record,
    of_samples,
    phases,
    text,
)
from dashboards.thresholds import steps
from dashboards.uids import board_uid, unit_uid
from dashboards.units import grafana_unit
from domain.equipment import UnitModel
from domain.recipes import ParameterRanges, Recipe
from domain.tags import Tag
from domain.time import format_duration

_ROWS = 500


def overview(plant: Plant) -> Board:
    """All units at a glance: what stands, what runs, what waits, and the values now."""
    standing, held = decided("standing"), decided("holds")
    values = (
        'SELECT last("value") AS "newest", min("value") AS "least", max("value") AS "greatest" '
        f'FROM {SITE} WHERE {UNIT} AND {NOT_BAD} AND $timeFilter GROUP BY "unit", "tag"'
    )
    bad = f'SELECT count("status") AS "bad" FROM {SITE} WHERE {UNIT} AND {BAD} AND time > now() - 15m'
    return Board(
        board_uid(plant.site, "overview"),
        "Plant",
        "Alarms, phases and holds are Thermowell's; Grafana shows them.",
        [
            number(
                "Not acknowledged",
                of_record(f'SELECT count("standing_s") FROM {standing} WHERE {UNIT} AND "state" =~ /UNACK|RTNUN/'),
                steps=_from_one(ABNORMAL),
            ),
            number(
                "Alarms standing",
                of_record(f'SELECT count("standing_s") FROM {standing} WHERE {UNIT}'),
                steps=_from_one(WARNING),
            ),
            number(
                "Least time left of a hold",
                of_record(f'SELECT min("left_s") FROM {held} WHERE {UNIT}'),
                unit="s",
                steps=[(None, ABNORMAL), (0, WARNING), (8 * 3600, GREY)],
                empty="nothing waits",
                size=(6, 4),
            ),
            number(
                "Phases that run",
                of_record(phases('count("runs")', f'{UNIT} AND "runs" = 1')),
            ),
            number(
                "Bad readings in 15 min",
                of_samples(bad),
                steps=_from_one(WARNING),
                size=(6, 4),
            ),
            _timeline(UNIT),
            standing_table(plant, UNIT, (24, 8)),
            rows(
                "Values of the shown time that are not Bad",
                of_samples(values, table=True),
                size=(12, 9),
                hidden=["Time", "time"],
                order=["unit", "tag", "newest", "least", "greatest"],
            ),
            hold_table(plant, UNIT, (12, 9)),
        ],
        shows=("unit",),
    )


def units(plant: Plant) -> list[Board]:
    """A dashboard for each unit that has a parameter which is a number, in the order of the units' names."""
    by_name = {tag.name: tag for tag in plant.tags}
    made = []
    for name in sorted(plant.rulebook.units):
        unit = plant.rulebook.units[name]
        shown = {
            role: by_name[tag]
            for role, tag in unit.parameters.items()
            if tag in by_name and by_name[tag].kind != "text"
        }
        if shown:
            made.append(_unit(plant, unit, shown))
    return made


def batch(plant: Plant) -> Board:
    """One batch: its phases as regions over every trend, its alarms, and a way to set the shown time to it."""
    span = "from=${__data.fields.start_ms}&to=${__data.fields.end_ms}"
    shown = f"/d/{board_uid(plant.site, 'batch')}?{span}&${{batch:queryparam}}"
    every = (
        'SELECT "unit", "phase", "recipe", "start_ms", "end_ms" '
        f"FROM {decided('phases')} WHERE {BATCH} AND \"text\" != ''"
    )
    alarms = (
        f'SELECT "what", "priority", "name", "message", "unit", "phase", "person", "alarm" FROM {decided("alarms")} '
        f"WHERE {BATCH} AND $timeFilter ORDER BY time DESC LIMIT {_ROWS}"
    )
    moment: Mapping[str, object] = {"unit": "dateTimeAsIso", "links": link("Show this phase", shown)}
    columns = {"start_ms": {**moment, "displayName": "start"}, "end_ms": {**moment, "displayName": "end"}}
    if plant.page:
        columns["recipe"] = {"links": link("The batch in Thermowell", plant.at_page("/batches/${batch:percentencode}"))}
    return Board(
        board_uid(plant.site, "batch"),
        "Batch",
        "Phases are regions behind the trends. The verdict, and its evidence, stand in Thermowell.",
        [
            _timeline(BATCH, (24, 5)),
            rows(
                "Phases of the batch",
                of_record(every, table=True),
                size=(12, 7),
                hidden=["Time", "time"],
                columns=columns,
            ),
            alarm_rows(plant, "Alarms of the batch in the shown time", alarms, (12, 7)),
            _repeated(trend("${tag}", of_samples(extremes(TAG), alias="$col")), 2),
        ],
        shows=("unit", "batch", "tag", "phases of batch", "alarms of batch"),
        span="now-24h",
    )


def tags(plant: Plant) -> Board:
    """Any tag of the record: its values, how many come, how many are Bad, and the rows themselves."""
    counted = f'SELECT count("status") FROM {SITE} WHERE {TAG} AND $timeFilter {EVERY}, "tag" fill(none)'
    means = f'SELECT mean("value") FROM {SITE} WHERE {TAG} AND {NOT_BAD} AND $timeFilter {EVERY}, "tag" fill(none)'
    bad = f'SELECT count("status") FROM {SITE} WHERE {TAG} AND {BAD} AND $timeFilter {EVERY}, "tag" fill(none)'
    newest = f'SELECT "tag", "value", "status" FROM {SITE} WHERE {TAG} AND $timeFilter ORDER BY time DESC LIMIT {_ROWS}'
    return Board(
        board_uid(plant.site, "tags"),
        "Tags",
        "Samples as they are kept; a mirror may lack, or have, others.",
        [
            trend("Means of what is not Bad", of_samples(means, alias="$tag_tag"), size=(24, 9)),
            trend("Rows in each interval", of_samples(counted, alias="$tag_tag"), draw="bars"),
            trend("Bad rows in each interval", of_samples(bad, alias="$tag_tag"), draw="bars"),
            rows(f"The newest {_ROWS} rows", of_samples(newest, table=True), size=(24, 9)),
        ],
        shows=("unit", "tag", "alarms of units", "phases of units"),
        span="now-6h",
    )


def _unit(plant: Plant, unit: UnitModel, shown: Mapping[str, Tag]) -> Board:
    """A panel a parameter. Where the phases differ, its ranges stand in a closed row for each phase."""
    literal = f'"unit" = {text(unit.name)}'
    panels = [_timeline(literal, (24, 4)), standing_table(plant, literal, (24, 5))]
    inner: dict[str, list[dashboard.Panel]] = {}
    for role, tag in shown.items():
        places = _places(role, _recipes_of(plant, unit))
        same = len({repr(steps(ranges.ranges)) for _, _, ranges in places}) == 1
        panels.append(_parameter(tag, places[0][2] if same else None))
        for recipe, phase, ranges in [] if same else places:
            row = f"{recipe.product} v{recipe.version} · {phase}"
            inner.setdefault(row, []).append(_parameter(tag, ranges))
    return Board(
        unit_uid(plant.site, unit.name),
        unit.name,
        "Outside NOR and outside the validated range are areas; verdicts are Thermowell's.",
        panels,
        rows=list(inner.items()),
        annotations=list(annotations_of_unit(text(unit.name))),
    )


def _recipes_of(plant: Plant, unit: UnitModel) -> Sequence[Recipe]:
    """The recipes that may run on a unit."""
    recipes = plant.rulebook.recipes
    if unit.recipe is not None:
        return [recipes[unit.recipe]] if unit.recipe in recipes else []
    return [recipes[product] for product in sorted(recipes)]


def _places(role: str, recipes: Sequence[Recipe]) -> list[tuple[Recipe, str, ParameterRanges]]:
    """The phases in which a parameter has ranges that can be drawn."""
    return [
        (recipe, name, phase.parameters[role])
        for recipe in recipes
        for name, phase in recipe.phases.items()
        if role in phase.parameters and steps(phase.parameters[role].ranges)
    ]


def _parameter(tag: Tag, ranges: ParameterRanges | None) -> dashboard.Panel:
    field = "boolean" if tag.kind == "boolean" else "value"
    return trend(
        tag.name,
        of_samples(extremes(f'"tag" = {text(tag.name)}', field), alias="$col"),
        unit=grafana_unit(tag.unit),
        description=_description(tag, ranges),
        steps=[] if ranges is None else steps(ranges.ranges),
        draw="steps" if tag.kind == "boolean" else "line",
    )


def _description(tag: Tag, ranges: ParameterRanges | None) -> str:
    sentences = [tag.description, f"Pressure is {tag.reference}." if tag.reference else ""]
    if ranges is not None:
        sentences.append("Areas: outside NOR, and outside the validated range.")
        sentences.append(
            f"They hold from {format_duration(ranges.after_ns)} into the phase." if ranges.after_ns else ""
        )
        sentences.append(f"Study {ranges.study}." if ranges.study else "")
    return " ".join(sentence for sentence in sentences if sentence)


def _timeline(condition: str, size: tuple[int, int] = (24, 6)) -> dashboard.Panel:
    query = phases('"phase"', condition) + ' GROUP BY "unit"'
    return states("Phases", of_record(query, alias="$tag_unit"), size=size)


def _repeated(panel: dashboard.Panel, abreast: int) -> dashboard.Panel:
    """One for each tag that is chosen."""
    panel.repeat, panel.repeat_direction, panel.max_per_row = "tag", "h", abreast
    return panel


def _from_one(colour: str) -> list[Step]:
    return [(None, GREY), (1, colour)]
