"""A drawing of a dashboard's layout: the grid with titles and kinds of panels, as SVG. No picture of Grafana."""

import re
from collections.abc import Iterator
from html import escape

from dashboards.panels import COLUMNS
from dashboards.queries import Json

_CELL_W, _CELL_H, _HEAD, _MARGIN = 32, 22, 64, 8
_KINDS = {
    "timeseries": "trend",
    "stat": "figure",
    "table": "table",
    "state-timeline": "states over time",
    "row": "closed row",
}
_INK, _SOFT, _PAGE, _PANEL, _LINE = "#1d2428", "#47535a", "#d3d6d8", "#eef0f1", "#b4babd"


def draw(dashboard: Json) -> str:
    """The drawing; its height follows from the panels."""
    panels = list(_boxes(dashboard["panels"]))
    bottom = max((y + h for _, _, y, _, h in panels), default=0)
    width, height = COLUMNS * _CELL_W + 2 * _MARGIN, _HEAD + bottom * _CELL_H + 2 * _MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif">'
        ),
        f'<rect width="{width}" height="{height}" fill="{_PAGE}"/>',
        _text(_MARGIN + 4, 26, 18, _INK, str(dashboard["title"])),
        _text(_MARGIN + 4, 48, 12, _SOFT, f"{_variables(dashboard)}   (drawn layout, not a picture of Grafana)"),
    ]
    for panel, x, y, w, h in panels:
        left, top = _MARGIN + x * _CELL_W, _HEAD + y * _CELL_H
        parts.append(
            f'<rect x="{left + 2}" y="{top + 2}" width="{w * _CELL_W - 4}" height="{h * _CELL_H - 4}" rx="3" '
            f'fill="{_PANEL}" stroke="{_LINE}"/>'
        )
        title = _fitting(str(panel["title"]), w)
        if panel["type"] == "row":
            parts.append(_text(left + 10, top + 16, 12, _INK, f"▸ {title}"))
            continue
        repeated = f", one for each {panel['repeat']}" if panel.get("repeat") else ""
        kind = _fitting(_KINDS.get(str(panel["type"]), str(panel["type"])) + repeated, w)
        parts.append(_text(left + 10, top + 20, 12, _INK, title))
        parts.append(_text(left + 10, top + 38, 11, _SOFT, kind))
    return "\n".join([*parts, "</svg>\n"])


def picture_name(dashboard: Json) -> str:
    """A file's name from the title, without the site."""
    title = str(dashboard["title"]).partition(" · ")[2]
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") + ".svg"


def _boxes(panels: object) -> Iterator[tuple[Json, int, int, int, int]]:
    assert isinstance(panels, list)
    for panel in panels:
        at = panel["gridPos"]
        yield panel, at["x"], at["y"], at["w"], at["h"]


def _variables(dashboard: Json) -> str:
    templating = dashboard["templating"]
    assert isinstance(templating, dict)
    shown = [f"{one['label']} ▾" for one in templating["list"] if one.get("hide") != 2]
    return "   ".join(shown)


def _fitting(text: str, columns: int) -> str:
    most = columns * _CELL_W // 7
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(x: int, y: int, size: int, colour: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{escape(text)}</text>'
