"""The dashboards of what was decided: alarms, their rates after ISA-18.2, holds."""

from collections.abc import Mapping

from grafana_foundation_sdk.models import dashboard

from dashboards.board import Board, Plant
from dashboards.panels import (
    ABNORMAL,
    COLOURED_TEXT,
    COLOURS,
    GREY,
    WARNING,
    Step,
    coloured,
    link,
    mapped,
    number,
    rows,
    trend,
)
from dashboards.queries import EVERY, PRIORITY, UNIT, decided, of_record
from dashboards.uids import board_uid

_ACTIVATED = "\"what\" = 'activated' AND \"priority\" != 'event'"
_ROWS = 500
_STATES = {"breached": ABNORMAL, "indeterminate": WARNING, "warned": WARNING}
_DAY_S = 86_400

Columns = dict[str, Mapping[str, object]]


def alarms(plant: Plant) -> Board:
    """What stands, what changed, and how often."""
    changed = (
        f'SELECT "what", "priority", "name", "message", "unit", "batch", "phase", "person", "comment", "alarm" '
        f"FROM {decided('alarms')} WHERE {UNIT} AND {PRIORITY} AND $timeFilter ORDER BY time DESC LIMIT {_ROWS}"
    )
    counted = (
        f'SELECT count("in_ten_minutes") FROM {decided("alarms")} '
        f'WHERE {_ACTIVATED} AND {UNIT} AND {PRIORITY} AND $timeFilter {EVERY}, "priority" fill(none)'
    )
    return Board(
        board_uid(plant.site, "alarms"),
        "Alarms",
        "Alarms are Thermowell's: acknowledge, shelve and comment there. Grafana raises none of them.",
        [
            standing_table(plant, f"{UNIT} AND {PRIORITY}", (24, 9)),
            coloured(
                trend(
                    "Activations in each interval",
                    of_record(counted, alias="$tag_priority"),
                    size=(24, 6),
                    draw="bars",
                ),
                COLOURS,
            ),
            alarm_rows(plant, f"Changes in the shown time (the newest {_ROWS})", changed, (24, 12)),
        ],
        shows=("unit", "priority"),
    )


def rates(plant: Plant) -> Board:
    """What ISA-18.2 (IEC 62682) asks of an alarm system, over the shown time; best over weeks."""
    told, standing = decided("alarms"), decided("standing")
    of_time = f"{_ACTIVATED} AND {UNIT} AND $timeFilter"
    by_hour = f'SELECT count("in_ten_minutes") FROM {told} WHERE {of_time} GROUP BY time(1h) fill(0)'
    peak = f'SELECT max("in_ten_minutes") FROM {told} WHERE {of_time}'
    peaks = f'SELECT max("in_ten_minutes") FROM {told} WHERE {of_time} GROUP BY time(10m) fill(none)'
    chatter = f'SELECT sum("chattering") FROM {told} WHERE {of_time}'
    stale = f'SELECT count("standing_s") FROM {standing} WHERE {UNIT} AND "standing_s" > {_DAY_S}'
    shelved = f'SELECT count("standing_s") FROM {standing} WHERE {UNIT} AND "state" = \'SHLVD\''
    counts = f'SELECT count("in_ten_minutes") AS "activations" FROM {told} WHERE {of_time}'
    often = f'{counts} GROUP BY "name", "unit"'
    took = (
        f'SELECT median("responded_s") AS "median", percentile("responded_s", 90) AS "of 90 in 100" FROM {told} '
        f"WHERE {UNIT} AND $timeFilter"
    )
    hourly: list[Step] = [(None, "transparent"), (12, _AREA)]
    tenth: list[Step] = [(None, "transparent"), (10, _AREA)]
    count = of_record(by_hour)
    return Board(
        board_uid(plant.site, "rates"),
        "Alarm rates (ISA-18.2)",
        "Targets of ISA-18.2 for one operator: 6 an hour on average, at most 10 in ten minutes, few that stand for a "
        "day. Events are not counted.",
        [
            number("Alarms an hour", count, calc="mean", steps=_above(6, 12), decimals=1, size=(5, 4)),
            number("Most in ten minutes", of_record(peak), steps=_above(5, 10), size=(5, 4)),
            number("Chattering: 3 in a minute", of_record(chatter), steps=_above(1, 10), size=(5, 4)),
            number("Standing for more than a day", of_record(stale), steps=_above(1, 5), size=(5, 4)),
            number("Shelved now", of_record(shelved), steps=_above(1, 30), size=(4, 4)),
            trend("Alarms in each hour", of_record(by_hour), draw="bars", steps=hourly),
            trend("Most in ten minutes", of_record(peaks), draw="bars", steps=tenth),
            rows(
                "The ten most frequent",
                of_record(often, table=True),
                size=(12, 9),
                hidden=["Time", "time"],
                order=["name", "unit", "activations"],
                most=("activations", 10),
            ),
            rows(
                "By priority (ISA-18.2: about 80 low, 15 medium, 5 high of 100)",
                of_record(f'{counts} GROUP BY "priority"', table=True),
                size=(6, 9),
                hidden=["Time", "time"],
                order=["priority", "activations"],
                columns={"priority": {**COLOURED_TEXT, "mappings": mapped(COLOURS)}},
            ),
            number("Until acknowledged", of_record(took), unit="s", empty="none was", size=(6, 9)),
        ],
        shows=("unit",),
        span="now-7d",
        refresh="1m",
    )


def holds(plant: Plant) -> Board:
    """What waits, and how long it still may."""
    held = decided("holds")
    broken = f'SELECT count("limit_s") FROM {held} WHERE {UNIT} AND "state" = \'breached\''
    unknown = f'SELECT count("limit_s") FROM {held} WHERE {UNIT} AND "state" = \'indeterminate\''
    left = f'SELECT min("left_s") FROM {held} WHERE {UNIT}'
    return Board(
        board_uid(plant.site, "holds"),
        "Holds",
        "Times are the sources', as of the newest heartbeat, in the worst case. What a hold is, Thermowell says.",
        [
            number("Over their limit", of_record(broken), steps=[(None, GREY), (1, ABNORMAL)], size=(8, 4)),
            number("Nobody can tell", of_record(unknown), steps=[(None, GREY), (1, WARNING)], size=(8, 4)),
            number(
                "Least time left", of_record(left), unit="s", empty="nothing waits", steps=_LEFT, size=(8, 4),
            ),
            hold_table(plant, UNIT, (24, 14)),
        ],
        shows=("unit",),
    )  # fmt: skip


_LEFT: list[Step] = [(None, ABNORMAL), (0.0, WARNING), (8 * 3600.0, GREY)]
_AREA = "rgba(212, 74, 58, 0.30)"


def _above(manageable: float, much: float) -> list[tuple[float | None, str]]:
    return [(None, GREY), (manageable, WARNING), (much, ABNORMAL)]


def standing_table(plant: Plant, condition: str, size: tuple[int, int]) -> dashboard.Panel:
    """Alarms that are not normal, since when."""
    query = (
        'SELECT "state", "priority", "name", "message", "unit", "batch", "phase", "standing_s", "alarm" '
        f"FROM {decided('standing')} WHERE {condition} ORDER BY time DESC"
    )
    return alarm_rows(plant, "Alarms that stand", query, size, {"standing_s": {"unit": "s", "displayName": "for"}})


def hold_table(plant: Plant, condition: str, size: tuple[int, int]) -> dashboard.Panel:
    """Holds and budgets with the time that is left."""
    query = (
        'SELECT "state", "hold", "kind", "unit", "batch", "left_s", "elapsed_s", "limit_s", "runs_out_ms", "message" '
        f"FROM {decided('holds')} WHERE {condition}"
    )
    steps = [{"value": value, "color": colour} for value, colour in _LEFT]
    columns: Columns = {
        "state": {**COLOURED_TEXT, "mappings": mapped(_STATES)},
        "left_s": {
            **COLOURED_TEXT,
            "unit": "s",
            "displayName": "left",
            "thresholds": {"mode": "absolute", "steps": steps},
        },
        "elapsed_s": {"unit": "s", "displayName": "so far"},
        "limit_s": {"unit": "s", "displayName": "limit"},
        "runs_out_ms": {"unit": "dateTimeAsIso", "displayName": "runs out"},
    }
    if plant.page:
        to_batch = plant.at_page("/batches/${__data.fields.batch:percentencode}")
        columns["batch"] = {"links": link("The batch in Thermowell", to_batch)}
    return rows(
        "Holds, with the time left in the worst case",
        of_record(query, table=True),
        size=size,
        columns=columns,
    )


def alarm_rows(
    plant: Plant, title: str, query: str, size: tuple[int, int], more: Columns | None = None
) -> dashboard.Panel:
    """A table of alarms: priority in its colour, and a link from the message to the alarm in our page."""
    columns: Columns = {"priority": {**COLOURED_TEXT, "mappings": mapped(COLOURS)}, **(more or {})}
    if plant.page:
        columns["message"] = {"links": link("The alarm in Thermowell", plant.at_page("/alarms/${__data.fields.alarm}"))}
    return rows(title, of_record(query, table=True), size=size, columns=columns, hidden=["alarm"])
