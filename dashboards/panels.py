"""Panels: grey is normal, colour only for what is not (ISA-101)."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard, stat, statetimeline, table, timeseries

from dashboards.queries import InfluxQuery, source

GREY = "text"
COLOURS = {"critical": "#c4161c", "high": "#f08a24", "medium": "#f2c200", "low": "#7a5195", "event": GREY}
"""Of a priority: those of our page, where shape and number tell it too."""

ABNORMAL, WARNING = COLOURS["critical"], COLOURS["high"]
COLUMNS = 24

Step = tuple[float | None, str]


def trend(
    title: str,
    *targets: Dataquery,
    unit: str = "short",
    size: tuple[int, int] = (12, 8),
    description: str = "",
    steps: Sequence[Step] = (),
    draw: Literal["line", "steps", "bars"] = "line",
) -> dashboard.Panel:
    """Values over time; `steps` colour the areas of a trend that is outside, or bars above a limit."""
    bars = draw == "bars"
    legend = not steps and not title.startswith("$")
    custom = common.GraphFieldConfig(
        draw_style=common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE,
        line_interpolation=common.LineInterpolation.STEP_AFTER if draw == "steps" else common.LineInterpolation.LINEAR,
        line_width=1,
        fill_opacity=60 if bars else 0,
        show_points=common.VisibilityMode.AUTO,
        span_nulls=False,
        stacking=common.StackingConfig(mode=common.StackingMode.NORMAL) if bars else None,
        thresholds_style=common.GraphThresholdsStyleConfig(
            mode=common.GraphThresholdsStyleMode.AREA if steps else common.GraphThresholdsStyleMode.OFF
        ),
    )
    options = timeseries.Options(
        legend=common.VizLegendOptions(
            show_legend=legend, display_mode=common.LegendDisplayMode.LIST, placement=common.LegendPlacement.BOTTOM
        ),
        tooltip=common.VizTooltipOptions(mode=common.TooltipDisplayMode.MULTI),
    )
    defaults = _defaults(unit, steps or [(None, "transparent")], fixed=True)
    defaults.custom = custom
    return _panel("timeseries", title, targets, size, description, options, defaults)


def coloured(panel: dashboard.Panel, colours: Mapping[str, str]) -> dashboard.Panel:
    """The same with a colour for each series, by its name."""
    assert panel.field_config is not None
    panel.field_config.overrides = [
        _override(name, {"color": {"mode": "fixed", "fixedColor": colour}}) for name, colour in colours.items()
    ]
    return panel


def number(
    title: str,
    *targets: Dataquery,
    unit: str = "short",
    size: tuple[int, int] = (4, 4),
    description: str = "",
    steps: Sequence[Step] = ((None, GREY),),
    calc: str = "lastNotNull",
    empty: str = "0",
    decimals: float | None = None,
) -> dashboard.Panel:
    """One figure; its colour is a step's. Where nothing is told `empty` stands."""
    options = stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.VALUE,
        reduce_options=common.ReduceDataOptions(values=False, calcs=[calc], fields=""),
    )
    defaults = _defaults(unit, steps)
    defaults.no_value = empty
    defaults.decimals = decimals
    return _panel("stat", title, targets, size, description, options, defaults)


def rows(
    title: str,
    *targets: Dataquery,
    size: tuple[int, int] = (24, 8),
    description: str = "",
    columns: Mapping[str, Mapping[str, object]] | None = None,
    hidden: Sequence[str] = (),
    order: Sequence[str] = (),
    most: tuple[str, int] | None = None,
) -> dashboard.Panel:
    """A table; `columns` are properties by column name, `most` a column and how many of its greatest."""
    defaults = _defaults("", [(None, GREY)])
    defaults.no_value = "nothing"
    overrides = [_override(name, given) for name, given in (columns or {}).items()]
    options = table.Options(show_header=True, cell_height=common.TableCellHeight.SM)
    made = _panel("table", title, targets, size, description, options, defaults, overrides)
    steps: list[tuple[str, dict[str, object]]] = [("merge", {})] if len(targets) > 1 else []
    if hidden or order:
        places = {name: place for place, name in enumerate(order)}
        steps.append(("organize", {"excludeByName": dict.fromkeys(hidden, True), "indexByName": places}))
    if most is not None:
        steps.append(("sortBy", {"sort": [{"field": most[0], "desc": True}]}))
        steps.append(("limit", {"limitField": most[1]}))
    made.transformations = [dashboard.DataTransformerConfig(id_val=name, options=given) for name, given in steps]
    return made


def states(
    title: str,
    *targets: Dataquery,
    size: tuple[int, int] = (24, 6),
    description: str = "",
) -> dashboard.Panel:
    """What each unit does over time, in grey; an empty text is nothing."""
    options = statetimeline.Options(
        show_value=common.VisibilityMode.AUTO,
        align_value=common.TimelineValueAlignment.LEFT,
        legend=common.VizLegendOptions(
            show_legend=False, display_mode=common.LegendDisplayMode.LIST, placement=common.LegendPlacement.BOTTOM
        ),
        tooltip=common.VizTooltipOptions(mode=common.TooltipDisplayMode.SINGLE),
    )
    defaults = _defaults("", [(None, "#9aa3a8")], fixed=True, colour="#9aa3a8")
    defaults.custom = statetimeline.FieldConfig(fill_opacity=70, line_width=1, span_nulls=True)
    defaults.mappings = [dashboard.ValueMap(options={"": dashboard.ValueMappingResult(text=" ", color="transparent")})]
    return _panel("state-timeline", title, targets, size, description, options, defaults)


def mapped(colours: Mapping[str, str]) -> list[dict[str, object]]:
    """The property `mappings` of a column: a text's colour."""
    options = {text: {"text": text, "color": colour} for text, colour in colours.items()}
    return [{"type": "value", "options": options}]


COLOURED_TEXT: Mapping[str, object] = {"custom.cellOptions": {"type": "color-text"}}
"""The properties of a column whose mapping or steps colour it."""


def link(title: str, url: str) -> list[dict[str, object]]:
    """The property `links` of a column."""
    return [{"title": title, "url": url, "targetBlank": False}]


def flow(panels: Sequence[dashboard.Panel], top: int = 0) -> int:
    """Put panels side by side in lines, from left to right; return the first line below them."""
    x = height = 0
    for panel in panels:
        assert panel.grid_pos is not None
        if x + panel.grid_pos.w > COLUMNS:
            x, top, height = 0, top + height, 0
        panel.grid_pos.x, panel.grid_pos.y = x, top
        x += panel.grid_pos.w
        height = max(height, panel.grid_pos.h)
    return top + height


def threshold_steps(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    """Steps from below; the first has no value."""
    made = [dashboard.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig(mode=dashboard.ThresholdsMode.ABSOLUTE, steps=made)


def _defaults(unit: str, steps: Sequence[Step], *, fixed: bool = False, colour: str = GREY) -> dashboard.FieldConfig:
    assert all(value is None or math.isfinite(value) for value, _ in steps)
    mode = dashboard.FieldColorModeId.FIXED if fixed else dashboard.FieldColorModeId.THRESHOLDS
    return dashboard.FieldConfig(
        unit=unit or None,
        thresholds=threshold_steps(steps),
        color=dashboard.FieldColor(mode=mode, fixed_color=colour if fixed else None),
    )


def _override(name: str, properties: Mapping[str, object]) -> dashboard.DashboardFieldConfigSourceOverrides:
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(id_val="byName", options=name),
        properties=[dashboard.DynamicConfigValue(id_val=key, value=value) for key, value in properties.items()],
    )


def _panel(
    kind: str,
    title: str,
    targets: Sequence[Dataquery],
    size: tuple[int, int],
    description: str,
    options: object,
    defaults: dashboard.FieldConfig,
    overrides: Sequence[dashboard.DashboardFieldConfigSourceOverrides] = (),
) -> dashboard.Panel:
    first = targets[0]
    uid = first.uid if isinstance(first, InfluxQuery) else None
    lettered = [
        one.named(chr(ord("A") + place)) if isinstance(one, InfluxQuery) else one for place, one in enumerate(targets)
    ]
    return dashboard.Panel(
        type_val=kind,
        title=title,
        description=description or None,
        datasource=source("influxdb", uid) if uid is not None else getattr(first, "datasource", None),
        targets=lettered,
        grid_pos=dashboard.GridPos(w=size[0], h=size[1]),
        options=options,
        field_config=dashboard.FieldConfigSource(defaults=defaults, overrides=list(overrides)),
    )
