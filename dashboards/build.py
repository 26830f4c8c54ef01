"""Every dashboard of a plant, as Grafana's classic JSON: made of the configuration, so change that."""

from collections.abc import Iterable, Iterator

from dashboards.alarm_boards import alarms, holds, rates
from dashboards.board import Board, Plant, as_json
from dashboards.boards import batch, overview, tags, units
from dashboards.queries import Json
from dashboards.service_board import service


def build_dashboards(plant: Plant) -> list[Json]:
    """The plant, its units in the order of their names, batch, tags, alarms, their rates, holds, the service."""
    return [as_json(plant, board) for board in boards(plant)]


def boards(plant: Plant) -> list[Board]:
    """The dashboards before they are JSON."""
    return [
        overview(plant),
        *units(plant),
        batch(plant),
        tags(plant),
        alarms(plant),
        rates(plant),
        holds(plant),
        service(plant),
    ]


def panels_of(board: Json) -> Iterator[Json]:
    """Every panel of a dashboard, also those in closed rows, without the rows."""
    for panel in _listed(board["panels"]):
        if panel["type"] == "row":
            yield from _listed(panel["panels"])
        else:
            yield panel


def _listed(panels: object) -> Iterable[Json]:
    assert isinstance(panels, list)
    return panels
